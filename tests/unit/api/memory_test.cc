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

}  // namespace kw::api
