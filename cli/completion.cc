// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <algorithm>
#include <map>

namespace kw::cli {
namespace {

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Inside single quotes, where all three shells take every other character as it is.
std::string shell_quoted(std::string_view text, std::string_view quote = "'\\''") {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += quote;
    } else {
      out += c;
    }
  }
  return "'" + out + "'";
}

// What may follow each beginning of a command: "" -> first words, "key" -> second words.
std::map<std::string, std::vector<std::string>> next_words(const std::vector<Command>& commands) {
  std::map<std::string, std::vector<std::string>> next;
  for (const Command& command : commands) {
    const std::size_t space = command.path.find(' ');
    const std::string first = command.path.substr(0, space);
    auto& words = next[""];
    if (std::find(words.begin(), words.end(), first) == words.end()) words.push_back(first);
    if (space != std::string::npos) next[first].push_back(command.path.substr(space + 1));
  }
  return next;
}

std::string option_words(const Command& command) {
  std::string words = "--help";
  for (const Option& option : command.options) {
    if (!option.is_positional()) words += " " + option.name;
    if (option.is_positional() && !option.choices.empty()) words += " " + join(option.choices);
  }
  return words;
}

bool takes_file(const Command& command) {
  for (const Option& option : command.options) {
    if (option.is_positional() && option.completion != Option::Completion::Nothing) return true;
  }
  return false;
}

// One arm per option whose value is known; the others complete to nothing.
std::string bash_values(const Command& command) {
  std::string arms;
  for (const Option& option : command.options) {
    if (option.is_positional() || option.is_flag()) continue;
    std::string reply = "COMPREPLY=()";
    if (!option.choices.empty()) {
      reply = "COMPREPLY=($(compgen -W " + shell_quoted(join(option.choices)) + " -- \"$cur\"))";
    } else if (option.completion != Option::Completion::Nothing) {
      reply = option.completion == Option::Completion::File
                  ? "COMPREPLY=($(compgen -f -- \"$cur\"))"
                  : "COMPREPLY=($(compgen -d -- \"$cur\"))";
    }
    arms +=
        "      " + shell_quoted(command.path + "|" + option.name) + ") " + reply + "; return ;;\n";
  }
  return arms;
}

std::string bash_script(const std::vector<Command>& commands) {
  std::string script =
      "_keyward() {\n"
      "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\" path=''\n"
      "  local word words=''\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"${path:+$path }$word\" in\n";
  std::string known;
  for (const auto& [first, second] : next_words(commands)) {
    if (!first.empty())
      known += "      " + shell_quoted(first) + ") path=" + shell_quoted(first) + " ;;\n";
  }
  for (const Command& command : commands) {
    known +=
        "      " + shell_quoted(command.path) + ") path=" + shell_quoted(command.path) + " ;;\n";
  }
  script += known + "    esac\n  done\n  case \"$path|$prev\" in\n";
  for (const Command& command : commands) script += bash_values(command);
  script += "  esac\n  case \"$path\" in\n";
  for (const auto& [first, second] : next_words(commands)) {
    script += "    " + shell_quoted(first) + ") words=" + shell_quoted(join(second)) + " ;;\n";
  }
  for (const Command& command : commands) {
    script += "    " + shell_quoted(command.path) +
              ") words=" + shell_quoted(option_words(command)) + " ;;\n";
  }
  script += "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n  case \"$path\" in\n";
  for (const Command& command : commands) {
    if (!takes_file(command)) continue;
    script += "    " + shell_quoted(command.path) +
              ") [[ $cur == -* ]] || COMPREPLY+=($(compgen -f -- \"$cur\")) ;;\n";
  }
  return script + "  esac\n}\ncomplete -o filenames -F _keyward keyward\n";
}

// zsh runs bash's function through its own bridge: one source, one behaviour.
std::string zsh_script(const std::vector<Command>& commands) {
  return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands);
}

std::string fish_option(const Option& option) {
  std::string line = " -l " + option.name.substr(2) + " -d " + shell_quoted(option.help, "\\'");
  if (option.is_flag()) return line;
  if (!option.choices.empty()) return line + " -x -a " + shell_quoted(join(option.choices), "\\'");
  return line + (option.completion == Option::Completion::Nothing ? " -x" : " -r -F");
}

std::string fish_command(const Command& command) {
  const std::size_t space = command.path.find(' ');
  const std::string first = command.path.substr(0, space);
  const std::string last = space == std::string::npos ? first : command.path.substr(space + 1);
  std::string seen = "__fish_seen_subcommand_from " + first;
  std::string script;
  if (space == std::string::npos) {
    script += "complete -c keyward -n __fish_use_subcommand -a " + first + " -d " +
              shell_quoted(command.summary, "\\'") + "\n";
  } else {
    script += "complete -c keyward -n __fish_use_subcommand -a " + first + "\n";
    script += "complete -c keyward -n " + shell_quoted(seen) + " -a " + last + " -d " +
              shell_quoted(command.summary, "\\'") + "\n";
    seen += "; and __fish_seen_subcommand_from " + last;
  }
  for (const Option& option : command.options) {
    if (!option.is_positional()) {
      script += "complete -c keyward -n " + shell_quoted(seen) + fish_option(option) + "\n";
    } else if (!option.choices.empty()) {
      script += "complete -c keyward -n " + shell_quoted(seen) + " -a " +
                shell_quoted(join(option.choices)) + "\n";
    } else if (option.completion != Option::Completion::Nothing) {
      script += "complete -c keyward -n " + shell_quoted(seen) + " -F\n";
    }
  }
  return script;
}

std::string fish_script(const std::vector<Command>& commands) {
  std::string script = "complete -c keyward -f\n";
  for (const Command& command : commands) script += fish_command(command);
  return script;
}

}  // namespace

const std::vector<std::string>& completion_shells() {
  static const std::vector<std::string> kShells = {"bash", "zsh", "fish"};
  return kShells;
}

std::string completion_script(const std::string& shell, const std::vector<Command>& commands) {
  if (shell == "fish") return fish_script(commands);
  return shell == "zsh" ? zsh_script(commands) : bash_script(commands);
}

}  // namespace kw::cli
