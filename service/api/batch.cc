// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "service/api/decode.h"
#include "service/api/json_writer.h"
#include "service/api/problem_body.h"

namespace kw::api {
namespace {

constexpr std::size_t kMaxRequests = 1000;

using core::Work;

struct Operation {
  std::string_view name;
  Work work;
  Decoder decode;
};

// What a batch may hold: the operations that use keys and change nothing.
constexpr std::array<Operation, 9> kOperations = {{
    {"wrap", Work::Symmetric, decode_wrap},
    {"unwrap", Work::Symmetric, decode_unwrap},
    {"rewrap", Work::Symmetric, decode_rewrap},
    {"data-key", Work::Symmetric, decode_data_key},
    {"sign", Work::Asymmetric, decode_sign},
    {"verify", Work::Host, decode_verify},
    {"mac", Work::Symmetric, decode_mac},
    {"verify-mac", Work::Symmetric, decode_verify_mac},
    {"random", Work::Symmetric, decode_random},
}};

// A part that cannot be read is refused by the door, on record, like a request of its own.
Act refuse_part(std::string_view operation, Error error) {
  return [operation = std::string(operation), error = std::move(error)](core::KeyService& door,
                                                                        const core::Call& call) {
    return door.refuse(call, operation, error).map([](Result<Secret> result) -> Result<Answer> {
      return std::move(result).error();
    });
  };
}

Result<Act> decode_named_part(JsonFields fields, std::string_view name) {
  for (const Operation& operation : kOperations) {
    if (operation.name != name) continue;
    Act act = TRY(operation.decode(std::move(fields), Target()));
    act.asks_for(operation.work);
    return act;
  }
  return refusal(Code::InvalidArgument, "op: not an operation for a batch");
}

Result<Act> decode_part(JsonValue part) {
  JsonFields fields = TRY(JsonFields::of(part));
  const std::string name = TRY(take_string(fields, "op"));
  Result<Act> act = decode_named_part(std::move(fields), name);
  if (act) return act;
  return refuse_part(name, std::move(act).error());
}

using Parts = std::vector<core::Sealed<Answer>::Part>;

std::size_t room_for(const Parts& parts) {
  std::size_t size = 64;
  for (const auto& part : parts) size += 512 + (part.answer ? part.answer->body.size() : 0);
  return size;
}

// {"status": 200, "receipt": "...", "answer": {...}} or {"status": 403, ..., "problem": {...}}.
Result<Answer> write_parts(Result<Parts> result, const RequestId& id) {
  const Parts parts = TRY(std::move(result));
  JsonWriter json(room_for(parts));
  json.begin_object().name("results").begin_array();
  for (const auto& part : parts) {
    const int status = part.answer ? part.answer->status : status_of(part.answer.error());
    json.begin_object().name("status").integer(static_cast<std::uint64_t>(status));
    if (part.receipt) json.name("receipt").string(receipt_text(*part.receipt));
    if (part.answer) {
      json.name("answer").raw(as_text(part.answer->body.reveal()));
    } else {
      json.name("problem").raw(problem_body(part.answer.error(), id));
    }
    json.end_object();
  }
  json.end_array().end_object();
  return Answer{.body = json.finish()};
}

}  // namespace

Result<Act> decode_batch(JsonFields body, const Target&) {
  const JsonValue requests = TRY(body.need("requests"));
  TRY(body.finish());
  std::vector<Act> acts;
  for (const JsonValue& part : TRY(in_field("requests", requests.as_array(kMaxRequests)))) {
    Result<Act> act = decode_part(part);
    acts.push_back(act ? std::move(act).value() : refuse_part("batch", std::move(act).error()));
  }
  // An answer that no record stands behind does not exist, also not an empty one.
  if (acts.empty()) return refusal(Code::InvalidArgument, "requests: at least one is needed");
  return Act(
      std::move(acts), [](std::vector<core::Sealed<Answer>> answers, const core::Call& call) {
        return core::Sealed<Answer>::gather(std::move(answers))
            .map([id = call.id](Result<Parts> parts) { return write_parts(std::move(parts), id); });
      });
}

}  // namespace kw::api
