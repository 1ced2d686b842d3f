// SPDX-License-Identifier: Apache-2.0
#include "service/config/sink_settings.h"

#include <algorithm>
#include <array>
#include <utility>

#include "service/config/config.h"

namespace kw::config {
namespace {

constexpr std::size_t kLongestName = 32;

template <typename Value>
struct SinkWord {
  std::string_view word;
  Value value;
};

constexpr std::array kSinkKinds{
    SinkWord<SinkSettings::Kind>{"journald", SinkSettings::Kind::Journald},
    SinkWord<SinkSettings::Kind>{"syslog-tls", SinkSettings::Kind::SyslogTls},
    SinkWord<SinkSettings::Kind>{"unix", SinkSettings::Kind::Unix}};
constexpr std::array kSinkFormats{
    SinkWord<SinkSettings::Format>{"json", SinkSettings::Format::Json},
    SinkWord<SinkSettings::Format>{"cef", SinkSettings::Format::Cef},
    SinkWord<SinkSettings::Format>{"ocsf", SinkSettings::Format::Ocsf}};

template <typename Words>
auto word_of(const Fields& sink, std::string_view key, const Words& words,
             const std::string& expected) -> Result<decltype(words[0].value)> {
  const std::string text = TRY(sink.text(key));
  const auto found =
      std::find_if(words.begin(), words.end(), [&](const auto& each) { return each.word == text; });
  if (found == words.end()) {
    return sink.fault_at(key, refusal(Code::InvalidArgument, "expected " + expected));
  }
  return found->value;
}

Result<bool> flag(const Fields& sink, std::string_view key) {
  const yaml::Node* node = sink.find(key);
  if (node == nullptr) return false;
  const bool* value = node->as_bool();
  if (value != nullptr) return *value;
  return sink.fault_at(key, refusal(Code::InvalidArgument, "expected true or false"));
}

Result<std::string> read_name(const Fields& sink) {
  std::string name = TRY(sink.text("name"));
  const bool is_good =
      name.size() <= kLongestName && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
      });
  if (is_good) return name;
  return sink.fault_at("name", refusal(Code::InvalidArgument,
                                       "expected at most 32 lower-case letters, digits and '-'"));
}

// A setting that this kind does not have is a mistake, not to be passed over.
Result<void> refuse_foreign(const Fields& sink, const std::vector<std::string_view>& keys) {
  for (const std::string_view key : keys) {
    if (sink.find(key) != nullptr) {
      return sink.fault_at(key, refusal(Code::InvalidArgument, "not of this kind of sink"));
    }
  }
  return {};
}

Result<void> read_peer(const Fields& sink, SinkSettings& settings) {
  TRY(refuse_foreign(sink, {"path", "acknowledge"}));
  const std::string text = TRY(sink.text("address"));
  const Result<ListenAddress> address = ListenAddress::parse(text, sink.folder());
  if (!address || address->kind != ListenAddress::Kind::Tcp || address->port == 0) {
    return sink.fault_at("address", refusal(Code::InvalidArgument, "expected HOST:PORT"));
  }
  settings.host = address->host;
  settings.port = address->port;
  settings.ca = TRY(sink.path("ca"));
  settings.certificate = TRY(sink.path("certificate"));
  settings.key = TRY(sink.path("key"));
  return {};
}

Result<void> read_socket(const Fields& sink, SinkSettings& settings) {
  TRY(refuse_foreign(sink, {"address", "ca", "certificate", "key"}));
  if (settings.kind == SinkSettings::Kind::Journald) {
    TRY(refuse_foreign(sink, {"acknowledge"}));
    if (sink.find("path") != nullptr) settings.path = TRY(sink.path("path"));
    return {};
  }
  settings.path = TRY(sink.path("path"));
  settings.acknowledge = TRY(flag(sink, "acknowledge"));
  if (settings.require && !settings.acknowledge) {
    return sink.fault_at("require", refusal(Code::InvalidArgument,
                                            "a required unix sink must have acknowledge: true"));
  }
  return {};
}

Result<SinkSettings> read_sink(const Fields& sink) {
  SinkSettings settings;
  settings.name = TRY(read_name(sink));
  settings.kind = TRY(word_of(sink, "kind", kSinkKinds, "journald, syslog-tls or unix"));
  if (sink.find("format") != nullptr) {
    settings.format = TRY(word_of(sink, "format", kSinkFormats, "json, cef or ocsf"));
  }
  settings.require = TRY(flag(sink, "require"));
  const bool has_peer = settings.kind == SinkSettings::Kind::SyslogTls;
  TRY(has_peer ? read_peer(sink, settings) : read_socket(sink, settings));
  return settings;
}

}  // namespace

Result<std::vector<SinkSettings>> read_sinks(const Fields& audit) {
  std::vector<SinkSettings> sinks;
  const yaml::Node* node = audit.find("sinks");
  if (node == nullptr) return sinks;
  const yaml::Node::Sequence* items = node->as_sequence();
  if (items == nullptr) return yaml::fault(node->mark, "audit.sinks: expected a list of sinks");
  for (const yaml::Node& item : *items) {
    const std::string path = "audit.sinks[" + std::to_string(sinks.size()) + "]";
    const Fields sink = TRY(Fields::of(item, path, audit.folder(),
                                       {"name", "kind", "format", "require", "path", "acknowledge",
                                        "address", "ca", "certificate", "key"}));
    SinkSettings settings = TRY(read_sink(sink));
    const bool is_twice = std::any_of(sinks.begin(), sinks.end(), [&](const SinkSettings& other) {
      return other.name == settings.name;
    });
    if (is_twice)
      return sink.fault_at("name", refusal(Code::InvalidArgument, "the same name twice"));
    sinks.push_back(std::move(settings));
  }
  return sinks;
}

}  // namespace kw::config
