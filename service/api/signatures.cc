// SPDX-License-Identifier: Apache-2.0
#include "service/api/decode.h"
#include "service/api/json_writer.h"

namespace kw::api {
namespace {

constexpr std::size_t kMaxDigest = 64;
constexpr std::size_t kMaxRandom = 4096;

Result<core::ToBeSigned> take_input(JsonFields& fields) {
  if (fields.has("message") == fields.has("digest")) {
    return refusal(Code::InvalidArgument, "exactly one of \"message\" and \"digest\" is needed");
  }
  if (fields.has("message")) {
    return core::ToBeSigned(core::Message{TRY(take_secret(fields, "message", kMaxMessage))});
  }
  return core::ToBeSigned(core::Digest{TRY(take_bytes(fields, "digest", kMaxDigest))});
}

Result<core::SignatureEncoding> take_encoding(JsonFields& fields) {
  const std::string text = TRY(take_string_or(fields, "encoding", "der"));
  if (text == "der") return core::SignatureEncoding::Der;
  if (text == "raw") return core::SignatureEncoding::Raw;
  if (text == "jws") return core::SignatureEncoding::Jws;
  return refusal(Code::InvalidArgument, "encoding: must be der, raw or jws");
}

// A JWS carries its signature in base64url; the other encodings are standard base64.
Base64Alphabet alphabet_of(core::SignatureEncoding encoding) {
  return encoding == core::SignatureEncoding::Jws ? Base64Alphabet::Url : Base64Alphabet::Standard;
}

Result<Bytes> take_signature(JsonFields& fields, core::SignatureEncoding encoding) {
  const JsonValue value = TRY(fields.need("signature"));
  Bytes signature = TRY(in_field("signature", value.as_bytes(alphabet_of(encoding))));
  if (signature.size() > kMaxSignature) {
    return refusal(Code::InvalidArgument, "signature: too long");
  }
  return signature;
}

void write_key(JsonWriter& json, const KeyName& key, Version version) {
  json.begin_object().name("key").string(key.text());
  json.name("version").integer(to_number(version));
}

Result<Answer> write_signed(Result<core::Signed> result) {
  const core::Signed made = TRY(std::move(result));
  JsonWriter json(2048);
  write_key(json, made.key, made.version);
  json.name("signature").base64(made.signature, alphabet_of(made.encoding)).end_object();
  return Answer{.body = json.finish()};
}

Result<Answer> write_mac(Result<core::Mac> result) {
  const core::Mac made = TRY(std::move(result));
  JsonWriter json;
  write_key(json, made.key, made.version);
  json.name("mac").base64(made.mac).end_object();
  return Answer{.body = json.finish()};
}

Result<Answer> write_verdict(Result<core::Verdict> result) {
  const core::Verdict verdict = TRY(std::move(result));
  JsonWriter json;
  write_key(json, verdict.key, verdict.version);
  json.name("valid").boolean(verdict.valid).end_object();
  return Answer{.body = json.finish()};
}

Result<Answer> write_random(Result<Secret> result) {
  const Secret random = TRY(std::move(result));
  JsonWriter json(kMaxRandom * 2);
  json.begin_object().name("random").base64(random.reveal()).end_object();
  return Answer{.body = json.finish()};
}

}  // namespace

Result<Act> decode_sign(JsonFields body, const Target&) {
  KeyName key = TRY(take_key(body));
  core::ToBeSigned input = TRY(take_input(body));
  const core::SignatureEncoding encoding = TRY(take_encoding(body));
  TRY(body.finish());
  core::Sign request{std::move(key), std::move(input), encoding};
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.sign(call, request).map(write_signed);
  });
}

Result<Act> decode_verify(JsonFields body, const Target&) {
  const core::SignatureEncoding encoding = TRY(take_encoding(body));
  KeyName key = TRY(take_key(body));
  const std::optional<Version> version = TRY(take_version(body));
  core::ToBeSigned input = TRY(take_input(body));
  Bytes signature = TRY(take_signature(body, encoding));
  TRY(body.finish());
  core::Verify request{std::move(key), version, std::move(input), std::move(signature), encoding};
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.verify(call, request).map(write_verdict);
  });
}

Result<Act> decode_mac(JsonFields body, const Target&) {
  KeyName key = TRY(take_key(body));
  Secret message = TRY(take_secret(body, "message", kMaxMessage));
  TRY(body.finish());
  core::ComputeMac request{std::move(key), std::move(message)};
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.mac(call, request).map(write_mac);
  });
}

Result<Act> decode_verify_mac(JsonFields body, const Target&) {
  KeyName key = TRY(take_key(body));
  const std::optional<Version> version = TRY(take_version(body));
  Secret message = TRY(take_secret(body, "message", kMaxMessage));
  Bytes mac = TRY(take_bytes(body, "mac", kMaxDigest));
  TRY(body.finish());
  core::VerifyMac request{std::move(key), version, std::move(message), std::move(mac)};
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.verify_mac(call, request).map(write_verdict);
  });
}

Result<Act> decode_random(JsonFields body, const Target&) {
  const JsonValue value = TRY(body.need("bytes"));
  const std::uint64_t size = TRY(in_field("bytes", value.as_integer(1, kMaxRandom)));
  TRY(body.finish());
  return Act([size](core::KeyService& door, const core::Call& call) {
    return door.random(call, static_cast<std::size_t>(size)).map(write_random);
  });
}

}  // namespace kw::api
