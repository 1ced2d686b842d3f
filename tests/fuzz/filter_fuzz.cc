// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "service/audit_read/filter.h"

namespace kw::audit_read {
namespace {

constexpr std::string_view kPayload(
    "\x01\x00\x08\0\0\0\0\0\0\0\x07"                                                // index 7
    "\x02\x00\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"  // previous leaf
    "\x03\x00\x01\x01"                              // kind operation
    "\x04\x00\x08\x00\x06\x47\x48\x46\x20\x40\x00"  // time
    "\x05\x00\x08\0\0\0\0\0\0\0\x0c"                // since start
    "\x07\x00\x01\x01"                              // phase single
    "\x08\x00\x03"
    "a*b"                // caller
    "\x0f\x00\x01\x03",  // outcome
    11 + 35 + 4 + 11 + 11 + 4 + 6 + 4);

}  // namespace
}  // namespace kw::audit_read

// A filter that is refused says what is wrong in one line; one that is taken can be asked, and says
// the same when it is read twice.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using kw::audit_read::Filter;
  const std::string_view text = kw::as_text({data, size});
  const kw::WallTime now(std::chrono::seconds(1'767'225'600));
  const auto filter = Filter::parse(text, now);
  if (!filter) {
    KW_ASSERT(filter.error().code() == kw::Code::InvalidArgument);
    KW_ASSERT(filter.error().detail().find_first_of("\n\r\x1b") == std::string::npos);
    return 0;
  }
  kw::audit_verify::DecodedRecord record;
  KW_ASSERT(decode_payload(kw::as_bytes(kw::audit_read::kPayload), record).has_value());
  const auto twice = Filter::parse(std::string(text) + " index=* " + std::string(text), now);
  KW_ASSERT(twice.has_value());
  KW_ASSERT(twice->matches(record) || !filter->matches(record));
  return 0;
}
