// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <deque>
#include <thread>

#include "base/bytes.h"
#include "cli/commands.h"
#include "cli/json_body.h"
#include "cli/problem_text.h"
#include "cli/server_command.h"
#include "service/audit_verify/print.h"
#include "service/audit_verify/signed_log.h"
#include "service/audit_verify/verify.h"

namespace kw::cli {
namespace {

using audit_verify::DecodedRecord;
using audit_verify::Finding;
using audit_verify::Verdict;

constexpr int kAuditUsage = 4;

std::string_view word_of(Finding finding) {
  switch (finding) {
    case Finding::Good:
      return "good";
    case Finding::Tampered:
      return "tampered";
    case Finding::Truncated:
      return "truncated";
    case Finding::TornTail:
      return "torn tail";
  }
  return "";
}

std::string to_json(const Verdict& verdict) {
  JsonBody body;
  body.text("verdict", word_of(verdict.finding)).number("records", verdict.records);
  body.number("signed_records", verdict.signed_records);
  body.text("last_leaf", to_hex(verdict.last_leaf));
  if (verdict.finding != Finding::Good) {
    body.text("file", verdict.file.string()).number("offset", verdict.offset);
    body.number("index", verdict.index).text("what", verdict.what);
  }
  const Secret line = body.finish();
  return std::string(as_text(line.reveal())) + "\n";
}

std::string to_text(const Verdict& verdict) {
  std::string text = std::string(word_of(verdict.finding)) + ": " +
                     std::to_string(verdict.records) + " good records";
  if (verdict.signed_records > 0) text += ", " + std::to_string(verdict.signed_records) + " signed";
  if (verdict.records > 0) text += ", last leaf " + to_hex(verdict.last_leaf);
  text += "\n";
  if (verdict.finding == Finding::Good) return text;
  return text + printable(verdict.file.string()) + ": byte " + std::to_string(verdict.offset) +
         ", record " + std::to_string(verdict.index) + ": " + printable(verdict.what) + "\n";
}

Result<int> verify(const Arguments& arguments, const Io& io) {
  audit_verify::Trust trust;
  if (arguments.has("--key")) trust.key = arguments.get("--key");
  if (arguments.has("--trusted-checkpoint"))
    trust.checkpoint = arguments.get("--trusted-checkpoint");
  trust.records_alone = arguments.has("--unsigned");
  const auto verdict = audit_verify::verify_signed(arguments.get("DIR"), trust);
  // 1 to 3 are verdicts: a folder that cannot be read is none of them.
  if (!verdict) {
    (void)usage_fault(io, verdict.error().detail());
    return kAuditUsage;
  }
  TRY(write_all(io.out, arguments.has("--json") ? to_json(*verdict) : to_text(*verdict)));
  return static_cast<int>(verdict->finding);
}

std::string line_of(const DecodedRecord& record, const Arguments& arguments) {
  return (arguments.has("--json") ? audit_verify::to_json(record) : audit_verify::to_text(record)) +
         "\n";
}

// Prints the records from `first` on; yields the index to go on with.
Result<std::uint64_t> print_from(std::uint64_t first, const Arguments& arguments, const Io& io) {
  std::uint64_t next = first;
  Result<void> written;
  TRY(audit_verify::read_records(arguments.get("DIR"), first, [&](const DecodedRecord& record) {
    written = write_all(io.out, line_of(record, arguments));
    next = record.index + 1;
    return written.has_value();
  }));
  if (!written) return std::move(written).error();
  return next;
}

Result<int> show(const Arguments& arguments, const Io& io) {
  const std::uint64_t first = arguments.has("--from") ? number_of(arguments, "--from") : 0;
  const std::uint64_t most =
      arguments.has("--count") ? number_of(arguments, "--count") : ~std::uint64_t{0};
  std::uint64_t printed = 0;
  Result<void> written;
  TRY(audit_verify::read_records(arguments.get("DIR"), first, [&](const DecodedRecord& record) {
    written = write_all(io.out, line_of(record, arguments));
    return written.has_value() && ++printed < most;
  }));
  if (!written) return std::move(written).error();
  return kExitOk;
}

Result<int> tail(const Arguments& arguments, const Io& io) {
  const std::uint64_t wanted = arguments.has("--lines") ? number_of(arguments, "--lines") : 10;
  std::deque<std::string> lines;
  std::uint64_t next = 0;
  TRY(audit_verify::read_records(arguments.get("DIR"), 0, [&](const DecodedRecord& record) {
    lines.push_back(line_of(record, arguments));
    if (lines.size() > wanted) lines.pop_front();
    next = record.index + 1;
    return true;
  }));
  for (const std::string& line : lines) TRY(write_all(io.out, line));
  while (arguments.has("--follow")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    next = TRY(print_from(next, arguments, io));
  }
  return kExitOk;
}

Option number_option(std::string name, std::string help, std::uint64_t least) {
  return {.name = std::move(name),
          .value = "N",
          .help = std::move(help),
          .check = check_number(least, ~std::uint64_t{0})};
}

}  // namespace

std::vector<Command> audit_commands() {
  const Option folder{.name = "DIR",
                      .value = "DIR",
                      .help = "the log's folder",
                      .need = Option::Need::Required,
                      .completion = Option::Completion::Directory};
  const Option json{.name = "--json", .value = "", .help = "one JSON object a line"};
  const Option follow{.name = "--follow",
                      .value = "",
                      .help = "go on with what is written from now on",
                      .letter = 'f'};
  Option lines = number_option("--lines", "how many, default 10", 0);
  lines.letter = 'n';
  return {
      {.path = "audit verify",
       .summary = "check a log from its first byte to its last",
       .details = "Ends with 0 good, 1 tampered, 2 truncated, 3 only a torn tail (a crash leaves\n"
                  "one), 4 wrong usage or unreadable folder. Names the first bad byte. Needs no\n"
                  "server and no token: the records must be those that the newest checkpoint, and\n"
                  "a trusted older one, have signed.",
       .options = {folder,
                   file_option("--key", "the verifier key that you trust [DIR/checkpoint.vkey]"),
                   file_option("--trusted-checkpoint", "an older checkpoint that you kept"),
                   {.name = "--unsigned",
                    .value = "",
                    .help = "a log that has no checkpoint is good if its records are"},
                   json},
       .run = verify,
       .usage_exit = kAuditUsage},
      {.path = "audit tail",
       .summary = "print the last records",
       .details = {},
       .options = {folder, follow, lines, json},
       .run = tail},
      {.path = "audit show",
       .summary = "print records from the start",
       .details = {},
       .options = {folder, number_option("--from", "the first record's index", 0),
                   number_option("--count", "how many at most", 1), json},
       .run = show},
      prove_command(),
  };
}

}  // namespace kw::cli
