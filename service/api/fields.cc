// SPDX-License-Identifier: Apache-2.0
#include "service/api/decode.h"

#include <charconv>

namespace kw::api {
namespace {

Error too_long(std::string_view name, std::size_t most) {
  return refusal(Code::InvalidArgument,
                 std::string(name) + ": more than " + std::to_string(most) + " bytes");
}

Result<Context> read_context(JsonValue value) {
  std::vector<Context::Pair> pairs;
  for (const auto& [key, member] : TRY(value.as_members())) {
    pairs.emplace_back(key, TRY(member.as_string()));
  }
  return Context::from_pairs(std::move(pairs));
}

}  // namespace

const std::string* find_parameter(const Target& target, const std::string& name) {
  const auto at = target.query.find(name);
  return at == target.query.end() ? nullptr : &at->second;
}

Result<std::optional<std::uint64_t>> take_number(const Target& target, const std::string& name,
                                                 std::uint64_t least, std::uint64_t most) {
  const std::string* const text = find_parameter(target, name);
  if (text == nullptr || text->empty()) return std::optional<std::uint64_t>();
  std::uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  const bool plain = error == std::errc() && stop == end && std::to_string(value) == *text;
  if (plain && value >= least && value <= most) return std::optional(value);
  return refusal(Code::InvalidArgument, name + ": must be an integer from " +
                                            std::to_string(least) + " to " + std::to_string(most));
}

Result<std::string> take_string(JsonFields& fields, std::string_view name) {
  const JsonValue value = TRY(fields.need(name));
  return in_field(name, value.as_string());
}

Result<std::string> take_string_or(JsonFields& fields, std::string_view name,
                                   std::string_view fallback) {
  const std::optional<JsonValue> value = fields.take(name);
  if (!value) return std::string(fallback);
  return in_field(name, value->as_string());
}

Result<KeyName> take_key(JsonFields& fields) {
  const std::string text = TRY(take_string(fields, "key"));
  return KeyName::parse(text);
}

Result<std::optional<KeyName>> take_optional_key(JsonFields& fields) {
  const std::optional<JsonValue> value = fields.take("key");
  if (!value) return std::optional<KeyName>();
  const std::string text = TRY(in_field("key", value->as_string()));
  return std::optional<KeyName>(TRY(KeyName::parse(text)));
}

Result<Context> take_context(JsonFields& fields, std::string_view name) {
  const std::optional<JsonValue> value = fields.take(name);
  if (!value) return Context();
  return in_field(name, read_context(*value));
}

Result<std::optional<Version>> take_version(JsonFields& fields) {
  const std::optional<JsonValue> value = fields.take("version");
  if (!value) return std::optional<Version>();
  const std::uint64_t number = TRY(in_field("version", value->as_integer(1, 0xFFFFFFFF)));
  return std::optional<Version>(Version{static_cast<std::uint32_t>(number)});
}

Result<Secret> take_secret(JsonFields& fields, std::string_view name, std::size_t most) {
  const JsonValue value = TRY(fields.need(name));
  Secret secret = TRY(in_field(name, value.as_secret(Base64Alphabet::Standard)));
  if (secret.size() > most) return too_long(name, most);
  return secret;
}

Result<Bytes> take_bytes(JsonFields& fields, std::string_view name, std::size_t most) {
  const JsonValue value = TRY(fields.need(name));
  Bytes bytes = TRY(in_field(name, value.as_bytes(Base64Alphabet::Standard)));
  if (bytes.size() > most) return too_long(name, most);
  return bytes;
}

Result<Bytes> take_blob(JsonFields& fields) {
  const JsonValue value = TRY(fields.need("blob"));
  if (!value.is_string()) return refusal(Code::InvalidArgument, "blob: must be a string");
  Result<Bytes> bytes = value.as_bytes(Base64Alphabet::Url);
  if (!bytes || bytes->size() > kMaxBlob) return Bytes();
  return std::move(bytes).value();
}

}  // namespace kw::api
