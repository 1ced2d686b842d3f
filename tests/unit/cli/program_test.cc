// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <stdlib.h>

#include <sstream>

#include "call.h"

namespace kw::test {
namespace {

std::vector<std::string> words_of(const std::string& path) {
  std::istringstream stream(path);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

cli::ServerCommands one_server_command() {
  return {{.path = "serve",
           .summary = "run the service",
           .details = {},
           .options = {{.name = "--config",
                        .value = "FILE",
                        .help = "the configuration",
                        .need = cli::Option::Need::Required},
                       {.name = "--check", .value = "", .help = "only check"}},
           .run = [](const cli::Arguments& arguments, const cli::Io& io) -> Result<int> {
             TRY(cli::write_all(
                 io.out, arguments.get("--config") + (arguments.has("--check") ? " checked" : "")));
             if (arguments.get("--config") == "broken") {
               return Error(Code::Unavailable, "the token is away");
             }
             return 7;
           }}};
}

}  // namespace

TEST_CASE("program: every command has a help page", "[cli][program]") {
  for (const cli::Command& command : cli::all_commands(one_server_command())) {
    auto words = words_of(command.path);
    words.emplace_back("--help");
    const auto outcome = call(words, {}, one_server_command());
    INFO(command.path);
    CHECK(outcome.exit == 0);
    CHECK(outcome.out.find(command.summary) != std::string::npos);
    for (const cli::Option& option : command.options) {
      INFO(option.name);
      CHECK(outcome.out.find(option.name) != std::string::npos);
    }
  }
}

TEST_CASE("program: the top help names every command", "[cli][program]") {
  const auto outcome = call({"--help"}, {}, one_server_command());
  CHECK(outcome.exit == 0);
  for (const char* word : {"serve", "key", "wrap", "unwrap", "rewrap", "data-key", "sign", "verify",
                           "mac", "verify-mac", "random", "whoami", "batch", "seal", "open",
                           "policy", "audit", "completion"}) {
    INFO(word);
    CHECK(outcome.out.find(std::string("\n  ") + word + " ") != std::string::npos);
  }
}

TEST_CASE("program: wrong usage ends with 2", "[cli][program]") {
  ::unsetenv("KEYWARD_ADDR");
  const auto words = GENERATE(values<std::vector<std::string>>({
      {},
      {"no-such-command"},
      {"key"},
      {"key", "no-such-verb"},
      {"key", "create", "k"},
      {"key", "create", "k", "--algorithm", "rot13"},
      {"key", "create", "Not/A/Name", "--algorithm", "ed25519"},
      {"key", "show"},
      {"key", "show", "a", "b"},
      {"key", "show", "../k"},
      {"key", "list", "--prefix", "a&limit=9"},
      {"key", "disable", "k", "--version", "0"},
      {"key", "disable", "k", "--version", "x"},
      {"wrap"},
      {"wrap", "--key", "k", "--no-such-option"},
      {"wrap", "--key", "k", "--key", "l"},
      {"wrap", "--key", "k", "--context", "novalue"},
      {"wrap", "--key", "k", "--context", "=v"},
      {"wrap", "--key", "k", "--context", "a=1", "--context", "a=2"},
      {"wrap", "--key", "k"},
      {"wrap", "--key", "k", "--addr", "ftp://x/y"},
      {"data-key", "--key", "k", "--bytes", "33"},
      {"random", "0"},
      {"random", "4097"},
      {"sign", "--key", "k", "--digest", "xyz"},
      {"policy", "explain", "f", "--do", "fly"},
      {"completion", "tcsh"},
  }));
  const auto outcome = call(words);
  CAPTURE(words);
  CHECK(outcome.exit == 2);
  CHECK(outcome.out.empty());
  CHECK_FALSE(outcome.err.empty());
}

TEST_CASE("program: a server command gets its options", "[cli][program]") {
  const auto outcome = call({"serve", "--config", "c", "--check"}, {}, one_server_command());
  CHECK(outcome.exit == 7);
  CHECK(outcome.out == "c checked");
}

TEST_CASE("program: a command's error is printed and ends with 1", "[cli][program]") {
  const auto outcome = call({"serve", "--config", "broken"}, {}, one_server_command());
  CHECK(outcome.exit == 1);
  CHECK(outcome.err == "keyward serve: the token is away\n");
}

TEST_CASE("program: a value may begin with a dash after an equals sign", "[cli][program]") {
  const auto outcome = call({"serve", "--config=-c"}, {}, one_server_command());
  CHECK(outcome.out == "-c");
}

}  // namespace kw::test
