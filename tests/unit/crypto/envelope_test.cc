// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/envelope.h"

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/xaes_oracle.h"

#include <algorithm>
#include <map>
#include <sstream>

namespace kw::crypto {
namespace {

namespace xaes_oracle = test::xaes_oracle;

// Example is the worked example of docs/envelope-format.md: a word or two, two blanks, a value.
struct Example {
  std::map<std::string, std::string> fields;
  std::vector<Context::Pair> context;

  Example() {
    const std::string page = REQUIRE_OK(read_file(KW_DOCS_DIR "/envelope-format.md"));
    std::istringstream lines(page.substr(page.find("## Worked example")));
    for (std::string line; std::getline(lines, line);) add(line);
  }

  Bytes bytes(const std::string& name) const {
    INFO(name);
    return REQUIRE_OK(decode_hex(fields.at(name)));
  }

  Blob blob() const {
    Blob blob;
    blob.header.key = REQUIRE_OK(KeyId::decode(bytes("key id")));
    blob.header.version = Version{static_cast<std::uint32_t>(std::stoul(fields.at("version")))};
    std::ranges::copy(bytes("nonce"), blob.nonce.begin());
    blob.sealed = bytes("sealed");
    return blob;
  }

 private:
  void add(const std::string& line) {
    const std::size_t gap = line.find("  ");
    const std::size_t value = gap == std::string::npos ? gap : line.find_first_not_of(' ', gap);
    if (value == std::string::npos || gap == 0) return;
    if (line.starts_with("context")) {
      const std::size_t equals = line.find('=', value);
      context.emplace_back(line.substr(value, equals - value), line.substr(equals + 1));
    } else {
      fields[line.substr(0, gap)] = line.substr(value);
    }
  }
};

}  // namespace

TEST_CASE("envelope: writes the page's worked example", "[crypto][envelope][vectors]") {
  const Example page;
  const Context context = REQUIRE_OK(Context::from_pairs(page.context));
  const Blob blob = page.blob();
  CHECK(to_hex(encode(blob.header)) == page.fields.at("header"));
  CHECK(to_hex(context.canonical()) == page.fields.at("canonical"));
  CHECK(to_hex(associated_data(blob.header, context)) == page.fields.at("associated"));
  CHECK(to_hex(encode(blob)) == page.fields.at("blob"));
  CHECK(to_base64url(encode(blob)) == page.fields.at("text"));
}

TEST_CASE("envelope: the page's worked example opens with an independent implementation",
          "[crypto][envelope][vectors]") {
  const Example page;
  const Bytes key = page.bytes("key");
  CHECK(to_hex(xaes_oracle::derive_key(key, page.bytes("nonce"))) == page.fields.at("Kx"));
  CHECK(xaes_oracle::aes_block(key, page.bytes("derive")) == page.bytes("Kx"));
  const auto opened =
      xaes_oracle::open(key, page.bytes("nonce"), page.bytes("sealed"), page.bytes("associated"));
  REQUIRE(opened.has_value());
  CHECK(as_text(*opened) == page.fields.at("plaintext"));
}

TEST_CASE("envelope: reads the page's worked example in both forms", "[crypto][envelope]") {
  const Example page;
  for (const Blob& read : {REQUIRE_OK(decode_blob(page.bytes("blob"))),
                           REQUIRE_OK(decode_blob_text(page.fields.at("text")))}) {
    CHECK(read.header == page.blob().header);
    CHECK(read.nonce == page.blob().nonce);
    CHECK(read.sealed == page.blob().sealed);
  }
}

TEST_CASE("envelope: refuses every fixed byte changed in any bit", "[crypto][envelope]") {
  const Bytes good = Example().bytes("blob");
  for (std::size_t at = 0; at < 6; ++at) {  // magic, format, suite, flags
    for (unsigned bit = 0; bit < 8; ++bit) {
      Bytes bad = good;
      bad[at] ^= static_cast<std::uint8_t>(1u << bit);
      INFO("byte " << at << " bit " << bit);
      if (at == 4 && bad[at] == 3) continue;  // another suite: its key refuses it
      CHECK_CODE(decode_blob(bad), Code::InvalidArgument);
    }
  }
}

TEST_CASE("envelope: refuses suites that there are not", "[crypto][envelope]") {
  Bytes blob = Example().bytes("blob");
  for (const std::uint8_t suite :
       {std::uint8_t{0}, std::uint8_t{4}, std::uint8_t{5}, std::uint8_t{255}}) {
    blob[4] = suite;
    CHECK_CODE(decode_blob(blob), Code::InvalidArgument);
  }
}

TEST_CASE("envelope: refuses version 0", "[crypto][envelope]") {
  Bytes blob = Example().bytes("blob");
  std::fill(blob.begin() + 22, blob.begin() + 26, std::uint8_t{0});
  CHECK_CODE(decode_blob(blob), Code::InvalidArgument);
}

TEST_CASE("envelope: refuses what is shorter than an empty plaintext", "[crypto][envelope]") {
  const Bytes good = Example().bytes("blob");
  constexpr std::size_t kShortest = kHeaderSize + kNonceSize + kTagSize;
  for (std::size_t size = 0; size < kShortest; ++size) {
    CHECK_CODE(decode_blob(ByteView(good).first(size)), Code::InvalidArgument);
  }
  const Blob empty = REQUIRE_OK(decode_blob(ByteView(good).first(kShortest)));
  CHECK(empty.sealed.size() == kTagSize);
}

TEST_CASE("envelope: suite 2 has a nonce of 12 bytes, and its own bounds", "[crypto][envelope]") {
  Bytes blob = Example().bytes("blob");
  blob[4] = 2;
  const Blob read = REQUIRE_OK(decode_blob(blob));
  CHECK(encode(read) == blob);
  CHECK(read.sealed.size() == blob.size() - kHeaderSize - 12);
  constexpr std::size_t kShortest = kHeaderSize + 12 + kTagSize;
  CHECK_CODE(decode_blob(ByteView(blob).first(kShortest - 1)), Code::InvalidArgument);
  CHECK(REQUIRE_OK(decode_blob(ByteView(blob).first(kShortest))).sealed.size() == kTagSize);
  blob.resize(kShortest + kMaxPlaintextSize);
  (void)REQUIRE_OK(decode_blob(blob));
  blob.push_back(0);
  CHECK_CODE(decode_blob(blob), Code::InvalidArgument);
}

TEST_CASE("envelope: reads the largest blob and refuses one byte more", "[crypto][envelope]") {
  Bytes blob = Example().bytes("blob");
  blob.resize(kMaxBlobSize);
  (void)REQUIRE_OK(decode_blob(blob));
  (void)REQUIRE_OK(decode_blob_text(to_base64url(blob)));
  blob.push_back(0);
  CHECK_CODE(decode_blob(blob), Code::InvalidArgument);
  CHECK_CODE(decode_blob_text(to_base64url(blob)), Code::InvalidArgument);
}

TEST_CASE("envelope: refuses every other spelling of the text", "[crypto][envelope]") {
  const std::string good = Example().fields.at("text");
  std::string trailing_bits = good;
  trailing_bits.back() = 'R';  // the last character carries four bits that must be 0
  for (const std::string& bad :
       {good + "=", good + "\n", " " + good, good.substr(1), trailing_bits,
        to_base64(Example().bytes("blob")), std::string("kwb1:") + good, std::string()}) {
    INFO(bad);
    CHECK_CODE(decode_blob_text(bad), Code::InvalidArgument);
  }
}

TEST_CASE("envelope: keeps a context's boundaries apart", "[crypto][envelope]") {
  const BlobHeader header = Example().blob().header;
  const auto associated = [&](std::vector<Context::Pair> pairs) {
    return associated_data(header, REQUIRE_OK(Context::from_pairs(std::move(pairs))));
  };
  CHECK(associated({{"b", "2"}, {"a", "1"}}) == associated({{"a", "1"}, {"b", "2"}}));
  CHECK(associated({{"ab", "c"}}) != associated({{"a", "bc"}}));
  CHECK(associated({{"a", "b"}, {"c", "d"}}) != associated({{"a", "bcd"}}));
  CHECK(associated({}) == associated_data(header, Context()));
  CHECK(associated({}) != associated({{"", ""}}));
}

}  // namespace kw::crypto
