// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/names.h"
#include "base/result.h"
#include "service/api/routes.h"

namespace {

// The contract's rule once more, written differently: one pass, one state.
bool is_name(std::string_view text) {
  std::size_t segments = 1;
  std::size_t length = 0;
  for (const char c : text) {
    if (c == '/') {
      if (length == 0 || ++segments > 8) return false;
      length = 0;
      continue;
    }
    const std::string_view allowed = length == 0 ? "abcdefghijklmnopqrstuvwxyz0123456789"
                                                 : "abcdefghijklmnopqrstuvwxyz0123456789._-";
    if (allowed.find(c) == std::string_view::npos || ++length > 63) return false;
  }
  return length > 0;
}

}  // namespace

// A name is what the contract says and nothing else, in a request's body as in its path.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = kw::as_text({data, size});
  const auto name = kw::KeyName::parse(text);
  KW_ASSERT(name.has_value() == is_name(text));
  if (name) KW_ASSERT(name->text() == text);
  const auto match =
      kw::api::match(kw::http::Method::Get, "/v1/keys/" + std::string(text) + ":public", "");
  if (name) KW_ASSERT(match.value().target.name == *name);
  if (match && match->route != nullptr) KW_ASSERT(name.has_value());
  return 0;
}
