// SPDX-License-Identifier: Apache-2.0
#include "policy/condition.h"

#include "policy/fields.h"

#include <array>

namespace kw::policy {
namespace {

using Conditions = std::vector<Condition>;

std::string listed(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + text;
  return "[" + list + "]";
}

Result<void> read_context(const yaml::Node& node, Conditions& out) {
  for (const yaml::Node::Entry& entry : *TRY(read_map(node))) {
    std::string value = TRY(read_any_text(entry.value));
    std::string wanted = "'" + value + "'";
    out.emplace_back("context." + entry.key, std::move(wanted),
                     Condition::ContextValue{entry.key, Glob(std::move(value))});
  }
  return {};
}

Result<void> read_tags(const yaml::Node& node, Conditions& out) {
  for (const yaml::Node::Entry& entry : *TRY(read_map(node))) {
    std::string value = TRY(read_any_text(entry.value));
    std::string wanted = "'" + value + "'";
    out.emplace_back("tags." + entry.key, std::move(wanted),
                     Condition::TagValue{entry.key, Glob(std::move(value))});
  }
  return {};
}

// The only list that may be empty: no context at all.
Result<void> read_only_context(const yaml::Node& node, Conditions& out) {
  std::vector<std::string> keys;
  if (node.as_sequence() == nullptr) return yaml::fault(node.mark, "must be a list");
  for (const yaml::Node& item : *node.as_sequence()) keys.push_back(TRY(read_text(item)));
  std::string wanted = listed(keys);
  out.emplace_back("only_context", std::move(wanted), Condition::OnlyContext{std::move(keys)});
  return {};
}

Result<void> read_source(const yaml::Node& node, Conditions& out) {
  std::vector<Network> networks;
  for (const yaml::Node& item : *TRY(read_list(node))) {
    const std::string text = TRY(read_text(item));
    const Result<Network> network = Network::parse(text);
    if (!network) return at(item.mark, network.error());
    networks.push_back(*network);
  }
  out.emplace_back("source", listed(TRY(read_texts(node))), Condition::Source{std::move(networks)});
  return {};
}

Result<void> read_algorithm(const yaml::Node& node, Conditions& out) {
  std::vector<std::string> names = TRY(read_texts(node));
  std::string wanted = listed(names);
  out.emplace_back("algorithm", std::move(wanted), Condition::Algorithm{std::move(names)});
  return {};
}

Result<void> read_state(const yaml::Node& node, Conditions& out) {
  std::vector<std::string> names = TRY(read_texts(node));
  std::string wanted = listed(names);
  out.emplace_back("state", std::move(wanted), Condition::State{std::move(names)});
  return {};
}

Result<void> read_max_bytes(const yaml::Node& node, Conditions& out) {
  const std::uint64_t limit = TRY(read_size(node));
  out.emplace_back("max_bytes", std::to_string(limit), Condition::MaxBytes{limit});
  return {};
}

Result<void> read_time(const yaml::Node& node, Conditions& out) {
  const std::string text = TRY(read_text(node));
  const Result<TimeWindow> window = TimeWindow::parse(text);
  if (!window) return at(node.mark, window.error());
  out.emplace_back("time", text, Condition::Time{*window});
  return {};
}

struct Reader {
  std::string_view key;
  Result<void> (*read)(const yaml::Node& node, Conditions& out);
};

constexpr std::array<Reader, 8> kReaders = {{{"context", read_context},
                                             {"only_context", read_only_context},
                                             {"source", read_source},
                                             {"algorithm", read_algorithm},
                                             {"state", read_state},
                                             {"tags", read_tags},
                                             {"max_bytes", read_max_bytes},
                                             {"time", read_time}}};

}  // namespace

Result<std::vector<Condition>> read_conditions(const yaml::Node& node) {
  TRY(check_fields(node, {"context", "only_context", "source", "algorithm", "state", "tags",
                          "max_bytes", "time"}));
  TRY(read_map(node));  // not empty: `when: {}` would look like a condition and be none
  Conditions conditions;
  for (const Reader& reader : kReaders) {
    const yaml::Node* const value = node.find(reader.key);
    if (value != nullptr) TRY(reader.read(*value, conditions));
  }
  return conditions;
}

}  // namespace kw::policy
