// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
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
core::Sealed<Answer> refuse_part(core::KeyService& door, const core::Call& call,
                                 std::string_view operation, const Error& error) {
  return door.refuse(call, operation, error).map([](Result<Secret> result) -> Result<Answer> {
    return std::move(result).error();
  });
}

const Operation* find_operation(std::string_view name) noexcept {
  const auto at = std::find_if(kOperations.begin(), kOperations.end(),
                               [name](const Operation& each) { return each.name == name; });
  return at == kOperations.end() ? nullptr : &*at;
}

// A part's fields but the first, which is taken: its operation's name.
struct Part {
  std::string name;
  JsonFields fields;
};

Result<Part> open_part(JsonValue value) {
  JsonFields fields = TRY(JsonFields::of(value));
  std::string name = TRY(take_string(fields, "op"));
  return Part{std::move(name), std::move(fields)};
}

Result<Act> decode_part(Part part) {
  const Operation* const operation = find_operation(part.name);
  if (operation != nullptr) return operation->decode(std::move(part.fields), Target());
  return refusal(Code::InvalidArgument, "op: not an operation for a batch");
}

core::Sealed<Answer> do_part(JsonValue value, core::KeyService& door, const core::Call& call) {
  Result<Part> part = open_part(value);
  if (!part) return refuse_part(door, call, "batch", part.error());
  const std::string name = part->name;
  Result<Act> act = decode_part(*std::move(part));
  if (!act) return refuse_part(door, call, name, act.error());
  return (*act)(door, call);
}

// A part is read when its turn has come.
Act act_of(JsonValue value) {
  Act act([value](core::KeyService& door, const core::Call& call) {
    return do_part(value, door, call);
  });
  const Result<Part> part = open_part(value);
  const Operation* const operation = part ? find_operation(part->name) : nullptr;
  if (operation != nullptr) act.asks_for(operation->work);
  return act;
}

using Answers = std::vector<core::Sealed<Answer>>;
using Parts = std::vector<core::Sealed<Answer>::Part>;

std::size_t room_for(const Parts& parts) {
  std::size_t size = 64;
  for (const auto& part : parts) size += 512 + (part.answer ? part.answer->body.size() : 0);
  return size;
}

// {"status": 200, "receipt": "...", "answer": {...}} or {"status": 403, ..., "problem": {...}}.
void write_part(JsonWriter& json, const Parts::value_type& part, const RequestId& id) {
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

// The objects of a group with commas between, as they stand in the answer's array.
core::Sealed<Answer> write_group(Answers answers, const core::Call& call) {
  return core::Sealed<Answer>::gather(std::move(answers))
      .map([id = call.id](Result<Parts> result) -> Result<Answer> {
        const Parts parts = TRY(std::move(result));
        JsonWriter json(room_for(parts));
        for (const Parts::value_type& part : parts) write_part(json, part, id);
        return Answer{.body = json.finish()};
      });
}

core::Sealed<Answer> write_whole(Answers groups, const core::Call&) {
  return core::Sealed<Answer>::gather(std::move(groups))
      .map([](Result<Parts> result) -> Result<Answer> {
        const Parts parts = TRY(std::move(result));
        JsonWriter json(room_for(parts));
        json.begin_object().name("results").begin_array();
        for (const Parts::value_type& part : parts) {
          if (!part.answer) return part.answer.error();
          json.raw(as_text(part.answer->body.reveal()));
        }
        json.end_array().end_object();
        return Answer{.body = json.finish()};
      });
}

}  // namespace

Result<Act> decode_batch(JsonFields body, const Target&) {
  const JsonValue requests = TRY(body.need("requests"));
  TRY(body.finish());
  std::vector<Act> acts;
  for (const JsonValue& part : TRY(in_field("requests", requests.as_array(kMaxRequests)))) {
    acts.push_back(act_of(part));
  }
  // An answer that no record stands behind does not exist, also not an empty one.
  if (acts.empty()) return refusal(Code::InvalidArgument, "requests: at least one is needed");
  return Act(std::move(acts), write_group, write_whole);
}

}  // namespace kw::api
