// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command.h"
#include "service/audit_read/filter.h"
#include "service/audit_verify/cosignature.h"
#include "service/audit_verify/segment_list.h"

namespace kw::cli {

// Options that the commands on a log share: DIR, --archive DIR2 (repeated), --where FILTER
// (repeated), --json.
Option log_folder_option();
Option archive_option();
Option where_option();
Option json_lines_option();
Option witness_option();

// The keys that --witness names: each a verifier key, or a file that holds one.
// Errors: InvalidArgument, NotFound, Unavailable.
Result<std::vector<audit_verify::CosignerKey>> trusted_witnesses(const Arguments& arguments);

// What DIR and --archive name.
audit_verify::Folders log_folders(const Arguments& arguments);

// What all of --where say together; each of them has passed its option's check.
audit_read::Filter log_filter(const Arguments& arguments);

}  // namespace kw::cli
