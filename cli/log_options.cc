// SPDX-License-Identifier: Apache-2.0
#include "cli/log_options.h"

#include "base/file.h"

namespace kw::cli {
namespace {

std::string check_filter(const std::string& text) {
  const auto filter = audit_read::Filter::parse(text, wall_now());
  return filter ? std::string() : filter.error().detail();
}

}  // namespace

Option log_folder_option() {
  return {.name = "DIR",
          .value = "DIR",
          .help = "the log's folder",
          .need = Option::Need::Required,
          .completion = Option::Completion::Directory};
}

Option archive_option() {
  return {.name = "--archive",
          .value = "DIR2",
          .help = "a folder that older segments were moved to; may be repeated",
          .need = Option::Need::Repeated,
          .completion = Option::Completion::Directory};
}

Option where_option() {
  return {.name = "--where",
          .value = "FILTER",
          .help = "only these records, such as 'op=unwrap since=24h'; may be repeated",
          .need = Option::Need::Repeated,
          .check = check_filter};
}

Option json_lines_option() {
  return {.name = "--json", .value = "", .help = "one JSON object a line"};
}

Option witness_option() {
  return {.name = "--witness",
          .value = "VKEY",
          .help =
              "a witness that must have cosigned: its verifier key or the file of it; may be "
              "repeated",
          .need = Option::Need::Repeated,
          .completion = Option::Completion::File};
}

Result<std::vector<audit_verify::CosignerKey>> trusted_witnesses(const Arguments& arguments) {
  std::vector<audit_verify::CosignerKey> keys;
  for (const std::string& value : arguments.all("--witness")) {
    auto key = audit_verify::CosignerKey::parse(value);
    if (!key) {
      const std::string text = TRY(read_file(value, 64 << 10));
      key = audit_verify::CosignerKey::parse(text);
    }
    if (!key) return Error(key.error().code(), value + ": " + key.error().detail());
    keys.push_back(*std::move(key));
  }
  return keys;
}

audit_verify::Folders log_folders(const Arguments& arguments) {
  const auto& archives = arguments.all("--archive");
  return {arguments.get("DIR"), {archives.begin(), archives.end()}};
}

audit_read::Filter log_filter(const Arguments& arguments) {
  std::string text;
  for (const std::string& part : arguments.all("--where")) text += part + " ";
  auto filter = audit_read::Filter::parse(text, wall_now());
  KW_ASSERT(filter.has_value());
  return *std::move(filter);
}

}  // namespace kw::cli
