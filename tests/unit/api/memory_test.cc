// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include <algorithm>
#include <cstdlib>
#include <new>

#include "service/api/decode.h"
#include "tests/support/expect.h"

// This program counts what is allocated, so it stands alone.
namespace {

std::size_t now = 0;
std::size_t peak = 0;

void* counted(std::size_t size) {
  auto* const block = static_cast<std::size_t*>(::malloc(size + 2 * sizeof(std::size_t)));
  if (block == nullptr) ::abort();
  block[0] = size;
  now += size;
  peak = std::max(peak, now);
  return block + 2;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  auto* const block = static_cast<std::size_t*>(memory) - 2;
  now -= block[0];
  ::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return counted(size); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }

namespace kw::api {
namespace {

constexpr std::size_t kBody = 64u << 10;
constexpr std::size_t kBound = 1u << 20;

std::string filled(std::string_view head, std::string_view piece, std::string_view tail) {
  std::string text(head);
  while (text.size() + piece.size() + tail.size() <= kBody) text += piece;
  return text.append(tail);
}

// Whether it is accepted does not matter here.
void read(std::string_view body) {
  const auto document = JsonDocument::parse(as_bytes(body));
  if (!document) return;
  auto fields = JsonFields::of(document->root());
  if (fields) (void)decode_batch(std::move(fields).value(), Target());
}

}  // namespace

TEST_CASE("memory: reading 64 KiB never takes a MiB", "[api][json]") {
  const std::string body = GENERATE(
      filled(R"({"requests":[0)", ",0", "]}"), filled(R"({"requests":[[])", ",[]", "]}"),
      filled(R"({"requests":[{})", ",{}", "]}"),
      filled(R"({"requests":[{"op":"random","bytes":1})", R"(,{"op":"random","bytes":1})", "]}"),
      filled(R"({"requests":")", "\\u0000", "\"}"), filled("", "[", ""), filled("", "{\"\":", ""));
  INFO(body.substr(0, 40));
  const std::size_t before = now;
  peak = now;
  read(body);
  const std::size_t risen = peak - before;
  const std::size_t left = now - before;
  CHECK(risen < kBound);
  CHECK(left == 0);
}

// A macro that returns out of a braced list leaves what was built of the list behind.
TEST_CASE("memory: a refused request leaves nothing behind", "[api][decode]") {
  struct Refused {
    Decoder decode;
    std::string_view body;
  };
  static constexpr std::string_view kLong =
      R"({"key":"a-name-that-no-short-string-can-hold","plaintext":"aGVsbG8=","context":{"a":1}})";
  const Refused refused = GENERATE(
      Refused{decode_wrap, kLong},
      Refused{decode_unwrap, R"({"blob":"a3di","context":{"a":"b"},"key":1})"},
      Refused{decode_rewrap, R"({"blob":"a3di","context":{"a":"b"},"new_context":1})"},
      Refused{decode_data_key,
              R"({"key":"a-name-that-no-short-string-can-hold","bytes":32,"context":1})"},
      Refused{decode_sign, R"({"key":"a","message":"aGVsbG8=","encoding":"x"})"},
      Refused{decode_verify, R"({"key":"a","message":"aGVsbG8=","signature":"x"})"},
      Refused{decode_mac, R"({"key":"a-name-that-no-short-string-can-hold","message":"x"})"},
      Refused{decode_verify_mac, R"({"key":"a","message":"aGVsbG8=","mac":"x"})"},
      Refused{decode_disable_key, R"({"version":0})"},
      Refused{decode_create_key,
              R"({"name":"a-name-that-no-short-string-can-hold","algorithm":"x","tags":1})"},
      Refused{decode_batch, R"({"requests":[{"op":"mac","key":"a","message":"x"}]})"},
      Refused{decode_explain_policy, R"({"as":{"spiffe":["spiffe://a/b"]},"do":"wrap","key":1})"});
  INFO(refused.body);
  const std::size_t before = now;
  {
    const auto document = JsonDocument::parse(as_bytes(refused.body));
    Target target;
    target.name.emplace(KeyName::parse("a-name-that-no-short-string-can-hold").value());
    (void)refused.decode(JsonFields::of(document.value().root()).value(), target);
  }
  const std::size_t left = now - before;
  CHECK(left == 0);
}

}  // namespace kw::api
