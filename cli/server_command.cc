// SPDX-License-Identifier: Apache-2.0
#include "cli/server_command.h"

#include <charconv>
#include <optional>

#include "base/names.h"
#include "cli/json_answer.h"
#include "cli/output.h"

namespace kw::cli {
namespace {

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Command server_command(Command command, ClientRun run) {
  command.options.push_back(
      {.name = "--json", .value = "", .help = "print the server's answer as it is, JSON"});
  for (Option& option : client_options()) command.options.push_back(std::move(option));
  command.run = [run = std::move(run)](const Arguments& arguments, const Io& io) -> Result<int> {
    for (const std::string_view option : {"--context", "--new-context"}) {
      const auto context = Context::from_pairs(pairs_of(arguments, option));
      if (!context) return usage_fault(io, context.error().detail());
    }
    auto client = Client::open(client_settings(arguments));
    if (!client) return usage_fault(io, client.error().detail());
    return run(**client, arguments, io);
  };
  return command;
}

Option key_option(Option::Need need) {
  return {.name = "--key",
          .value = "NAME",
          .help = "the key's name",
          .need = need,
          .check = check_key_name};
}

Option key_name_argument() {
  return {.name = "NAME",
          .value = "NAME",
          .help = "the key's name",
          .need = Option::Need::Required,
          .check = check_key_name};
}

Option context_option() {
  return {.name = "--context",
          .value = "NAME=VALUE",
          .help = "binds the blob to this pair; may be repeated",
          .need = Option::Need::Repeated,
          .check = check_pair};
}

Option file_option(std::string name, std::string help) {
  return {.name = std::move(name),
          .value = "FILE",
          .help = std::move(help),
          .completion = Option::Completion::File};
}

Option version_option() {
  return {.name = "--version",
          .value = "N",
          .help = "this version only",
          .check = check_number(1, 0xffffffff)};
}

std::string check_key_name(const std::string& text) {
  const auto name = KeyName::parse(text);
  return name ? std::string() : "\"" + text + "\" is no key name: " + name.error().detail();
}

std::string check_pair(const std::string& text) {
  const std::size_t equals = text.find('=');
  return equals == std::string::npos || equals == 0 ? "\"" + text + "\" is not NAME=VALUE"
                                                    : std::string();
}

std::function<std::string(const std::string&)> check_number(std::uint64_t least,
                                                            std::uint64_t most) {
  return [least, most](const std::string& text) {
    const auto value = parse_number(text);
    if (value && *value >= least && *value <= most) return std::string();
    return "\"" + text + "\" is no number from " + std::to_string(least) + " to " +
           std::to_string(most);
  };
}

std::vector<Context::Pair> pairs_of(const Arguments& arguments, std::string_view option) {
  std::vector<Context::Pair> pairs;
  for (const std::string& text : arguments.all(option)) {
    const std::size_t equals = text.find('=');
    pairs.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return pairs;
}

std::uint64_t number_of(const Arguments& arguments, std::string_view option) {
  const auto value = parse_number(arguments.get(option));
  KW_ASSERT(value.has_value());
  return *value;
}

Result<void> print_answer(const Answer& answer, const Arguments& arguments, const Io& io) {
  if (arguments.has("--json")) return write_line(arguments, io, answer.body.reveal());
  const JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  return write_all(io.out, json.to_lines());
}

}  // namespace kw::cli
