// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/mechanism.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>

#include "pkcs11/cryptoki.h"

namespace kw::pkcs11 {
namespace {

// A signature is at most as long as an RSA modulus of 16,384 bits.
constexpr std::size_t kMaxRsaSize = 2048;
constexpr std::size_t kMaxEcdsaSize = std::size_t{2} * 66;
constexpr std::size_t kMaxEddsaSize = 114;

// The PKCS#8 of an RSA key of 4,096 bits has 2,374 bytes; a token may add attributes.
constexpr std::size_t kMaxWrappedSize = 4096;

// One block: room for a parameter structure, then the byte strings that it points to.
Bytes block_of(std::size_t structure, std::initializer_list<ByteView> strings) {
  Bytes block(structure);
  for (const ByteView string : strings) {
    append(block, string);
  }
  return block;
}

CK_RSA_PKCS_PSS_PARAMS pss_parameters(Hash hash) noexcept {
  switch (hash) {
    case Hash::Sha256:
      return {CKM_SHA256, CKG_MGF1_SHA256, 32};
    case Hash::Sha384:
      return {CKM_SHA384, CKG_MGF1_SHA384, 48};
    case Hash::Sha512:
      return {CKM_SHA512, CKG_MGF1_SHA512, 64};
  }
  KW_ASSERT(false);
}

}  // namespace

Mechanism Mechanism::aes_gcm(std::span<const std::uint8_t, kGcmIvSize> iv, ByteView aad) {
  Mechanism mechanism(CKM_AES_GCM);
  mechanism.memory_ = block_of(sizeof(CK_GCM_PARAMS), {iv, aad});
  mechanism.parameter_size_ = sizeof(CK_GCM_PARAMS);
  std::uint8_t* strings = mechanism.memory_.data() + sizeof(CK_GCM_PARAMS);
  CK_GCM_PARAMS parameters{};
  parameters.pIv = strings;
  parameters.ulIvLen = kGcmIvSize;
  parameters.ulIvBits = kGcmIvSize * 8;
  parameters.pAAD = aad.empty() ? nullptr : strings + kGcmIvSize;
  parameters.ulAADLen = aad.size();
  parameters.ulTagBits = kGcmTagSize * 8;
  std::memcpy(mechanism.memory_.data(), &parameters, sizeof parameters);
  return mechanism;
}

Mechanism Mechanism::aes_ecb_encrypt_data(ByteView data) {
  Mechanism mechanism(CKM_AES_ECB_ENCRYPT_DATA);
  mechanism.memory_ = block_of(sizeof(CK_KEY_DERIVATION_STRING_DATA), {data});
  mechanism.parameter_size_ = sizeof(CK_KEY_DERIVATION_STRING_DATA);
  CK_KEY_DERIVATION_STRING_DATA parameters{};
  parameters.string_data = mechanism.memory_.data() + sizeof parameters;
  parameters.string_data_len = data.size();
  std::memcpy(mechanism.memory_.data(), &parameters, sizeof parameters);
  return mechanism;
}

Mechanism Mechanism::rsa_pkcs_pss(Hash hash) {
  Mechanism mechanism(CKM_RSA_PKCS_PSS);
  const CK_RSA_PKCS_PSS_PARAMS parameters = pss_parameters(hash);
  mechanism.memory_.resize(sizeof parameters);
  mechanism.parameter_size_ = sizeof parameters;
  std::memcpy(mechanism.memory_.data(), &parameters, sizeof parameters);
  return mechanism;
}

Mechanism Mechanism::aes_key_wrap_pad() { return Mechanism(CKM_AES_KEY_WRAP_PAD); }
Mechanism Mechanism::sha256_hmac() { return Mechanism(CKM_SHA256_HMAC); }
Mechanism Mechanism::sha512_hmac() { return Mechanism(CKM_SHA512_HMAC); }
Mechanism Mechanism::rsa_pkcs() { return Mechanism(CKM_RSA_PKCS); }
Mechanism Mechanism::ecdsa() { return Mechanism(CKM_ECDSA); }
Mechanism Mechanism::eddsa() { return Mechanism(CKM_EDDSA); }
Mechanism Mechanism::aes_key_gen() { return Mechanism(CKM_AES_KEY_GEN); }
Mechanism Mechanism::generic_secret_key_gen() { return Mechanism(CKM_GENERIC_SECRET_KEY_GEN); }
Mechanism Mechanism::rsa_pkcs_key_pair_gen() { return Mechanism(CKM_RSA_PKCS_KEY_PAIR_GEN); }
Mechanism Mechanism::ec_key_pair_gen() { return Mechanism(CKM_EC_KEY_PAIR_GEN); }
Mechanism Mechanism::ec_edwards_key_pair_gen() { return Mechanism(CKM_EC_EDWARDS_KEY_PAIR_GEN); }

std::size_t Mechanism::output_capacity(std::size_t input) const noexcept {
  switch (static_cast<unsigned long>(type_)) {
    case CKM_AES_GCM:
      return input + kGcmTagSize;
    case CKM_AES_KEY_WRAP_PAD:
      return kMaxWrappedSize;
    case CKM_SHA256_HMAC:
      return 32;
    case CKM_SHA512_HMAC:
      return 64;
    case CKM_ECDSA:
      return kMaxEcdsaSize;
    case CKM_EDDSA:
      return kMaxEddsaSize;
    default:
      return kMaxRsaSize;
  }
}

Result<Bytes> digest_info(Hash hash, ByteView digest) {
  // SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.2.x, NULL }, OCTET STRING }
  const auto prefix = [](std::uint8_t size, std::uint8_t arc) {
    const auto total = static_cast<std::uint8_t>(size + 17);
    return Bytes{0x30, total, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                 0x65, 0x03,  0x04, 0x02, arc,  0x05, 0x00, 0x04, size};
  };
  Bytes info;
  switch (hash) {
    case Hash::Sha256:
      info = prefix(32, 1);
      break;
    case Hash::Sha384:
      info = prefix(48, 2);
      break;
    case Hash::Sha512:
      info = prefix(64, 3);
      break;
  }
  if (digest.size() != info.back()) {
    return refusal(Code::InvalidArgument, "the digest is not as long as its hash makes one");
  }
  append(info, digest);
  return info;
}

}  // namespace kw::pkcs11
