// SPDX-License-Identifier: Apache-2.0
// The expected bytes are those of docs/audit-format.md, computed by a Python script with hashlib
// and a bit-wise CRC32C. The check value of CRC32C is that of RFC 3720's polynomial for
// "123456789".
#include <numeric>

#include "audit_fixture.h"
#include "base/crc32c.h"
#include "service/audit/chain.h"
#include "service/audit/record.h"
#include "service/audit/segment.h"
#include "service/audit_verify/print.h"

namespace kw::test {
namespace {

Bytes worked_example() {
  const std::string page = REQUIRE_OK(read_file(std::string(KW_DOCS) + "/audit-format.md"));
  const std::size_t begin = page.find("```hex\n") + 7;
  std::string digits;
  bool comment = false;
  for (const char c : page.substr(begin, page.find("```", begin) - begin)) {
    if (c == ';') comment = true;
    if (c == '\n') comment = false;
    if (!comment && c != ' ' && c != '\n') digits += c;
  }
  return REQUIRE_OK(decode_hex(digits));
}

audit::Record record_of_the_page() {
  Bytes ids(32);
  std::iota(ids.begin(), ids.end(), std::uint8_t{0});
  audit::Record record = a_wrap();
  record.request_id = REQUIRE_OK(RequestId::decode(ByteView(ids).subspan(16)));
  record.key_id = REQUIRE_OK(KeyId::decode(ByteView(ids).first(16)));
  record.policy_hash = sha256(as_bytes("abc"));
  Sha256Digest mac;
  mac.fill(0xc5);
  record.context_mac = mac;
  return record;
}

constexpr const char* kReceiptOfThePage =
    "1:3554f365d71d4fc18a93c03f5c54c02a99dd5d9f5494e8f6620da91680c57a34";

}  // namespace

TEST_CASE("crc32c: gives the published check value", "[base][vectors]") {
  CHECK(crc32c(as_bytes("123456789")) == 0xe3069283);
  CHECK(crc32c(Bytes(32)) == 0x8a9136aa);  // RFC 3720, B.4: 32 bytes of zeroes
  CHECK(crc32c({}) == 0);
}

TEST_CASE("RequestId: decodes sixteen bytes only", "[base][names]") {
  CHECK(REQUIRE_OK(RequestId::decode(Bytes(16, 0xab))).text() ==
        "abababababababababababababababab");
  CHECK_CODE(RequestId::decode(Bytes(15)), Code::InvalidArgument);
}

TEST_CASE("audit writer: writes the bytes of the page", "[audit][vectors]") {
  constexpr std::chrono::microseconds kNewYear{1'767'225'600'000'000};
  Bytes log = audit::encode_segment_header({});
  audit::Chain chain;
  Bytes start = audit::make_unlinked_frame(
      encode_fields(audit::system_record(audit::Event::Start),
                    {WallTime(kNewYear), std::chrono::microseconds(12)}));
  chain.link(start);
  append(log, start);
  Bytes wrap = audit::make_unlinked_frame(encode_fields(
      record_of_the_page(), {WallTime(kNewYear + std::chrono::microseconds(1'500'000)),
                             std::chrono::microseconds(1'500'012)}));
  const audit::Ticket ticket = chain.link(wrap);
  append(log, wrap);
  CHECK(to_hex(log) == to_hex(worked_example()));
  CHECK(audit::receipt_text(ticket) == kReceiptOfThePage);
}

TEST_CASE("audit verifier: reads the bytes of the page", "[audit][vectors]") {
  const TempDir dir;
  const Bytes example = worked_example();
  REQUIRE_OK(write_file(dir / "00000000000000000000.kwa", as_text(example)));
  const auto verdict = REQUIRE_OK(audit_verify::verify(dir.path()));
  CHECK(verdict.finding == audit_verify::Finding::Good);
  CHECK(verdict.records == 2);
  std::vector<std::string> lines;
  std::string json;
  std::string receipt;
  REQUIRE_OK(audit_verify::read_records(dir.path(), 0, [&](const auto& record) {
    lines.push_back(audit_verify::to_text(record));
    json = audit_verify::to_json(record);
    receipt = std::to_string(record.index) + ":" + to_hex(record.leaf);
    return true;
  }));
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "0 2026-01-01T00:00:00.000000Z system since_start=12 event=start");
  CHECK(
      lines[1] ==
      "1 2026-01-01T00:00:01.500000Z operation since_start=1500012 "
      "request_id=101112131415161718191a1b1c1d1e1f phase=single "
      "caller=\"spiffe://example.org/app\" proof=mtls source=\"192.0.2.7:51000\" "
      "operation=\"wrap\" key_id=000102030405060708090a0b0c0d0e0f key=\"payments/card\" version=3 "
      "outcome=ok rule=\"app-wraps\" "
      "policy_hash=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad bytes_in=32 "
      "bytes_out=101 "
      "context_mac=c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5 latency=850");
  CHECK(json.find("\"caller\":\"spiffe://example.org/app\"") != std::string::npos);
  CHECK(json.find("\"version\":3,") != std::string::npos);
  CHECK(receipt == kReceiptOfThePage);
}

TEST_CASE("audit record: keeps two overlong callers apart", "[audit][format]") {
  const std::string long_name(600, 'a');
  const auto encoded = [](const std::string& caller) {
    audit::Record record;
    record.caller = caller;
    return encode_fields(record, {});
  };
  CHECK(encoded(long_name + "1") != encoded(long_name + "2"));
  CHECK(encoded(long_name).size() < 600);
}

TEST_CASE("audit record: every code has the outcome word of the page", "[audit][format]") {
  CHECK(audit::outcome_of(Code::InvalidArgument) == audit::Outcome::InvalidArgument);
  CHECK(audit::outcome_of(Code::PayloadTooLarge) == audit::Outcome::PayloadTooLarge);
  CHECK(audit::outcome_of(Code::Internal) == audit::Outcome::Internal);
}

}  // namespace kw::test
