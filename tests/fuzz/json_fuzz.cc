// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "service/api/json_reader.h"
#include "tests/support/json_oracle.h"

// Whatever the reader accepts, nlohmann reads with the same values.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const kw::ByteView bytes(data, size);
  const auto document = kw::api::JsonDocument::parse(bytes);
  if (document) KW_ASSERT(kw::test::nlohmann_agrees(kw::as_text(bytes), *document));
  return 0;
}
