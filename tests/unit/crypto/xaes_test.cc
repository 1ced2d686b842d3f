// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/xaes.h"

#include "tests/support/expect.h"
#include "tests/support/xaes_oracle.h"

#include <algorithm>

// Vectors: the C2SP specification of XAES-256-GCM, sections "Test vectors" and "Accumulated tests".
namespace kw::crypto {
namespace {

namespace xaes_oracle = test::xaes_oracle;

constexpr std::string_view kNonceText = "ABCDEFGHIJKLMNOPQRSTUVWX";

struct Vector {
  std::uint8_t key_byte;
  std::string_view l, k1, kx, associated, sealed;
};

const Vector kVectors[] = {
    {0x01, "7298caa565031eadc6ce23d23ea66378", "e531954aca063d5b8d9c47a47d4cc6f0",
     "c8612c9ed53fe43e8e005b828a1631a0bbcb6ab2f46514ec4f439fcfd0fa969b", "",
     "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
    {0x03, "91c08762876dccf9ba204a33768fa5fe", "23810ec50edb99f374409466ed1f4b7b",
     "e9c621d4cdd9b11b00a6427ad7e559aeedd66b3857646677748f8ca796cb3fd8", "c2sp.org/XAES-256-GCM",
     "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
};

xaes::K1 block(ByteView bytes) {
  xaes::K1 out{};
  std::ranges::copy(bytes, out.begin());
  return out;
}

}  // namespace

TEST_CASE("xaes oracle: agrees with the published vectors", "[crypto][xaes][vectors]") {
  for (const Vector& vector : kVectors) {
    const Bytes key(32, vector.key_byte);
    CHECK(to_hex(xaes_oracle::derive_key(key, as_bytes(kNonceText))) == vector.kx);
    const Bytes sealed = xaes_oracle::seal(key, as_bytes(kNonceText), as_bytes("XAES-256-GCM"),
                                           as_bytes(vector.associated));
    CHECK(to_hex(sealed) == vector.sealed);
    const auto opened =
        xaes_oracle::open(key, as_bytes(kNonceText), sealed, as_bytes(vector.associated));
    REQUIRE(opened.has_value());
    CHECK(as_text(*opened) == "XAES-256-GCM");
    CHECK_FALSE(
        xaes_oracle::open(key, as_bytes(kNonceText), sealed, as_bytes("other")).has_value());
  }
}

TEST_CASE("xaes oracle: agrees with 10,000 accumulated iterations", "[crypto][xaes][vectors]") {
  constexpr std::size_t kIterations = 10'000;
  const Bytes stream = xaes_oracle::shake128({}, kIterations * (32 + 24 + 256 + 256));
  CHECK(to_hex(ByteView(stream).first(16)) == "7f9c2ba4e88f827d616045507605853e");
  ByteView rest = stream;
  const auto take = [&rest](std::size_t size) {
    const ByteView taken = rest.first(size);
    rest = rest.subspan(size);
    return taken;
  };
  Bytes all;
  for (std::size_t i = 0; i < kIterations; ++i) {
    const ByteView key = take(32);
    const ByteView nonce = take(24);
    const ByteView plaintext = take(take(1)[0]);
    const ByteView associated = take(take(1)[0]);
    append(all, xaes_oracle::seal(key, nonce, plaintext, associated));
  }
  CHECK(to_hex(xaes_oracle::shake128(all, 32)) ==
        "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939");
}

TEST_CASE("xaes: doubles E_K(0) into the published K1", "[crypto][xaes][vectors]") {
  for (const Vector& vector : kVectors) {
    const Bytes key(32, vector.key_byte);
    const Bytes l = xaes_oracle::aes_block(key, Bytes(16, 0));
    CHECK(to_hex(l) == vector.l);
    CHECK(to_hex(xaes::k1_of(block(l))) == vector.k1);
  }
}

TEST_CASE("xaes: asks for the data that AES turns into the published Kx",
          "[crypto][xaes][vectors]") {
  for (const Vector& vector : kVectors) {
    const xaes::K1 k1 = block(REQUIRE_OK(decode_hex(vector.k1)));
    xaes::Prefix prefix{};
    std::ranges::copy(as_bytes(kNonceText).first(prefix.size()), prefix.begin());
    const xaes::DerivationData data = xaes::derivation_data(k1, prefix);
    const Bytes key(32, vector.key_byte);
    CHECK(to_hex(xaes_oracle::aes_block(key, data)) == vector.kx);
  }
}

TEST_CASE("xaes: counts with carry and wraps around", "[crypto][xaes]") {
  xaes::Suffix counter{};
  counter.fill(0xff);
  counter[0] = 0x00;
  xaes::increment(counter);
  CHECK(to_hex(counter) == "010000000000000000000000");
  counter.fill(0xff);
  xaes::increment(counter);
  CHECK(to_hex(counter) == "000000000000000000000000");
  xaes::increment(counter);
  CHECK(to_hex(counter) == "000000000000000000000001");
}

}  // namespace kw::crypto
