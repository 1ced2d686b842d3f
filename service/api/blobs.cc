// SPDX-License-Identifier: Apache-2.0
#include "service/api/decode.h"
#include "service/api/json_writer.h"

namespace kw::api {
namespace {

constexpr std::size_t kRoomForNames = 1024;

std::size_t room_for(std::size_t bytes) { return kRoomForNames + base64_capacity(bytes) * 2; }

void write_key(JsonWriter& json, const KeyName& key, Version version) {
  json.name("key").string(key.text()).name("version").integer(to_number(version));
}

Result<Answer> write_wrapped(Result<core::Wrapped> result) {
  const core::Wrapped wrapped = TRY(std::move(result));
  JsonWriter json(room_for(wrapped.blob.size()));
  json.begin_object();
  write_key(json, wrapped.key, wrapped.version);
  json.name("blob").base64(wrapped.blob, Base64Alphabet::Url).end_object();
  return Answer{.body = json.finish()};
}

Result<Answer> write_unwrapped(Result<core::Unwrapped> result) {
  const core::Unwrapped unwrapped = TRY(std::move(result));
  JsonWriter json(room_for(unwrapped.plaintext.size()));
  json.begin_object();
  write_key(json, unwrapped.key, unwrapped.version);
  json.name("plaintext").base64(unwrapped.plaintext.reveal()).end_object();
  return Answer{.body = json.finish()};
}

Result<Answer> write_data_key(Result<core::DataKey> result) {
  const core::DataKey key = TRY(std::move(result));
  JsonWriter json(room_for(key.blob.size()));
  json.begin_object();
  write_key(json, key.key, key.version);
  if (key.plaintext) json.name("plaintext").base64(key.plaintext->reveal());
  json.name("blob").base64(key.blob, Base64Alphabet::Url).end_object();
  return Answer{.body = json.finish()};
}

Result<std::size_t> take_data_key_size(JsonFields& fields) {
  const JsonValue value = TRY(fields.need("bytes"));
  const std::uint64_t size = TRY(in_field("bytes", value.as_integer(16, 64)));
  if (size != 16 && size != 32 && size != 64) {
    return refusal(Code::InvalidArgument, "bytes: must be 16, 32 or 64");
  }
  return static_cast<std::size_t>(size);
}

// Absent: the old context stays.
Result<std::optional<Context>> take_new_context(JsonFields& fields) {
  if (!fields.has("new_context")) return std::optional<Context>();
  return std::optional<Context>(TRY(take_context(fields, "new_context")));
}

}  // namespace

Result<Act> decode_wrap(JsonFields body, const Target&) {
  KeyName key = TRY(take_key(body));
  Secret plaintext = TRY(take_secret(body, "plaintext", kMaxPlaintext));
  Context context = TRY(take_context(body, "context"));
  TRY(body.finish());
  core::Wrap request{std::move(key), std::move(plaintext), std::move(context)};
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.wrap(call, request).map(write_wrapped);
  });
}

Result<Act> decode_unwrap(JsonFields body, const Target&) {
  core::Unwrap request;
  request.blob = TRY(take_blob(body));
  request.context = TRY(take_context(body, "context"));
  request.key = TRY(take_optional_key(body));
  TRY(body.finish());
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.unwrap(call, request).map(write_unwrapped);
  });
}

Result<Act> decode_rewrap(JsonFields body, const Target&) {
  core::Rewrap request;
  request.blob = TRY(take_blob(body));
  request.context = TRY(take_context(body, "context"));
  request.key = TRY(take_optional_key(body));
  request.new_context = TRY(take_new_context(body));
  TRY(body.finish());
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.rewrap(call, request).map(write_wrapped);
  });
}

Result<Act> decode_data_key(JsonFields body, const Target&) {
  KeyName key = TRY(take_key(body));
  const std::size_t size = TRY(take_data_key_size(body));
  Context context = TRY(take_context(body, "context"));
  core::MakeDataKey request{std::move(key), size, std::move(context), true};
  if (const std::optional<JsonValue> plaintext = body.take("plaintext")) {
    request.with_plaintext = TRY(in_field("plaintext", plaintext->as_bool()));
  }
  TRY(body.finish());
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.data_key(call, request).map(write_data_key);
  });
}

}  // namespace kw::api
