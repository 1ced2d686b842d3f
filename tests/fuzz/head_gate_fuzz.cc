// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "service/http/head_gate.h"
#include "service/http/second_opinion.h"

// Whatever the gate lets through, an independent parser reads in the same way; and what it lets
// through has no second spelling.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const kw::http::HeadScan scan = kw::http::scan_head(bytes, 0);
  if (scan.state != kw::http::HeadScan::State::Complete) return 0;
  KW_ASSERT(scan.size <= size);
  const std::string_view head_bytes = bytes.substr(0, scan.size);
  const auto judged = kw::http::check_head(head_bytes, kw::http::HeadLimits{});
  const auto* head = std::get_if<kw::http::Head>(&judged);
  if (head == nullptr) return 0;
  KW_ASSERT(kw::http::second_parser_agrees(head_bytes, *head));
  KW_ASSERT((head->path + "/").find("/../") == std::string::npos);
  KW_ASSERT(head->path.find_first_of("%\\ ") == std::string::npos);
  KW_ASSERT(head->content_length <= kw::http::HeadLimits{}.body_bytes);
  return 0;
}
