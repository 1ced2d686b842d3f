// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"
#include "cli/commands.h"
#include "cli/json_body.h"
#include "cli/log_options.h"
#include "cli/problem_text.h"
#include "cli/server_command.h"
#include "service/audit_verify/print.h"
#include "service/audit_verify/signed_log.h"

namespace kw::cli {
namespace {

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

void add_cosigned(JsonBody& body, const std::vector<audit_verify::Cosigned>& cosigned) {
  if (cosigned.empty()) return;
  JsonBody all;
  for (const audit_verify::Cosigned& each : cosigned) {
    JsonBody one;
    one.number("size", each.size).number("time", each.time);
    all.object(each.name, one);
  }
  body.object("cosigned", all);
}

std::string cosigned_lines(const std::vector<audit_verify::Cosigned>& cosigned) {
  constexpr std::uint64_t kMicroseconds = 1'000'000;
  std::string text;
  for (const audit_verify::Cosigned& each : cosigned) {
    const bool fits = each.time < ~std::uint64_t{0} / kMicroseconds;
    text += std::to_string(each.size) + " records cosigned by " + printable(each.name) + ", " +
            (fits ? audit_verify::utc(each.time * kMicroseconds) : std::to_string(each.time)) +
            "\n";
  }
  return text;
}

std::string to_json(const Verdict& verdict) {
  JsonBody body;
  body.text("verdict", word_of(verdict.finding)).number("records", verdict.records);
  body.number("signed_records", verdict.signed_records);
  body.number("withheld", verdict.withheld);
  body.text("last_leaf", to_hex(verdict.last_leaf));
  add_cosigned(body, verdict.cosigned);
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
  if (verdict.withheld > 0) {
    text += ", " + std::to_string(verdict.withheld) + " with an answer that was withheld";
  }
  if (verdict.records > 0) text += ", last leaf " + to_hex(verdict.last_leaf);
  text += "\n" + cosigned_lines(verdict.cosigned);
  if (verdict.finding == Finding::Good) return text;
  return text + printable(verdict.file.string()) + ": byte " + std::to_string(verdict.offset) +
         ", record " + std::to_string(verdict.index) + ": " + printable(verdict.what) + "\n";
}

Result<Verdict> verdict_on(const Arguments& arguments) {
  audit_verify::Trust trust;
  if (arguments.has("--key")) trust.key = arguments.get("--key");
  if (arguments.has("--trusted-checkpoint"))
    trust.checkpoint = arguments.get("--trusted-checkpoint");
  trust.records_alone = arguments.has("--unsigned");
  trust.witnesses = TRY(trusted_witnesses(arguments));
  return audit_verify::verify_signed(log_folders(arguments), trust);
}

Result<int> verify(const Arguments& arguments, const Io& io) {
  const auto verdict = verdict_on(arguments);
  // 1 to 3 are verdicts: a folder that cannot be read is none of them.
  if (!verdict) {
    (void)usage_fault(io, verdict.error().detail());
    return kAuditUsage;
  }
  TRY(write_all(io.out, arguments.has("--json") ? to_json(*verdict) : to_text(*verdict)));
  return static_cast<int>(verdict->finding);
}

}  // namespace

std::vector<Command> audit_commands() {
  const Option json{.name = "--json", .value = "", .help = "one JSON object a line"};
  return {
      {.path = "audit verify",
       .summary = "check a log from its first byte to its last",
       .details = "Ends with 0 good, 1 tampered, 2 truncated, 3 only a torn tail (a crash leaves\n"
                  "one), 4 wrong usage or unreadable folder. Names the first bad byte. Needs no\n"
                  "server and no token: the records must be those that the newest checkpoint, and\n"
                  "a trusted older one, have signed.",
       .options = {log_folder_option(),
                   archive_option(),
                   file_option("--key", "the verifier key that you trust [DIR/checkpoint.vkey]"),
                   file_option("--trusted-checkpoint",
                               "an older checkpoint that you kept, or a witness's"),
                   witness_option(),
                   {.name = "--unsigned",
                    .value = "",
                    .help = "a log that has no checkpoint is good if its records are"},
                   json},
       .run = verify,
       .usage_exit = kAuditUsage},
      prove_command(),
      context_command(),
  };
}

}  // namespace kw::cli
