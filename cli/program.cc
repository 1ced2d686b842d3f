// SPDX-License-Identifier: Apache-2.0
#include "cli/program.h"

#include <signal.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands.h"
#include "cli/completion.h"

namespace kw::cli {
namespace {

// Each group of commands that share a first word, with the line that stands for it in --help.
struct Group {
  std::string_view word;
  const char* summary;
};

constexpr Group kGroups[] = {
    {"key", "create, list and change keys"},
    {"policy", "check and question a policy file, without a server"},
    {"audit", "verify, read, count and export an audit log, without a server"},
};

std::string group_summary(std::string_view word) {
  for (const Group& group : kGroups) {
    if (group.word == word) return group.summary;
  }
  return {};
}

Command completion_command(const ServerCommands& server) {
  const auto run = [server](const Arguments& arguments, const Io& io) -> Result<int> {
    std::vector<Command> commands = all_commands(server);
    commands.push_back(completion_command(server));
    TRY(write_all(io.out, completion_script(arguments.get("SHELL"), commands)));
    return kExitOk;
  };
  return {.path = "completion",
          .summary = "print a completion script for your shell",
          .details =
              "bash:  source <(keyward completion bash)\n"
              "zsh:   source <(keyward completion zsh)\n"
              "fish:  keyward completion fish > ~/.config/fish/completions/keyward.fish",
          .options = {{.name = "SHELL",
                       .value = "SHELL",
                       .help = "the shell",
                       .need = Option::Need::Required,
                       .choices = completion_shells()}},
          .run = run};
}

CLI::App* group_of(CLI::App& root, const std::string& word) {
  const auto is_it = [&word](const CLI::App* app) { return app->get_name() == word; };
  const auto found = root.get_subcommands(is_it);
  if (!found.empty()) return found.front();
  CLI::App* group = root.add_subcommand(word, group_summary(word));
  group->require_subcommand(1);
  return group;
}

void add_option(CLI::App& app, const Option& option) {
  const std::string names =
      option.letter == 0 ? option.name : std::string{'-', option.letter, ','} + option.name;
  if (option.is_flag()) {
    app.add_flag(names, option.help);
    return;
  }
  // CLI11 2.1 takes "NAME" for a positional; the value's name is shown in its place.
  CLI::Option* added = app.add_option(names, option.help);
  added->type_name(option.is_positional() ? "" : option.value);
  added->required(option.need == Option::Need::Required);
  if (option.need == Option::Need::Repeated) {
    added->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
  } else {
    added->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  }
  if (!option.choices.empty()) added->check(CLI::IsMember(option.choices));
  if (option.check) {
    added->check(CLI::Validator([check = option.check](std::string& value) { return check(value); },
                                std::string()));
  }
}

void add_command(CLI::App& root, const Command& command, const Command*& chosen, CLI::App*& app) {
  const std::size_t space = command.path.find(' ');
  CLI::App* parent =
      space == std::string::npos ? &root : group_of(root, command.path.substr(0, space));
  CLI::App* leaf = parent->add_subcommand(
      command.path.substr(space == std::string::npos ? 0 : space + 1), command.summary);
  if (!command.details.empty()) leaf->footer(command.details);
  for (const Option& option : command.options) add_option(*leaf, option);
  leaf->callback([leaf, &command, &chosen, &app] {
    chosen = &command;
    app = leaf;
  });
}

Arguments arguments_of(const CLI::App& app, const Command& command) {
  Arguments arguments;
  for (const Option& option : command.options) {
    const CLI::Option* parsed = app.get_option(option.name);
    if (parsed->count() == 0) continue;
    if (option.is_flag()) {
      arguments.add(option.name, {});
      continue;
    }
    for (const std::string& value : parsed->results()) arguments.add(option.name, value);
  }
  return arguments;
}

// The command that the words name, as far as they name one, for its own usage exit code.
int usage_exit(const std::vector<Command>& commands, int argc, const char* const* argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  const std::string path = argc > 2 ? first + " " + argv[2] : first;
  const auto named = [&](const Command& command) {
    return command.path == path || command.path == first;
  };
  const auto found = std::find_if(commands.begin(), commands.end(), named);
  return found == commands.end() ? kExitUsage : found->usage_exit;
}

int finish(const Result<int>& result, const Command& command, const Io& io) {
  if (result) return *result;
  (void)write_all(io.err, "keyward " + command.path + ": " + result.error().detail() + "\n");
  return kExitRefused;
}

// No core file may hold what a command decrypted, and a closed pipe is an error to report, not an
// end.
void harden_process() {
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
  (void)::signal(SIGPIPE, SIG_IGN);
}

}  // namespace

std::vector<Command> all_commands(const ServerCommands& server) {
  std::vector<Command> commands = server;
  for (const auto& list :
       {key_commands(), crypto_commands(), signature_commands(), seal_commands(), policy_commands(),
        audit_commands(), audit_read_commands(), archive_commands()}) {
    commands.insert(commands.end(), list.begin(), list.end());
  }
  return commands;
}

int run(int argc, const char* const* argv, const ServerCommands& server, const Io& io) {
  harden_process();
  std::vector<Command> commands = all_commands(server);
  commands.push_back(completion_command(server));

  const Command* chosen = nullptr;
  CLI::App* parsed = nullptr;
  CLI::App root("keyward: keys stay in the token, every use is decided and recorded", "keyward");
  root.require_subcommand(1);
  root.set_help_all_flag("--help-all", "show the help of every command");
  for (const Command& command : commands) add_command(root, command, chosen, parsed);
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    (void)write_all(io.out, root.help());
    return kExitOk;
  } catch (const CLI::CallForAllHelp&) {
    (void)write_all(io.out, root.help("", CLI::AppFormatMode::All));
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    (void)write_all(io.err,
                    "keyward: " + std::string(error.what()) + "\nRun with --help for usage.\n");
    return usage_exit(commands, argc, argv);
  }
  KW_ASSERT(chosen != nullptr);
  return finish(chosen->run(arguments_of(*parsed, *chosen), io), *chosen, io);
}

}  // namespace kw::cli
