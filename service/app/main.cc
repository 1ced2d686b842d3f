// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"
#include "service/app/commands.h"

int main(int argc, char** argv) { return kw::cli::run(argc, argv, kw::app::server_commands()); }
