// SPDX-License-Identifier: Apache-2.0
#include "service/app/bench_command.h"

#include <unistd.h>

#include <charconv>
#include <optional>

#include "service/bench/bench.h"

namespace kw::app {
namespace {

constexpr double kShortest = 0.01;
constexpr double kLongest = 3600;
constexpr std::size_t kMostConnections = 1024;
constexpr std::string_view kConnections = "1,16,64";

template <typename Number>
std::optional<Number> parse(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string check_seconds(const std::string& text) {
  const auto seconds = parse<double>(text);
  if (seconds && *seconds >= kShortest && *seconds <= kLongest) return {};
  return "a number of seconds from 0.01 to 3600 is needed, not \"" + text + "\"";
}

// Numbers with commas between; none if any of them is not one from 1 to 1024.
std::optional<std::vector<std::size_t>> parse_connections(std::string_view text) {
  std::vector<std::size_t> numbers;
  for (;;) {
    const std::size_t comma = text.find(',');
    const auto number = parse<std::size_t>(text.substr(0, comma));
    if (!number || *number < 1 || *number > kMostConnections) return std::nullopt;
    numbers.push_back(*number);
    if (comma == std::string_view::npos) return numbers;
    text.remove_prefix(comma + 1);
  }
}

std::string check_connections(const std::string& text) {
  if (parse_connections(text)) return {};
  return "numbers from 1 to 1024 with commas between are needed, not \"" + text + "\"";
}

std::vector<std::string> operation_names() {
  std::vector<std::string> names;
  for (const auto& row : bench::operations()) names.emplace_back(row.name);
  return names;
}

// In the report's order, each once, whatever the order of the words.
std::vector<bench::Operation> chosen_operations(const std::vector<std::string>& names) {
  std::vector<bench::Operation> chosen;
  for (const auto& row : bench::operations()) {
    const bool named = std::find(names.begin(), names.end(), row.name) != names.end();
    if (names.empty() || named) chosen.push_back(row.operation);
  }
  return chosen;
}

bench::Options options_of(const cli::Arguments& arguments) {
  bench::Options options;
  options.program = "/proc/self/exe";
  options.folder = arguments.get("--dir");
  if (options.folder.empty()) {
    std::error_code ignored;
    options.folder = std::filesystem::temp_directory_path(ignored);
  }
  options.operations = chosen_operations(arguments.all("--op"));
  const std::string connections = arguments.get("--connections");
  options.connections = *parse_connections(connections.empty() ? kConnections : connections);
  if (arguments.has("--seconds")) options.seconds = *parse<double>(arguments.get("--seconds"));
  return options;
}

Result<int> run_bench(const cli::Arguments& arguments, const cli::Io& io) {
  const bool watched = ::isatty(io.err) == 1;
  const auto report = TRY(bench::run(options_of(arguments), [&](const std::string& line) {
    if (watched) (void)cli::write_all(io.err, "keyward bench: " + line + "\n");
  }));
  TRY(cli::write_all(io.out, arguments.has("--json") ? to_json(report) : to_table(report)));
  return cli::kExitOk;
}

}  // namespace

cli::Command bench_command() {
  return {.path = "bench",
          .summary = "Measure this machine: raw token calls against the same through HTTPS",
          .details =
              "Makes a sandbox of its own, starts a server on it, measures both in turn and "
              "removes everything. How to read it: docs/operations.md. Takes about "
              "operations x connections x 2 x seconds.",
          .options = {{.name = "--op",
                       .value = "NAME",
                       .help = "measure this operation only; may be repeated [all]",
                       .need = cli::Option::Need::Repeated,
                       .choices = operation_names()},
                      {.name = "--connections",
                       .value = "N,N...",
                       .help = "how many connections ask at once [1,16,64]",
                       .check = check_connections},
                      {.name = "--seconds",
                       .value = "S",
                       .help = "how long to measure for each figure, spread over rounds [5]",
                       .check = check_seconds},
                      {.name = "--dir",
                       .value = "DIR",
                       .help = "where to make the sandbox: on the disk that the audit log will use "
                               "[the system's folder for temporary files]",
                       .completion = cli::Option::Completion::Directory},
                      {.name = "--json", .value = "", .help = "print the report as JSON"}},
          .run = run_bench};
}

}  // namespace kw::app
