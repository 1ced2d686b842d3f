// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "audit_fixture.h"
#include "service/audit/chain.h"
#include "service/audit/segment.h"
#include "service/audit_verify/decoded_record.h"

namespace kw::test {

// Read is one record as a reader of the log gets it: encoded by the writer, decoded again.
struct Read {
  explicit Read(const audit::Record& record, audit::Stamp stamp = {}) {
    frame = audit::make_unlinked_frame(encode_fields(record, stamp));
    audit::Chain().link(frame);
    REQUIRE_OK(decode_payload(ByteView(frame).subspan(audit::kFrameHeader), decoded));
  }
  Read(const Read&) = delete;

  Bytes frame;
  audit_verify::DecodedRecord decoded;
};

inline WallTime at_second(std::int64_t second) { return WallTime(std::chrono::seconds(second)); }

}  // namespace kw::test
