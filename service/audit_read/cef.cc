// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/cef.h"

#include <array>

#include "service/audit_read/source_address.h"
#include "service/audit_read/weight.h"
#include "service/audit_verify/escape.h"
#include "service/audit_verify/print.h"

namespace kw::audit_read {
namespace {

using audit_verify::Character;
using audit_verify::DecodedRecord;
using audit_verify::Field;

// Where a field goes. Those with a label are the format's numbered ones, which need it.
struct CefKey {
  std::string_view field;
  std::string_view key;
  std::string_view label = {};
};

constexpr std::array<CefKey, 27> kKeys = {{
    {"index", "externalId"},
    {"kind", "cat"},
    {"caller", "suser"},
    {"operation", "act"},
    {"outcome", "outcome"},
    {"reason", "reason"},
    {"bytes_in", "in"},
    {"bytes_out", "out"},
    {"count", "cnt"},
    {"key", "cs1", "key"},
    {"key_id", "cs2", "keyId"},
    {"rule", "cs3", "rule"},
    {"policy_hash", "cs4", "policyHash"},
    {"context_mac", "cs5", "contextMac"},
    {"leaf", "cs6", "leaf"},
    {"version", "cn1", "keyVersion"},
    {"latency", "cn2", "latencyMicroseconds"},
    {"since_start", "cn3", "microsecondsSinceStart"},
    {"phase", "flexString1", "phase"},
    {"proof", "flexString2", "proof"},
    {"request_id", "keywardRequestId"},
    {"previous_leaf", "keywardPreviousLeaf"},
    {"digest", "keywardDigest"},
    {"first", "keywardFirst"},
    {"refused", "keywardRefused"},
    {"began", "keywardBegan"},
    {"suite", "keywardSuite"},
}};

std::string spelled(const Character& at) {
  return at.valid && at.value == '\\' ? "\\\\" : '\\' + audit_verify::visible(at);
}

void add_pair(std::string& line, std::string_view key, std::string_view value) {
  if (line.back() != '|') line += ' ';
  line += std::string(key) + '=' + cef_value(value);
}

void add_source(std::string& line, const Field& field) {
  const std::string text(as_text(field.bytes));
  const auto source = parse_source(text);
  if (!source) return add_pair(line, "sourceServiceName", text);
  add_pair(line, source->is_v6 ? "c6a2" : "src", source->ip);
  if (source->is_v6) add_pair(line, "c6a2Label", "Source IPv6 Address");
  if (source->port) add_pair(line, "spt", std::to_string(*source->port));
}

// What kind of thing happened, and its name for a person.
std::string class_and_name(const DecodedRecord& record) {
  if (record.kind == "seal") return "seal|segment sealed";
  const Field* event = record.find("event");
  if (event != nullptr) return "event " + std::string(event->word) + '|' + std::string(event->word);
  const Field* operation = record.find("operation");
  const std::string word = operation == nullptr ? "unknown" : cef_header(as_text(operation->bytes));
  return word + '|' + word;
}

}  // namespace

std::string cef_header(std::string_view text) {
  return audit_verify::escape_text(text, "\\|", [](const Character& at) {
    return at.valid && at.value == '|' ? "\\|" : spelled(at);
  });
}

std::string cef_value(std::string_view text) {
  return audit_verify::escape_text(text, "\\=", [](const Character& at) -> std::string {
    if (at.valid && at.value == '=') return "\\=";
    if (at.valid && at.value == '\n') return "\\n";
    if (at.valid && at.value == '\r') return "\\r";
    return spelled(at);
  });
}

std::string to_cef(const DecodedRecord& record) {
  std::string line = "CEF:0|keyward|keyward|1|" + class_and_name(record) + '|' +
                     std::to_string(cef_severity(weight_of(record))) + '|';
  if (const Field* time = record.find("time")) {
    add_pair(line, "rt", std::to_string(time->number / 1000));
    add_pair(line, "keywardTime", audit_verify::value_of(*time));
  }
  if (const Field* source = record.find("source")) add_source(line, *source);
  for (const CefKey& key : kKeys) {
    const auto field = record.value(key.field);
    if (!field) continue;
    if (!key.label.empty()) add_pair(line, std::string(key.key) + "Label", key.label);
    add_pair(line, key.key, audit_verify::value_of(*field));
  }
  return line;
}

}  // namespace kw::audit_read
