// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/print.h"
#include "audit_fixture.h"
#include "service/audit_verify/decoded_record.h"

namespace kw::test {

using audit_verify::DecodedRecord;
using audit_verify::escape_for_terminal;

namespace {

Bytes payload_of(const audit::Record& record) {
  Bytes frame = audit::make_unlinked_frame(encode_fields(record, {}));
  audit::Chain().link(frame);
  return to_bytes(ByteView(frame).subspan(audit::kFrameHeader));
}

}  // namespace

// Negative test 72.
TEST_CASE("audit print: lets nothing act on a terminal", "[audit][72]") {
  CHECK(escape_for_terminal("plain Größe 鍵") == "plain Größe 鍵");
  CHECK(escape_for_terminal("a\nb\r\t\x1b[2J\x7f") == "a\\x0ab\\x0d\\x09\\x1b[2J\\x7f");
  CHECK(escape_for_terminal("\xc2\x9b"
                            "31m") == "\\u{009b}31m");
  CHECK(escape_for_terminal("\u202egnp.exe") == "\\u{202e}gnp.exe");
  CHECK(escape_for_terminal("\xff\xc0\xaf\xed\xa0\x80") == "\\xff\\xc0\\xaf\\xed\\xa0\\x80");
  CHECK(escape_for_terminal("cut \xe2\x82") == "cut \\xe2\\x82");
  CHECK(escape_for_terminal("\"\\") == "\\\"\\\\");
  CHECK(escape_for_terminal("\U000e0041") == "\\u{e0041}");
}

TEST_CASE("audit print: writes JSON that stays in one line", "[audit][72]") {
  audit::Record record;
  record.caller = "a\n\"\\\x1b\xff\u202e\U000e0041";
  const Bytes payload = payload_of(record);
  DecodedRecord decoded;
  REQUIRE_OK(decode_payload(payload, decoded));
  const std::string json = to_json(decoded);
  CHECK(json.find("\"caller\":\"a\\u000a\\\"\\\\\\u001b\\\\xff\\u202e\\udb40\\udc41\"") !=
        std::string::npos);
  CHECK(to_text(decoded).find('\n') == std::string::npos);
}

TEST_CASE("audit decode: takes the canonical encoding and nothing else", "[audit][format]") {
  DecodedRecord decoded;
  const Bytes good = payload_of(a_wrap());
  REQUIRE_OK(decode_payload(good, decoded));
  for (std::size_t size = 0; size < good.size(); ++size) {
    INFO("cut at " << size);
    const bool at_field_end = decode_payload(ByteView(good).first(size), decoded).has_value();
    // Optional fields may be missing at the end; then what is left ends with a whole field.
    if (at_field_end) CHECK(decoded.find("phase") != nullptr);
  }
  const auto refused = [&](Bytes tail) {
    Bytes payload = good;
    append(payload, tail);
    CHECK_CODE(decode_payload(payload, decoded), Code::InvalidArgument);
  };
  refused({0x16, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1});  // latency twice
  refused({0x07, 0, 1, 1});                       // phase out of order
  refused({0x17, 0, 1, 1});                       // an event in an operation
  refused({0x20, 0, 1, 1});                       // reserved
  refused({0xff, 0, 0});
}

TEST_CASE("audit decode: refuses words, kinds and lengths that the page does not list",
          "[audit][format]") {
  const auto refused = [](std::string_view tail) {
    Bytes payload = to_bytes(ByteView(payload_of(audit::Record{})).first(audit::kPayloadPrefix));
    append(payload, REQUIRE_OK(decode_hex(tail)));
    DecodedRecord decoded;
    CHECK_CODE(decode_payload(payload, decoded), Code::InvalidArgument);
  };
  const std::string times =
      "0400080000000000000000"
      "0500080000000000000000";
  refused("03000100" + times);  // kind 0
  refused("03000104" + times);  // kind 4: reserved
  refused("03000101" + times);  // operation without a phase
  refused("03000102" + times);  // system without an event
  refused(
      "03000101"
      "0500080000000000000000"
      "07000101");                           // no time
  refused("03000101" + times + "07000104");  // phase 4
  refused("03000101" + times + "07000100");  // phase 0
  refused("03000101" + times +
          "07000101"
          "080000");  // an empty caller
  refused("03000101" + times +
          "07000101"
          "0e00020001");  // a short version
  refused("03000101" + times +
          "07000101"
          "0f00010e");                       // outcome 14
  refused("03000103" + times + "07000101");  // a seal with a phase
}

}  // namespace kw::test
