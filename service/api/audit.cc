// SPDX-License-Identifier: Apache-2.0
#include "service/api/decode.h"
#include "service/api/json_writer.h"

namespace kw::api {
namespace {

constexpr std::uint64_t kMaxIndex = ~std::uint64_t{0} - 1;
constexpr std::size_t kMaxRecords = 1000;
constexpr std::size_t kDefaultRecords = 100;

Result<Answer> write_checkpoint(Result<std::string> result) {
  const std::string note = TRY(std::move(result));
  return Answer{.content_type = "text/plain; charset=utf-8",
                .body = Secret::copy_of(as_bytes(note))};
}

// The hashes are one string: a proof in a tree of a million records stays below 1,000 bytes.
Result<Answer> write_proof(std::string_view subject, std::uint64_t number,
                           Result<core::AuditProof> result) {
  const core::AuditProof proof = TRY(std::move(result));
  Bytes hashes;
  for (const Sha256Digest& hash : proof.hashes) append(hashes, hash);
  JsonWriter json(1024);
  json.begin_object().name(subject).integer(number).name("size").integer(proof.size);
  json.name("hashes").base64(hashes).end_object();
  return Answer{.body = json.finish()};
}

Result<Answer> write_records(Result<core::RecordPage> result) {
  const core::RecordPage page = TRY(std::move(result));
  JsonWriter json(page.records.size() * 768 + 64);
  json.begin_object().name("records").begin_array();
  for (const std::string& record : page.records) json.raw(record);
  json.end_array().name("next").integer(page.next).end_object();
  return Answer{.body = json.finish()};
}

Result<Answer> write_context_mac(Result<Bytes> result) {
  const Bytes mac = TRY(std::move(result));
  JsonWriter json;
  json.begin_object().name("context_mac").string(to_hex(mac)).end_object();
  return Answer{.body = json.finish()};
}

Act prove_inclusion(const core::ProveInclusion& request) {
  return [request](core::KeyService& door, const core::Call& call) {
    return door.prove_inclusion(call, request).map([request](Result<core::AuditProof> result) {
      return write_proof("index", request.index, std::move(result));
    });
  };
}

Act prove_growth(const core::ProveGrowth& request) {
  return [request](core::KeyService& door, const core::Call& call) {
    return door.prove_growth(call, request).map([request](Result<core::AuditProof> result) {
      return write_proof("from", request.from, std::move(result));
    });
  };
}

}  // namespace

Result<Act> decode_read_checkpoint(JsonFields body, const Target&) {
  TRY(body.finish());
  return Act([](core::KeyService& door, const core::Call& call) {
    return door.read_checkpoint(call).map(write_checkpoint);
  });
}

Result<Act> decode_prove(JsonFields body, const Target& target) {
  TRY(body.finish());
  const auto index = TRY(take_number(target, "index", 0, kMaxIndex));
  const auto from = TRY(take_number(target, "from", 0, kMaxIndex));
  const auto size = TRY(take_number(target, "size", 0, kMaxIndex));
  if (index.has_value() == from.has_value()) {
    return refusal(Code::InvalidArgument, "query: either index or from");
  }
  if (index) return prove_inclusion({*index, size});
  return prove_growth({*from, size});
}

Result<Act> decode_read_records(JsonFields body, const Target& target) {
  TRY(body.finish());
  core::ReadRecords request;
  request.from = TRY(take_number(target, "from", 0, kMaxIndex)).value_or(0);
  request.limit = TRY(take_number(target, "limit", 1, kMaxRecords)).value_or(kDefaultRecords);
  return Act([request](core::KeyService& door, const core::Call& call) {
    return door.read_records(call, request).map(write_records);
  });
}

Result<Act> decode_context_mac(JsonFields body, const Target&) {
  if (!body.has("context")) return refusal(Code::InvalidArgument, "context: missing");
  Context context = TRY(take_context(body, "context"));
  TRY(body.finish());
  return Act([context = std::move(context)](core::KeyService& door, const core::Call& call) {
    return door.context_mac(call, context).map(write_context_mac);
  });
}

}  // namespace kw::api
