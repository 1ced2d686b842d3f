// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/names.h"
#include "service/api/act.h"
#include "service/api/json_reader.h"
#include "service/core/messages.h"

// Request bodies -> typed requests. Each decode_ function reads one operation's fields, refuses
// what is left over, and yields the act that passes the door. Errors: InvalidArgument, naming the
// field.
namespace kw::api {

constexpr std::size_t kMaxPlaintext = 64u << 10;
constexpr std::size_t kMaxBlob = kMaxPlaintext + 64;  // header 26, nonce 24, tag 16, rounded up
constexpr std::size_t kMaxMessage = 512u << 10;
constexpr std::size_t kMaxSignature = 4096;

// Where the request names a key in its path, and what stood behind '?'.
struct Target {
  std::optional<KeyName> name;
  std::map<std::string, std::string> query;
};

// What stands behind '?' under a name; null if the name is not there. A number is plain digits
// without leading zeros, from `least` to `most`; no digits are no number. Errors: InvalidArgument,
// naming the parameter.
const std::string* find_parameter(const Target& target, const std::string& name);
Result<std::optional<std::uint64_t>> take_number(const Target& target, const std::string& name,
                                                 std::uint64_t least, std::uint64_t most);

using Decoder = Result<Act> (*)(JsonFields body, const Target& target);

// Fields that several operations share.
Result<KeyName> take_key(JsonFields& fields);
Result<std::optional<KeyName>> take_optional_key(JsonFields& fields);
Result<Context> take_context(JsonFields& fields, std::string_view name);
Result<std::optional<Version>> take_version(JsonFields& fields);
Result<Secret> take_secret(JsonFields& fields, std::string_view name, std::size_t most);
Result<Bytes> take_bytes(JsonFields& fields, std::string_view name, std::size_t most);
// Text that no blob has is taken as the empty blob: the door refuses both alike.
Result<Bytes> take_blob(JsonFields& fields);
Result<std::string> take_string(JsonFields& fields, std::string_view name);
Result<std::string> take_string_or(JsonFields& fields, std::string_view name,
                                   std::string_view fallback);

// Puts the field's name in front of what is wrong with its value.
template <typename T>
Result<T> in_field(std::string_view name, Result<T> result) {
  if (result) return result;
  return refusal(result.error().code(), std::string(name) + ": " + result.error().advice());
}

// Keys.
Result<Act> decode_create_key(JsonFields body, const Target& target);
Result<Act> decode_list_keys(JsonFields body, const Target& target);
Result<Act> decode_show_key(JsonFields body, const Target& target);
Result<Act> decode_public_key(JsonFields body, const Target& target);
Result<Act> decode_rotate_key(JsonFields body, const Target& target);
Result<Act> decode_disable_key(JsonFields body, const Target& target);
Result<Act> decode_enable_key(JsonFields body, const Target& target);

// Blobs.
Result<Act> decode_wrap(JsonFields body, const Target& target);
Result<Act> decode_unwrap(JsonFields body, const Target& target);
Result<Act> decode_rewrap(JsonFields body, const Target& target);
Result<Act> decode_data_key(JsonFields body, const Target& target);

// Signatures, MACs, random bytes.
Result<Act> decode_sign(JsonFields body, const Target& target);
Result<Act> decode_verify(JsonFields body, const Target& target);
Result<Act> decode_mac(JsonFields body, const Target& target);
Result<Act> decode_verify_mac(JsonFields body, const Target& target);
Result<Act> decode_random(JsonFields body, const Target& target);

// Many operations in one request. The act borrows from the document and its text: its parts are
// read one by one.
Result<Act> decode_batch(JsonFields body, const Target& target);

// Audit log.
Result<Act> decode_read_checkpoint(JsonFields body, const Target& target);
Result<Act> decode_prove(JsonFields body, const Target& target);
Result<Act> decode_read_records(JsonFields body, const Target& target);
Result<Act> decode_context_mac(JsonFields body, const Target& target);

// Policy.
Result<Act> decode_read_policy(JsonFields body, const Target& target);
Result<Act> decode_write_policy(JsonFields body, const Target& target);
Result<Act> decode_explain_policy(JsonFields body, const Target& target);

}  // namespace kw::api
