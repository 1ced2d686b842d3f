// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include "tests/support/expect.h"

namespace kw {

// RFC 4648, section 10.
TEST_CASE("base64: writes and reads the standard's vectors", "[base][bytes][vectors]") {
  struct Row {
    const char* plain;
    const char* encoded;
  };
  const Row row = GENERATE(values<Row>({{"", ""},
                                        {"f", "Zg=="},
                                        {"fo", "Zm8="},
                                        {"foo", "Zm9v"},
                                        {"foob", "Zm9vYg=="},
                                        {"fooba", "Zm9vYmE="},
                                        {"foobar", "Zm9vYmFy"}}));
  CHECK(to_base64(as_bytes(row.plain)) == row.encoded);
  CHECK(as_text(REQUIRE_OK(decode_base64(row.encoded))) == row.plain);
  std::string url = row.encoded;
  while (url.ends_with('=')) url.pop_back();
  CHECK(to_base64url(as_bytes(row.plain)) == url);
  CHECK(as_text(REQUIRE_OK(decode_base64url(url))) == row.plain);
}

TEST_CASE("base64: the two alphabets differ in two characters", "[base][bytes]") {
  const Bytes bytes = {0xFB, 0xFF, 0xBF};  // printf '\xfb\xff\xbf' | base64: +/+/
  CHECK(to_base64(bytes) == "+/+/");
  CHECK(to_base64url(bytes) == "-_-_");
  CHECK_CODE(decode_base64("-_-_"), Code::InvalidArgument);
  CHECK_CODE(decode_base64url("+/+/"), Code::InvalidArgument);
}

TEST_CASE("base64: refuses every spelling but one", "[base][bytes]") {
  for (const auto* const text :
       {"Zg", "Zg=", "Zg===", "Zg==Zg==", "Zh==", "Zm9=", "=", "====", "Z===", "Zm9v\n", " Zm9v",
        "Zm 9v", "Zm=v", "Zg==\n", "Zm8=====", "\xC3\xBC==", "Zm9vY"}) {
    INFO(text);
    CHECK_CODE(decode_base64(text), Code::InvalidArgument);
  }
  CHECK_CODE(decode_base64(std::string_view("Zm9v\0\0\0\0", 8)), Code::InvalidArgument);
  for (const auto* const text : {"Zg==", "Z", "Zh", "Zm9", "Zm9vY", "Zm9v ", "Zm8="}) {
    INFO(text);
    CHECK_CODE(decode_base64url(text), Code::InvalidArgument);
  }
}

TEST_CASE("base64: knows lengths beforehand", "[base][bytes]") {
  for (std::size_t size = 0; size < 40; ++size) {
    const Bytes bytes(size, 0x5A);
    for (const Base64Alphabet alphabet : {Base64Alphabet::Standard, Base64Alphabet::Url}) {
      const std::string text =
          alphabet == Base64Alphabet::Standard ? to_base64(bytes) : to_base64url(bytes);
      CHECK(text.size() == base64_length(size, alphabet));
      Bytes out(base64_capacity(text.size()));
      CHECK(REQUIRE_OK(decode_base64_into(text, alphabet, out)) == size);
    }
  }
}

TEST_CASE("hex: writes lower case, reads either", "[base][bytes]") {
  const Bytes bytes = {0x00, 0x7F, 0xAB, 0xFF};
  CHECK(to_hex(bytes) == "007fabff");
  CHECK(REQUIRE_OK(decode_hex("007FabFF")) == bytes);
  CHECK(REQUIRE_OK(decode_hex("")).empty());
  for (const auto* const text : {"0", "0g", "0x", " 00", "00 ", "-1"}) {
    CHECK_CODE(decode_hex(text), Code::InvalidArgument);
  }
}

// The boundaries of RFC 3629, section 4, and the malformed forms that it names in section 3 and 10.
TEST_CASE("utf8: accepts well-formed text", "[base][utf8]") {
  for (const auto* const text :
       {"", "plain", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80",
        "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "a\xE2\x82\xACz"}) {
    CHECK(is_utf8(text));
  }
  CHECK(is_utf8(std::string_view("\0", 1)));
}

TEST_CASE("utf8: refuses malformed text", "[base][utf8]") {
  for (const auto* const text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x80\x80", "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xED\xBF\xBF", "\xE2\x82", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFE", "\xFF", "ok\xF0\x90\x80", "\xE2\x28\xA1"}) {
    INFO(to_hex(as_bytes(text)));
    CHECK_FALSE(is_utf8(text));
  }
}

TEST_CASE("integers: are big-endian", "[base][bytes]") {
  Bytes out;
  append_u16(out, 0x0102);
  append_u32(out, 0x03040506);
  append_u64(out, 0x0708090A0B0C0D0E);
  CHECK(to_hex(out) == "0102030405060708090a0b0c0d0e");
  CHECK(read_u16(out) == 0x0102);
  CHECK(read_u32(ByteView(out).subspan(2)) == 0x03040506);
  CHECK(read_u64(ByteView(out).subspan(6)) == 0x0708090A0B0C0D0E);
  CHECK(read_u16(Bytes{0xFF, 0xFE}) == 0xFFFE);
}

// FIPS 180-4's example; printf abc | sha256sum.
TEST_CASE("sha256: agrees with the standard", "[base][bytes][vectors]") {
  CHECK(to_hex(sha256(as_bytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("ct_equal: compares length, then content", "[base][bytes]") {
  CHECK(ct_equal(Bytes{1, 2}, Bytes{1, 2}));
  CHECK_FALSE(ct_equal(Bytes{1, 2}, Bytes{1, 3}));
  CHECK_FALSE(ct_equal(Bytes{1, 2}, Bytes{1, 2, 0}));
  CHECK(ct_equal(Bytes{}, Bytes{}));
}

TEST_CASE("random: fills with something else each time", "[base][bytes]") {
  Bytes one(32), two(32);
  fill_random(one);
  fill_random(two);
  CHECK(one != two);
  CHECK(one != Bytes(32));
}

}  // namespace kw
