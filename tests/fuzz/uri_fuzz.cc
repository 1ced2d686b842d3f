// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "pkcs11/uri.h"

// Any label can be named, and is then matched alone; what was read can be read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kw::pkcs11::TokenUri;
  const std::string_view text = kw::as_text({data, size});
  if (const auto uri = TokenUri::parse(text)) {
    KW_ASSERT(uri->text() == text);
    KW_ASSERT(TokenUri::parse(uri->text()).has_value());
  }
  // A token pads its label with blanks, so none ends in one.
  const bool is_label = !text.empty() && text.size() <= 32 && text.back() != ' ' &&
                        text.find('\0') == std::string_view::npos;
  if (!is_label) return 0;
  const auto named = TokenUri::parse(TokenUri::of_label(text).text());
  KW_ASSERT(named.has_value());
  KW_ASSERT(named->matches({std::string(text), "", "", ""}));
  KW_ASSERT(!named->matches({std::string(text) + "x", "", "", ""}));
  return 0;
}
