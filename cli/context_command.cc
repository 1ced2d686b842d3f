// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.h"
#include "cli/json_answer.h"
#include "cli/json_body.h"
#include "cli/server_command.h"

namespace kw::cli {
namespace {

Result<int> show_mac(Client& server, const Arguments& arguments, const Io& io) {
  JsonBody body;
  body.pairs("context", pairs_of(arguments, "--context"));
  const Answer answer = TRY(server.post("/v1/audit/context", body.finish()));
  TRY(print_answer(answer, arguments, io));
  return kExitOk;
}

}  // namespace

Command context_command() {
  Option context = context_option();
  context.help = "the context that is looked for: repeat it for each pair";
  return server_command(
      {.path = "audit context",
       .summary = "say what the log holds in a context's place",
       .details =
           "The log never holds a context, only its MAC under a key in the token. To find where\n"
           "one was used: keyward audit show DIR --where context_mac=MAC",
       .options = {context},
       .run = {}},
      show_mac);
}

}  // namespace kw::cli
