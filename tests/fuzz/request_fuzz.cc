// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "service/api/routes.h"

namespace kw::api {
namespace {

// What a caller reads of a refusal is plain text of ours and never his own bytes.
void check_advice(const Error& error) {
  KW_ASSERT(error.code() == Code::InvalidArgument || error.code() == Code::Unimplemented);
  KW_ASSERT(!error.advice().empty() && error.advice().size() < 200);
  for (const char c : error.advice()) KW_ASSERT(c >= 0x20 && c < 0x7F);
}

void read(const Route& route, ByteView body, const Target& target) {
  const auto document = JsonDocument::parse(body);
  if (!document) return check_advice(document.error());
  auto fields = JsonFields::of(document->root());
  if (!fields) return check_advice(fields.error());
  const auto act = route.decode(std::move(fields).value(), target);
  if (!act) check_advice(act.error());
}

}  // namespace
}  // namespace kw::api

// The first byte chooses the call; the rest is its body.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  kw::api::Target target;
  target.name.emplace(kw::KeyName::parse("a").value());
  const auto routes = kw::api::routes();
  kw::api::read(routes[data[0] % routes.size()], {data + 1, size - 1}, target);
  return 0;
}
