// SPDX-License-Identifier: Apache-2.0
#include "service/api/decode.h"
#include "service/api/json_writer.h"

namespace kw::api {
namespace {

constexpr std::size_t kMaxNames = 64;

Result<Answer> write_policy(Result<core::PolicyText> result) {
  const core::PolicyText policy = TRY(std::move(result));
  JsonWriter json(policy.text.size() * 2 + 256);
  json.begin_object().name("sha256").string(to_hex(policy.hash));
  json.name("policy").string(policy.text).end_object();
  return Answer{.body = json.finish()};
}

Result<Answer> write_explanation(Result<core::PolicyExplanation> result) {
  const core::PolicyExplanation explanation = TRY(std::move(result));
  JsonWriter json(2048);
  json.begin_object().name("allowed").boolean(explanation.allowed);
  if (!explanation.rule.empty()) json.name("rule").string(explanation.rule);
  json.name("near_misses").begin_array();
  for (const std::string& miss : explanation.near_misses) json.string(miss);
  json.end_array().end_object();
  return Answer{.body = json.finish()};
}

Result<std::vector<std::string>> take_strings(JsonFields& fields, std::string_view name) {
  std::vector<std::string> texts;
  const std::optional<JsonValue> value = fields.take(name);
  if (!value) return texts;
  for (const JsonValue& text : TRY(in_field(name, value->as_array(kMaxNames)))) {
    texts.push_back(TRY(in_field(name, text.as_string())));
  }
  return texts;
}

// Who is asked about: {"spiffe": [...], "dns": [...], "spki": "...", "subject": "..."}.
Result<void> take_subject(JsonFields& fields, core::ExplainPolicy& request) {
  const JsonValue value = TRY(fields.need("as"));
  JsonFields subject = TRY(in_field("as", JsonFields::of(value)));
  request.spki = TRY(take_string_or(subject, "spki", ""));
  request.spiffe = TRY(take_strings(subject, "spiffe"));
  request.dns = TRY(take_strings(subject, "dns"));
  request.subject = TRY(take_string_or(subject, "subject", ""));
  return subject.finish();
}

}  // namespace

Result<Act> decode_read_policy(JsonFields body, const Target&) {
  TRY(body.finish());
  return Act([](core::KeyService& door, const core::Call& call) {
    return door.read_policy(call).map(write_policy);
  });
}

Result<Act> decode_write_policy(JsonFields body, const Target&) {
  std::string text = TRY(take_string(body, "policy"));
  TRY(body.finish());
  return Act([text = std::move(text)](core::KeyService& door, const core::Call& call) {
    return door.write_policy(call, text).map(write_policy);
  });
}

Result<Act> decode_explain_policy(JsonFields body, const Target&) {
  core::ExplainPolicy request;
  TRY(take_subject(body, request));
  request.operation = TRY(take_string(body, "do"));
  request.key = TRY(take_string_or(body, "key", ""));
  request.source = TRY(take_string_or(body, "source", ""));
  if (body.has("context")) request.context = TRY(take_context(body, "context"));
  TRY(body.finish());
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.explain_policy(call, request).map(write_explanation);
  });
}

}  // namespace kw::api
