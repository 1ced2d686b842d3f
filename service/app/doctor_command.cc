// SPDX-License-Identifier: Apache-2.0
#include "service/app/doctor_command.h"

#include <unistd.h>

#include <charconv>

#include "base/file.h"
#include "pkcs11/uri.h"
#include "service/app/running.h"
#include "service/config/config.h"
#include "service/doctor/doctor.h"

namespace kw::app {
namespace {

using token_profile::TokenProfile;

constexpr std::string_view kDefaultPin = "env:KEYWARD_PIN";
constexpr double kShortestSlice = 0.001;
constexpr double kLongestSlice = 60;

std::optional<double> parse_slice(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!(value >= kShortestSlice && value <= kLongestSlice)) return std::nullopt;
  return value;
}

std::string check_slice(const std::string& text) {
  if (parse_slice(text)) return {};
  return "a number of seconds from 0.001 to 60 is needed, not \"" + text + "\"";
}

std::string check_pin(const std::string& text) {
  const auto reference = config::PinReference::parse(text, ".");
  return reference ? std::string() : reference.error().detail();
}

// What is wrong with the options when they are looked at together; nothing if they are good.
std::string misfit(const cli::Arguments& arguments) {
  const bool by_module = arguments.has("--module") || arguments.has("--token");
  if (arguments.has("--config")) {
    const bool more = by_module || arguments.has("--pin") || arguments.has("--parameters");
    return more ? "--config says all about the token: no --module, --token, --pin or --parameters"
                : "";
  }
  if (arguments.has("--module") && arguments.has("--token")) return "";
  return "--config, or --module and --token, are needed";
}

Result<doctor::Options> options_of_config(const std::filesystem::path& file) {
  const config::Config config = TRY(config::Config::load(file));
  set_environment(config.token);
  Secret pin = TRY(config.token.pin.read());
  doctor::Options options;
  options.module = config.token.module;
  options.parameters = config.token.parameters;
  options.token_uri = config.token.uri;
  options.pin = std::move(pin);
  options.token_directory = config.token.directory;
  return options;
}

Result<doctor::Options> options_of_words(const cli::Arguments& arguments) {
  const std::string text = arguments.get("--pin");
  const auto reference = TRY(config::PinReference::parse(text.empty() ? kDefaultPin : text, "."));
  doctor::Options options;
  options.pin = TRY(reference.read());
  options.module = arguments.get("--module");
  options.parameters = arguments.get("--parameters");
  options.token_uri = pkcs11::TokenUri::of_label(arguments.get("--token")).text();
  return options;
}

// What was written can be read, or is not written.
Result<void> write_profile(const std::filesystem::path& file, const doctor::Report& report) {
  const TokenProfile profile = to_profile(report);
  const std::string yaml = profile.to_yaml();
  const TokenProfile again = TRY(TokenProfile::parse(yaml));
  if (again != profile) {
    return Error(Code::Internal, "the token's names cannot be written down as they are");
  }
  return write_file(file, yaml);
}

Result<int> run_doctor(const cli::Arguments& arguments, const cli::Io& io) {
  const std::string wrong = misfit(arguments);
  if (!wrong.empty()) return cli::usage_fault(io, wrong);
  doctor::Options options =
      TRY(arguments.has("--config") ? options_of_config(arguments.get("--config"))
                                    : options_of_words(arguments));
  if (arguments.has("--seconds")) {
    options.slice = std::chrono::duration<double>(*parse_slice(arguments.get("--seconds")));
  }
  const bool watched = ::isatty(io.err) == 1;
  const auto report = TRY(examine(std::move(options), [&](const std::string& line) {
    if (watched) (void)cli::write_all(io.err, "keyward doctor: " + line + "\n");
  }));
  if (arguments.has("--profile")) TRY(write_profile(arguments.get("--profile"), report));
  TRY(cli::write_all(io.out, arguments.has("--json") ? to_json(report) : to_table(report)));
  return report.verdict == token_profile::Verdict::Unfit ? cli::kExitRefused : cli::kExitOk;
}

}  // namespace

cli::Command doctor_command() {
  using Completion = cli::Option::Completion;
  return {
      .path = "doctor",
      .summary = "Examine a token: what works, what is quirky, which attacks succeed",
      .details =
          "Tries everything on scratch keys, which are removed, and touches nothing else in the "
          "token. Logs in once. Ends with 0 if the token is fit (for production or for tests: "
          "the last lines say which), 1 if it is unfit or cannot be examined. See "
          "docs/doctor.md.",
      .options = {{.name = "--config",
                   .value = "FILE",
                   .help = "examine the token of this configuration",
                   .completion = Completion::File},
                  {.name = "--module",
                   .value = "PATH",
                   .help = "or the token behind this PKCS#11 module",
                   .completion = Completion::File},
                  {.name = "--token", .value = "LABEL", .help = "with this label"},
                  {.name = "--pin",
                   .value = "REF",
                   .help = "where its PIN is: file:PATH, env:NAME or credential:NAME "
                           "[env:KEYWARD_PIN]",
                   .check = check_pin},
                  {.name = "--parameters",
                   .value = "TEXT",
                   .help = "what the module's C_Initialize wants to be told, if anything"},
                  {.name = "--profile",
                   .value = "FILE",
                   .help = "write what keyward serve should know (token.profile)",
                   .completion = Completion::File},
                  {.name = "--seconds",
                   .value = "S",
                   .help = "how long to measure for each figure [0.3]",
                   .check = check_slice},
                  {.name = "--json", .value = "", .help = "print the whole report as JSON"}},
      .run = run_doctor};
}

}  // namespace kw::app
