// SPDX-License-Identifier: Apache-2.0
#include <system_error>

#include "cli/commands.h"
#include "cli/log_options.h"
#include "cli/problem_text.h"
#include "cli/server_command.h"
#include "service/audit_archive/archive.h"
#include "service/audit_read/moment.h"

namespace kw::cli {
namespace {

using audit_archive::Moved;
using audit_archive::Retention;

std::string check_moment(const std::string& text) {
  if (audit_read::parse_moment(text, wall_now())) return {};
  return "\"" + printable(text) +
         "\" is no time such as 2026-01-01T00:00:00Z and no age such as 90d";
}

std::string to_text(const Moved& moved, const std::string& to) {
  if (moved.segments == 0) return "nothing to move\n";
  return "moved " + std::to_string(moved.segments) +
         (moved.segments == 1 ? " segment" : " segments") + ", records " +
         std::to_string(moved.first_index) + " to " + std::to_string(moved.next_index - 1) +
         ", to " + printable(to) + "\n";
}

std::string to_json(const Moved& moved) {
  return "{\"segments\":" + std::to_string(moved.segments) +
         ",\"first_index\":" + std::to_string(moved.first_index) +
         ",\"next_index\":" + std::to_string(moved.next_index) + "}\n";
}

Result<int> archive(const Arguments& arguments, const Io& io) {
  const std::string log = arguments.get("DIR");
  const std::string to = arguments.get("--to");
  if (arguments.has("--before") && arguments.has("--keep")) {
    return usage_fault(io, "give --before or --keep, not both");
  }
  std::error_code failure;
  if (std::filesystem::equivalent(log, to, failure)) {
    return usage_fault(io, "--to must be another folder than DIR");
  }
  Retention retention;
  if (arguments.has("--keep")) retention.keep = number_of(arguments, "--keep");
  if (arguments.has("--before")) {
    retention.before = audit_read::parse_moment(arguments.get("--before"), wall_now());
  }
  const Moved moved = TRY(audit_archive::archive(log, to, retention));
  TRY(write_all(io.out, arguments.has("--json") ? to_json(moved) : to_text(moved, to)));
  return kExitOk;
}

}  // namespace

std::vector<Command> archive_commands() {
  const Option to{.name = "--to",
                  .value = "DIR2",
                  .help = "the folder to move segments to, made if absent",
                  .need = Option::Need::Required,
                  .completion = Option::Completion::Directory};
  const Option before{.name = "--before",
                      .value = "TIME",
                      .help = "only segments whose records are all older: a time, or an age as 90d",
                      .check = check_moment};
  const Option keep{.name = "--keep",
                    .value = "N",
                    .help = "leave the N newest segments",
                    .check = check_number(1, ~std::uint64_t{0})};
  return {{.path = "audit archive",
           .summary = "move sealed segments to another folder, compressed",
           .details = "The service may run meanwhile. The last segment always stays. A segment is\n"
                      "removed once its copy is durable and the same; a run that was cut short\n"
                      "is completed by the next. Give DIR2 as --archive to verify, show, stats\n"
                      "and export.",
           .options = {log_folder_option(), to, before, keep, json_lines_option()},
           .run = archive}};
}

}  // namespace kw::cli
