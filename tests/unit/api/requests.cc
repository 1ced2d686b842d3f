// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/api/requests.h"

namespace kw::api::test {

using nlohmann::json;

const std::vector<Example>& examples() {
  static const json context = {{"tenant", "7"}};
  static const json subject = {{"spiffe", {"spiffe://a/b"}},
                               {"dns", {"a.example"}},
                               {"spki", "sha256:00"},
                               {"subject", "CN=a"}};
  static const std::vector<Example> kExamples = {
      {"POST /v1/keys",
       decode_create_key,
       {{"name", "a/b"}, {"algorithm", "ed25519"}, {"residency", "token"}, {"tags", context}},
       {"name", "algorithm"}},
      {"POST /v1/keys/{name}:rotate", decode_rotate_key, json::object(), {}},
      {"POST /v1/keys/{name}:disable", decode_disable_key, {{"version", 1}}, {}},
      {"POST /v1/keys/{name}:enable", decode_enable_key, {{"version", 4294967295}}, {}},
      {"POST /v1/wrap",
       decode_wrap,
       {{"key", "a/b"}, {"plaintext", "Zm9v"}, {"context", context}},
       {"key", "plaintext"}},
      {"POST /v1/unwrap",
       decode_unwrap,
       {{"blob", "a3di"}, {"context", context}, {"key", "a/b"}},
       {"blob"}},
      {"POST /v1/rewrap",
       decode_rewrap,
       {{"blob", "a3di"}, {"context", context}, {"key", "a/b"}, {"new_context", context}},
       {"blob"}},
      {"POST /v1/data-key",
       decode_data_key,
       {{"key", "a/b"}, {"bytes", 32}, {"context", context}, {"plaintext", false}},
       {"key", "bytes"}},
      {"POST /v1/sign",
       decode_sign,
       {{"key", "a/b"}, {"message", "Zm9v"}, {"encoding", "der"}},
       {"key", "message"}},
      {"POST /v1/verify",
       decode_verify,
       {{"key", "a/b"},
        {"version", 1},
        {"digest", "Zm9v"},
        {"signature", "Zm9v"},
        {"encoding", "raw"}},
       {"key", "digest", "signature"}},
      {"POST /v1/mac", decode_mac, {{"key", "a/b"}, {"message", "Zm9v"}}, {"key", "message"}},
      {"POST /v1/verify-mac",
       decode_verify_mac,
       {{"key", "a/b"}, {"version", 2}, {"message", ""}, {"mac", "Zm9v"}},
       {"key", "message", "mac"}},
      {"POST /v1/random", decode_random, {{"bytes", 4096}}, {"bytes"}},
      {"POST /v1/batch",
       decode_batch,
       {{"requests", {{{"op", "random"}, {"bytes", 1}}, {{"op", "nothing"}}}}},
       {"requests"}},
      {"PUT /v1/policy",
       decode_write_policy,
       {{"policy", "version: keyward-policy/1"}},
       {"policy"}},
      {"POST /v1/policy:explain",
       decode_explain_policy,
       {{"as", subject},
        {"do", "wrap"},
        {"key", "a/b"},
        {"source", "10.0.0.1"},
        {"context", context}},
       {"as", "do"}},
      {"POST /v1/audit/context", decode_context_mac, {{"context", context}}, {"context"}},
  };
  return kExamples;
}

Result<Act> read_text(Decoder decode, const std::string& body, Target target) {
  if (!target.name) target.name.emplace(REQUIRE_OK(KeyName::parse("a/b")));
  const JsonDocument document = TRY(JsonDocument::parse(as_bytes(body)));
  JsonFields fields = TRY(JsonFields::of(document.root()));
  return decode(std::move(fields), target);
}

Result<Act> read(Decoder decode, const json& body) { return read_text(decode, body.dump()); }

}  // namespace kw::api::test
