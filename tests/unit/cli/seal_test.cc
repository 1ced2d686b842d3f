// SPDX-License-Identifier: Apache-2.0
// Expected bytes: docs/seal-format.md (made with pyca/cryptography), and OpenSSL's EVP called here.
#include "cli/seal.h"

#include <fcntl.h>
#include <openssl/evp.h>

#include "base/file.h"
#include "cli/chunk_cipher.h"
#include "memory_file.h"
#include "tests/support/expect.h"

using namespace std::string_view_literals;

namespace kw::cli {
namespace {

constexpr std::size_t kTag = ChunkCipher::kTagSize;
const Bytes kBlob = {0x6b, 0x77, 0x62, 1, 2, 3};
const std::size_t kHeader = 15 + kBlob.size();

Secret test_key() {
  Bytes key(32);
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  return Secret::copy_of(key);
}

Result<Secret> unwrap_known(ByteView blob) {
  if (to_bytes(blob) != kBlob) return refusal(Code::InvalidArgument, "unknown blob");
  return test_key();
}

std::string content_of(std::size_t size) {
  std::string content(size, '\0');
  for (std::size_t i = 0; i < size; ++i)
    content[i] = static_cast<char>((i * 31 + i / 65536) & 0xff);
  return content;
}

std::string sealed(std::string_view content) {
  const test::MemoryFile in(content);
  const test::MemoryFile out;
  REQUIRE_OK(seal(in.fd(), out.fd(), DataKey{test_key(), kBlob}, {}));
  return out.content();
}

struct Opened {
  Result<void> result;
  std::string content;
};

Opened open_text(std::string_view text, const Unwrap& unwrap = unwrap_known) {
  const test::MemoryFile in(text);
  const test::MemoryFile out;
  auto result = open_sealed(in.fd(), out.fd(), unwrap, {});
  return {std::move(result), out.content()};
}

// AES-256-GCM by OpenSSL alone: whether it opens, and to what.
std::pair<bool, Bytes> openssl_gcm_open(ByteView key, ByteView nonce, ByteView aad, ByteView text) {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  const ByteView body = text.first(text.size() - kTag);
  Bytes tag = to_bytes(text.last(kTag));
  Bytes out(body.size() + 16);
  int length = 0;
  EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
  EVP_DecryptUpdate(context, nullptr, &length, aad.data(), static_cast<int>(aad.size()));
  EVP_DecryptUpdate(context, out.data(), &length, body.data(), static_cast<int>(body.size()));
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTag, tag.data());
  const bool good = EVP_DecryptFinal_ex(context, out.data() + body.size(), &length) == 1;
  EVP_CIPHER_CTX_free(context);
  out.resize(body.size());
  return {good, out};
}

// The hex blocks of the page's worked example, in order.
std::vector<Bytes> worked_example() {
  const std::string page = REQUIRE_OK(read_file(KEYWARD_DOCS "/seal-format.md"));
  std::vector<Bytes> blocks;
  std::size_t at = page.find("## Worked example");
  while ((at = page.find("```hex\n", at)) != std::string::npos) {
    at += 7;
    std::string hex = page.substr(at, page.find("```", at) - at);
    std::erase(hex, '\n');
    blocks.push_back(REQUIRE_OK(decode_hex(hex)));
    at += hex.size();
  }
  return blocks;
}

}  // namespace

TEST_CASE("seal: the page's worked example opens with this code", "[cli][seal][vectors]") {
  const auto example = worked_example();
  REQUIRE(example.size() == 6);
  Bytes file = example[2];
  append(file, example[5]);
  const auto opened = open_text(as_text(file), [&](ByteView blob) -> Result<Secret> {
    CHECK(to_hex(blob) == to_hex(ByteView(example[2]).subspan(15)));
    return Secret::copy_of(example[0]);
  });
  CHECK(opened.result.has_value());
  CHECK(opened.content == as_text(example[1]));
}

TEST_CASE("seal: the page's worked example holds by OpenSSL alone", "[cli][seal][vectors]") {
  const auto example = worked_example();
  REQUIRE(example.size() == 6);
  Bytes hash(32);
  EVP_Digest(example[2].data(), example[2].size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  CHECK(to_hex(hash) == to_hex(example[3]));
  const auto [good, plaintext] = openssl_gcm_open(example[0], example[4], example[3], example[5]);
  CHECK(good);
  CHECK(as_text(plaintext) == as_text(example[1]));
}

TEST_CASE("seal: each size opens to what was sealed", "[cli][seal]") {
  const std::size_t size =
      GENERATE(std::size_t{0}, 1, 65535, 65536, 65537, 2 * 65536, (1u << 20) + 3);
  const std::string content = content_of(size);
  const std::string text = sealed(content);
  const std::size_t chunks = size == 0 ? 1 : (size + kSealChunk - 1) / kSealChunk;
  CHECK(text.size() == kHeader + size + chunks * kTag);
  const auto opened = open_text(text);
  CHECK(opened.result.has_value());
  CHECK((opened.content == content));
}

TEST_CASE("seal: OpenSSL alone opens each chunk that was sealed", "[cli][seal][vectors]") {
  const std::string content = content_of(65537);
  const std::string text = sealed(content);
  const ByteView bytes = as_bytes(text);
  const Secret key = test_key();
  const Sha256Digest aad = sha256(bytes.first(kHeader));
  Bytes nonce = to_bytes(bytes.subspan(6, 7));
  append(nonce, decode_hex("0000000000").value());
  const auto [first_good, first] =
      openssl_gcm_open(key.reveal(), nonce, aad, bytes.subspan(kHeader, 65536 + kTag));
  CHECK(first_good);
  nonce[10] = 1;
  nonce[11] = 1;
  const auto [last_good, last] =
      openssl_gcm_open(key.reveal(), nonce, aad, bytes.subspan(kHeader + 65536 + kTag));
  CHECK(last_good);
  CHECK((std::string(as_text(first)) + std::string(as_text(last)) == content));
}

TEST_CASE("seal: two seals of one content share no nonce prefix", "[cli][seal]") {
  CHECK(sealed("x").substr(6, 7) != sealed("x").substr(6, 7));
}

TEST_CASE("seal: a data key of another size is refused", "[cli][seal]") {
  const test::MemoryFile in("x"sv);
  const test::MemoryFile out;
  CHECK_CODE(seal(in.fd(), out.fd(), DataKey{Secret(16), kBlob}, {}), Code::InvalidArgument);
  CHECK_CODE(seal(in.fd(), out.fd(), DataKey{test_key(), {}}, {}), Code::InvalidArgument);
  CHECK_CODE(seal(in.fd(), out.fd(), DataKey{test_key(), Bytes(4097)}, {}), Code::InvalidArgument);
  CHECK(out.content().empty());
}

TEST_CASE("open: every single changed bit is refused", "[cli][seal]") {
  const std::string text = sealed("a small file");
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      const auto opened = open_text(changed);
      INFO("byte " << i << " bit " << bit);
      CHECK_CODE(opened.result, Code::InvalidArgument);
      CHECK(opened.content.empty());
    }
  }
}

TEST_CASE("open: every cut of a small file is refused", "[cli][seal]") {
  const std::string text = sealed("a small file");
  for (std::size_t size = 0; size < text.size(); ++size) {
    INFO("cut to " << size);
    CHECK_CODE(open_text(text.substr(0, size)).result, Code::InvalidArgument);
  }
}

TEST_CASE("open: a file cut at or around a chunk's border is refused", "[cli][seal]") {
  const std::string text = sealed(content_of(3 * kSealChunk));
  const std::size_t chunk = kSealChunk + kTag;
  for (std::size_t n = 0; n < 3; ++n) {
    for (const int step : {-1, 0, 1, 15, 16, 17}) {
      const auto size = static_cast<std::size_t>(static_cast<long>(kHeader + n * chunk) + step);
      INFO("chunk " << n << " step " << step);
      CHECK_CODE(open_text(text.substr(0, size)).result, Code::InvalidArgument);
    }
  }
}

TEST_CASE("open: what a refused stream wrote is a true beginning", "[cli][seal]") {
  const std::string content = content_of(3 * kSealChunk);
  const std::string text = sealed(content);
  const auto opened = open_text(text.substr(0, text.size() - 1));
  CHECK_CODE(opened.result, Code::InvalidArgument);
  CHECK((opened.content == content.substr(0, 2 * kSealChunk)));
}

TEST_CASE("open: a file with more behind its end is refused", "[cli][seal]") {
  const std::size_t size = GENERATE(std::size_t{0}, 5, kSealChunk);
  const std::string text = sealed(content_of(size));
  for (const std::size_t more : {1u, 15u, 16u, 17u, 100u}) {
    INFO(more << " more");
    CHECK_CODE(open_text(text + std::string(more, '\0')).result, Code::InvalidArgument);
  }
  CHECK_CODE(open_text(text + text).result, Code::InvalidArgument);
}

TEST_CASE("open: chunks in another order are refused", "[cli][seal]") {
  const std::string text = sealed(content_of(3 * kSealChunk));
  const std::size_t chunk = kSealChunk + kTag;
  const std::string header = text.substr(0, kHeader);
  std::vector<std::string> chunks;
  for (std::size_t n = 0; n < 3; ++n) chunks.push_back(text.substr(kHeader + n * chunk, chunk));
  CHECK_CODE(open_text(header + chunks[1] + chunks[0] + chunks[2]).result, Code::InvalidArgument);
  CHECK_CODE(open_text(header + chunks[0] + chunks[0] + chunks[2]).result, Code::InvalidArgument);
  CHECK_CODE(open_text(header + chunks[0] + chunks[2]).result, Code::InvalidArgument);
  CHECK_CODE(open_text(header + chunks[2]).result, Code::InvalidArgument);
}

TEST_CASE("open: chunks of two files under one key do not mix", "[cli][seal]") {
  const std::string one = sealed(content_of(2 * kSealChunk));
  const std::string other = sealed(content_of(2 * kSealChunk));
  const std::size_t last = kSealChunk + kTag;
  const std::string mixed = one.substr(0, one.size() - last) + other.substr(other.size() - last);
  CHECK_CODE(open_text(mixed).result, Code::InvalidArgument);
}

TEST_CASE("open: an empty last chunk behind others is refused", "[cli][seal]") {
  // Made with the real cipher, as a writer would that cuts chunks another way.
  const std::string text = sealed({});
  const ByteView header = as_bytes(text).first(kHeader);
  ChunkCipher::Prefix prefix{};
  std::copy_n(header.begin() + 6, prefix.size(), prefix.begin());
  auto cipher = REQUIRE_OK(ChunkCipher::make(test_key(), prefix, sha256(header)));
  Bytes file = to_bytes(header);
  const Bytes content(kSealChunk);
  Bytes chunk(kSealChunk + kTag);
  REQUIRE_OK(cipher.seal(0, ChunkPlace::Inner, content, chunk));
  append(file, chunk);
  Bytes empty(kTag);
  REQUIRE_OK(cipher.seal(1, ChunkPlace::Last, {}, empty));
  append(file, empty);
  CHECK_CODE(open_text(as_text(file)).result, Code::InvalidArgument);
}

TEST_CASE("open: what is no sealed file never asks for a key", "[cli][seal]") {
  const auto text = GENERATE(
      ""sv, "k"sv, "hello, world, this is text"sv, "kws\x02\x10\x00 other format"sv,
      "kws\x01\x10\x00"sv, "kws\x01\x10\x00 1234567\x00\x00"sv, "kws\x01\x10\x00 123456\xff\xff"sv);
  const auto opened = open_text(text, [](ByteView) -> Result<Secret> {
    FAIL("asked for a key");
    return Secret();
  });
  CHECK_CODE(opened.result, Code::InvalidArgument);
}

TEST_CASE("open: another data key is refused", "[cli][seal]") {
  const auto opened = open_text(sealed("x"), [](ByteView) -> Result<Secret> { return Secret(32); });
  CHECK_CODE(opened.result, Code::InvalidArgument);
}

TEST_CASE("open: the error of the unwrap is passed on", "[cli][seal]") {
  const auto opened = open_text(
      sealed("x"), [](ByteView) -> Result<Secret> { return Error(Code::PermissionDenied, "no"); });
  CHECK_CODE(opened.result, Code::PermissionDenied);
}

TEST_CASE("seal: a full disk is an error", "[cli][seal][fault]") {
  const test::MemoryFile in(content_of(kSealChunk));
  const FileDescriptor full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  REQUIRE(full.is_open());
  CHECK_CODE(seal(in.fd(), full.get(), DataKey{test_key(), kBlob}, {}), Code::Unavailable);
}

}  // namespace kw::cli
