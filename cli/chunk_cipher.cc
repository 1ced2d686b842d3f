// SPDX-License-Identifier: Apache-2.0
#include "cli/chunk_cipher.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/owned.h"

namespace kw::cli {
namespace {

constexpr std::size_t kNonceSize = 12;

Error broken() { return Error(Code::Internal, "OpenSSL refuses AES-256-GCM"); }

Error unauthentic() {
  return refusal(Code::InvalidArgument, "the file was changed, or was sealed with another key");
}

}  // namespace

struct ChunkCipher::State {
  // The key schedule is made once per direction; a chunk sets only the nonce.
  Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> sealing;
  Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> opening;
  Prefix prefix{};
  Sha256Digest header_hash{};

  // docs/seal-format.md: prefix 7, number 4, last 1.
  std::array<std::uint8_t, kNonceSize> nonce(std::uint32_t number, ChunkPlace place) const {
    Bytes bytes(prefix.begin(), prefix.end());
    append_u32(bytes, number);
    bytes.push_back(place == ChunkPlace::Last ? 1 : 0);
    std::array<std::uint8_t, kNonceSize> out{};
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
  }
};

ChunkCipher::ChunkCipher(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChunkCipher::ChunkCipher(ChunkCipher&&) noexcept = default;
ChunkCipher::~ChunkCipher() = default;

Result<ChunkCipher> ChunkCipher::make(const Secret& key, const Prefix& prefix,
                                      const Sha256Digest& header_hash) {
  if (key.size() != kKeySize) return Error(Code::InvalidArgument, "the data key is not 32 bytes");
  auto state = std::make_unique<State>();
  state->sealing.reset(EVP_CIPHER_CTX_new());
  state->opening.reset(EVP_CIPHER_CTX_new());
  state->prefix = prefix;
  state->header_hash = header_hash;
  const std::uint8_t* bytes = key.reveal().data();
  if (!state->sealing || !state->opening ||
      EVP_EncryptInit_ex(state->sealing.get(), EVP_aes_256_gcm(), nullptr, bytes, nullptr) != 1 ||
      EVP_DecryptInit_ex(state->opening.get(), EVP_aes_256_gcm(), nullptr, bytes, nullptr) != 1) {
    return broken();
  }
  return ChunkCipher(std::move(state));
}

Result<void> ChunkCipher::seal(std::uint32_t number, ChunkPlace place, ByteView plaintext,
                               std::span<std::uint8_t> out) {
  KW_ASSERT(out.size() == plaintext.size() + kTagSize);
  EVP_CIPHER_CTX* context = state_->sealing.get();
  const auto nonce = state_->nonce(number, place);
  const auto& aad = state_->header_hash;
  const int size = static_cast<int>(plaintext.size());
  std::uint8_t* tag = out.data() + plaintext.size();
  int written = 0;
  if (EVP_EncryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) != 1 ||
      EVP_EncryptUpdate(context, nullptr, &written, aad.data(), static_cast<int>(aad.size())) !=
          1 ||
      (size > 0 && EVP_EncryptUpdate(context, out.data(), &written, plaintext.data(), size) != 1) ||
      EVP_EncryptFinal_ex(context, tag, &written) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) != 1) {
    return broken();
  }
  return {};
}

Result<void> ChunkCipher::open(std::uint32_t number, ChunkPlace place, ByteView sealed,
                               std::span<std::uint8_t> out) {
  KW_ASSERT(sealed.size() >= kTagSize && out.size() == sealed.size() - kTagSize);
  EVP_CIPHER_CTX* context = state_->opening.get();
  const auto nonce = state_->nonce(number, place);
  const auto& aad = state_->header_hash;
  const int size = static_cast<int>(out.size());
  std::array<std::uint8_t, kTagSize> tag{};
  std::copy_n(sealed.end() - kTagSize, kTagSize, tag.begin());
  std::array<std::uint8_t, kTagSize> rest{};  // GCM leaves nothing for the final call to write
  int written = 0;
  if (EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data()) != 1 ||
      EVP_DecryptUpdate(context, nullptr, &written, aad.data(), static_cast<int>(aad.size())) !=
          1 ||
      (size > 0 && EVP_DecryptUpdate(context, out.data(), &written, sealed.data(), size) != 1) ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) != 1) {
    return broken();
  }
  if (EVP_DecryptFinal_ex(context, rest.data(), &written) != 1) {
    wipe(out);
    return unauthentic();
  }
  return {};
}

}  // namespace kw::cli
