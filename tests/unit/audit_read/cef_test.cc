// SPDX-License-Identifier: Apache-2.0
// The expected escapes are the examples of ArcSight's "Common Event Format", section "Character
// Encoding".
#include "service/audit_read/cef.h"

#include <map>

#include "a_record.h"
#include "service/audit_verify/print.h"

namespace kw::test {
namespace {

using audit_read::cef_header;
using audit_read::cef_value;
using audit_read::to_cef;

// A line taken apart by the format's rules: seven fields with pipes behind them, then KEY=VALUE.
struct CefLine {
  explicit CefLine(const std::string& line) {
    std::size_t at = 0;
    for (std::string field; header.size() < 7; ++at) {
      REQUIRE(at < line.size());
      if (line[at] == '\\') {
        field += line.at(++at);
      } else if (line[at] == '|') {
        header.push_back(std::exchange(field, {}));
      } else {
        field += line[at];
      }
    }
    take_pairs(line.substr(at));
  }

  // A key is what stands between the last blank and an equals sign that is not escaped.
  void take_pairs(const std::string& text) {
    std::string key;
    std::string value;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] == '\\') {
        const char next = text.at(++at);
        value += next == 'n' ? '\n' : next == 'r' ? '\r' : next;
      } else if (text[at] == '=') {
        const std::size_t blank = value.rfind(' ');
        const std::string next_key = value.substr(blank == std::string::npos ? 0 : blank + 1);
        if (!key.empty()) pairs[key] = value.substr(0, blank);
        CHECK_FALSE(pairs.contains(next_key));
        key = next_key;
        value.clear();
      } else {
        value += text[at];
      }
    }
    pairs[key] = value;
  }

  std::vector<std::string> header;
  std::map<std::string, std::string> pairs;
};

}  // namespace

TEST_CASE("cef: escapes as the format's own examples do", "[audit_read][cef]") {
  CHECK(cef_header("detected a | in message") == R"(detected a \| in message)");
  CHECK(cef_value("blocked a |") == "blocked a |");
  CHECK(cef_header("detected a \\ in packet") == R"(detected a \\ in packet)");
  CHECK(cef_value("blocked a \\") == R"(blocked a \\)");
  CHECK(cef_header("detected a = in message") == "detected a = in message");
  CHECK(cef_value("blocked a =") == R"(blocked a \=)");
  CHECK(cef_value("Detected a threat.\n No action needed.") ==
        R"(Detected a threat.\n No action needed.)");
  CHECK(cef_value("a\r\nb") == R"(a\r\nb)");
}

TEST_CASE("cef: what the format has no escape for is spelled out", "[audit_read][cef]") {
  CHECK(cef_header("a\nb") == R"(a\\x0ab)");
  CHECK(cef_value(std::string("\x1b[2J\0\xff", 6)) == R"(\\x1b[2J\\x00\\xff)");
  CHECK(cef_value("\u2028\u202e") == R"(\\u{2028}\\u{202e})");
  CHECK(cef_value("Größe 鍵 \"x\"") == "Größe 鍵 \"x\"");
}

TEST_CASE("cef: a record is one line with all that it holds", "[audit_read][cef]") {
  audit::Record record = a_wrap();
  record.request_id = REQUIRE_OK(RequestId::decode(Bytes(16, 0x10)));
  record.key_id = REQUIRE_OK(KeyId::decode(Bytes(16, 0x20)));
  const Read read(record, {at_second(1'767'225'601) + std::chrono::microseconds(500'123),
                           std::chrono::microseconds(12)});
  CHECK(to_cef(read.decoded) ==
        "CEF:0|keyward|keyward|1|wrap|wrap|1|rt=1767225601500 "
        "keywardTime=2026-01-01T00:00:01.500123Z src=192.0.2.7 spt=51000 externalId=0 "
        "cat=operation suser=spiffe://example.org/app act=wrap outcome=ok in=32 out=101 "
        "cs1Label=key cs1=payments/card cs2Label=keyId cs2=20202020202020202020202020202020 "
        "cs3Label=rule cs3=app-wraps cs4Label=policyHash cs4=" +
            to_hex(*record.policy_hash) + " cs5Label=contextMac cs5=" +
            to_hex(*record.context_mac) + " cs6Label=leaf cs6=" + std::string(64, '0') +
            " cn1Label=keyVersion cn1=3 cn2Label=latencyMicroseconds cn2=850 "
            "cn3Label=microsecondsSinceStart cn3=12 flexString1Label=phase flexString1=single "
            "flexString2Label=proof flexString2=mtls "
            "keywardRequestId=10101010101010101010101010101010 keywardPreviousLeaf=" +
            std::string(64, '0'));
}

TEST_CASE("cef: events and seals have classes of their own", "[audit_read][cef]") {
  audit::Record event = audit::system_record(audit::Event::KeyQuarantined);
  event.count = 3;
  const CefLine line(to_cef(Read(event).decoded));
  CHECK(line.header == std::vector<std::string>{"CEF:0", "keyward", "keyward", "1",
                                                "event key quarantined", "key quarantined", "9"});
  CHECK(line.pairs.at("cnt") == "3");
  CHECK(line.pairs.at("cat") == "system");
}

TEST_CASE("cef: no text comes out of its place", "[audit_read][cef]") {
  const std::string hostile =
      "a|b\\c=d src=6.6.6.6 \n\rCEF:0|x|\x1b[2J\xff\u202e\\n\\=|\\| suser=root";
  audit::Record record = a_wrap(hostile);
  record.source = "6.6.6.6:80 act=allowed";
  record.operation = "wrap|\\|10|act=x\n";
  record.key_name = record.rule = hostile;
  const std::string text = to_cef(Read(record).decoded);
  CHECK(text.find_first_of("\n\r\x1b\xff") == std::string::npos);
  CHECK(is_utf8(text));
  const CefLine line(text);
  CHECK(line.header[4] == "wrap|\\|10|act=x\\x0a");
  CHECK(line.header[6] == "1");
  CHECK_FALSE(line.pairs.contains("src"));
  CHECK(line.pairs.at("sourceServiceName") == "6.6.6.6:80 act=allowed");
  CHECK(line.pairs.at("suser") ==
        "a|b\\c=d src=6.6.6.6 \n\rCEF:0|x|\\x1b[2J\\xff\\u{202e}\\n\\=|\\| suser=root");
  CHECK(line.pairs.at("cs1") == line.pairs.at("suser"));
  CHECK(line.pairs.at("act") == "wrap|\\|10|act=x\n");
}

TEST_CASE("cef: sources are addresses of either family, or names", "[audit_read][cef]") {
  const auto pairs = [](const std::string& source) {
    audit::Record record = a_wrap();
    record.source = source;
    return CefLine(to_cef(Read(record).decoded)).pairs;
  };
  CHECK(pairs("192.0.2.7").at("src") == "192.0.2.7");
  CHECK_FALSE(pairs("192.0.2.7").contains("spt"));
  CHECK(pairs("2001:db8::1").at("c6a2") == "2001:db8::1");
  CHECK(pairs("[2001:db8::1]:443").at("spt") == "443");
  CHECK(pairs("[2001:db8::1]:443").at("c6a2Label") == "Source IPv6 Address");
  for (const std::string& name :
       {std::string("unix"), std::string("192.0.2"), std::string("192.0.2.7:65536"),
        std::string("192.0.2.7:"), std::string(":1"), std::string("[::1]"), std::string("]:1"),
        std::string("192.0.2.7\0x", 11), std::string("::1:x")}) {
    INFO(name);
    CHECK(pairs(name).contains("sourceServiceName"));
  }
}

}  // namespace kw::test
