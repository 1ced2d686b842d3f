// SPDX-License-Identifier: Apache-2.0
// The oracles are the shells themselves.
#include "cli/completion.h"

#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "call.h"
#include "tests/support/temp_dir.h"

namespace kw::test {
namespace {

bool has_shell(const std::string& shell) {
  return std::system(("command -v " + shell + " >/dev/null 2>&1").c_str()) == 0;
}

std::string output_of(const std::string& command) {
  std::FILE* pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  char buffer[4096];
  std::size_t got = 0;
  while ((got = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0) out.append(buffer, got);
  ::pclose(pipe);
  return out;
}

// What bash offers after these words, the last of which is being typed.
std::string bash_offers(const std::string& words) {
  const TempDir folder;
  REQUIRE_OK(write_file(folder / "script", call({"completion", "bash"}).out));
  const std::string program = "source " + (folder / "script").string() + "\nCOMP_WORDS=(" + words +
                              ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_keyward\n"
                              "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
  REQUIRE_OK(write_file(folder / "program", program));
  return output_of("bash " + (folder / "program").string());
}

}  // namespace

TEST_CASE("completion: each script parses in its shell", "[cli][completion]") {
  for (const std::string& shell : cli::completion_shells()) {
    const auto outcome = call({"completion", shell});
    CHECK(outcome.exit == 0);
    if (!has_shell(shell)) {
      WARN(shell << " is not installed: its script was not parsed");
      continue;
    }
    const TempDir folder;
    REQUIRE_OK(write_file(folder / "script", outcome.out));
    CHECK(std::system((shell + " -n " + (folder / "script").string()).c_str()) == 0);
  }
}

TEST_CASE("completion: each script names every command and option", "[cli][completion]") {
  for (const std::string& shell : cli::completion_shells()) {
    const std::string script = call({"completion", shell}).out;
    for (const cli::Command& command : cli::all_commands({})) {
      for (const cli::Option& option : command.options) {
        const std::string word = shell == "fish" ? "-l " + option.name.substr(2) : option.name;
        INFO(shell << ": " << command.path << " " << option.name);
        if (!option.is_positional()) CHECK(script.find(word) != std::string::npos);
      }
    }
  }
}

TEST_CASE("completion: bash offers what may come next", "[cli][completion]") {
  CHECK(bash_offers("keyward key r") == "rotate\n");
  CHECK(bash_offers("keyward unw") == "unwrap\n");
  CHECK(bash_offers("keyward key create k --algorithm ed") == "ed25519\n");
  CHECK(bash_offers("keyward sign --enc") == "--encoding\n");
  CHECK(bash_offers("keyward completion z") == "zsh\n");
  CHECK(bash_offers("keyward wrap --key ''") == "\n");
}

}  // namespace kw::test
