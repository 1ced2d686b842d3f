// SPDX-License-Identifier: Apache-2.0
#include "cli/json_answer.h"

#include <nlohmann/json.hpp>

#include "cli/problem_text.h"

namespace kw::cli {
namespace {

using nlohmann::json;

Error unexpected(std::string_view name) {
  return Error(Code::Internal,
               "the server's answer has no usable \"" + std::string(name) + "\"; is it a keyward?");
}

json* find(json& value, std::string_view name) {
  if (!value.is_object()) return nullptr;
  const auto found = value.find(std::string(name));
  return found == value.end() ? nullptr : &*found;
}

std::string scalar(const json& value) {
  return value.is_string() ? printable(value.get_ref<const std::string&>())
                           : value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void append_lines(const json& value, const std::string& indent, std::string& out) {
  constexpr std::size_t kDeepest = 64;
  if (indent.size() > kDeepest) return;
  for (const auto& [name, field] : value.items()) {
    const std::string label = value.is_array() ? "-" : printable(name) + ":";
    if (field.is_structured()) {
      out += indent + label + "\n";
      append_lines(field, indent + "  ", out);
    } else {
      out += indent + label + " " + scalar(field) + "\n";
    }
  }
}

}  // namespace

Result<JsonAnswer> JsonAnswer::parse(ByteView body) {
  auto value = std::make_shared<json>(json::parse(body.begin(), body.end(), nullptr, false));
  if (!value->is_object()) {
    return Error(Code::Internal, "the server's answer is not JSON; is it a keyward?");
  }
  return JsonAnswer(std::move(value));
}

Result<std::string> JsonAnswer::text(std::string_view name) const {
  const json* field = find(*value_, name);
  if (field == nullptr || !field->is_string()) return unexpected(name);
  return field->get_ref<const std::string&>();
}

std::string JsonAnswer::text_or_empty(std::string_view name) const {
  const json* field = find(*value_, name);
  return field == nullptr ? std::string() : scalar(*field);
}

Result<bool> JsonAnswer::truth(std::string_view name) const {
  const json* field = find(*value_, name);
  if (field == nullptr || !field->is_boolean()) return unexpected(name);
  return field->get<bool>();
}

Result<Secret> JsonAnswer::base64(std::string_view name) {
  json* field = find(*value_, name);
  if (field == nullptr || !field->is_string()) return unexpected(name);
  auto& text = field->get_ref<std::string&>();
  Secret bytes(base64_capacity(text.size()));
  const auto size = decode_base64_into(text, Base64Alphabet::Standard, bytes.reveal_for_writing());
  wipe(std::span<char>(text));
  if (!size) return unexpected(name);
  bytes.shrink(*size);
  return bytes;
}

std::uint64_t JsonAnswer::number_or_zero(std::string_view name) const noexcept {
  const json* field = find(*value_, name);
  return field != nullptr && field->is_number_unsigned() ? field->get<std::uint64_t>() : 0;
}

std::vector<JsonAnswer> JsonAnswer::items(std::string_view name) const {
  std::vector<JsonAnswer> out;
  const json* field = find(*value_, name);
  if (field == nullptr || !field->is_array()) return out;
  for (const json& item : *field) out.push_back(JsonAnswer(std::make_shared<json>(item)));
  return out;
}

std::string JsonAnswer::to_lines() const {
  std::string out;
  append_lines(*value_, {}, out);
  return out;
}

}  // namespace kw::cli
