// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/bytes.h"

namespace kw::pkcs11 {

// The only IV and tag length there is. A token takes any: SoftHSM forges happily with an 8-bit tag.
inline constexpr std::size_t kGcmIvSize = 12;
inline constexpr std::size_t kGcmTagSize = 16;

enum class Hash { Sha256, Sha384, Sha512 };

// MechanismType is a CK_MECHANISM_TYPE.
enum class MechanismType : unsigned long {};

// Mechanism is a CK_MECHANISM and the memory that its parameter points into, in one block.
// Move-only. No mechanism for RSA PKCS#1 v1.5 or OAEP encryption exists here.
class Mechanism {
 public:
  // Encryption and decryption with a 12-byte IV and a 16-byte tag.
  static Mechanism aes_gcm(std::span<const std::uint8_t, kGcmIvSize> iv, ByteView aad);

  // Derivation: the new key is the base key's AES-ECB encryption of `data`, whole blocks.
  static Mechanism aes_ecb_encrypt_data(ByteView data);

  // Wrapping of keys (RFC 5649). SoftHSM 2.6.1 appends zeros to what is no multiple of 8 bytes.
  static Mechanism aes_key_wrap_pad();

  // Signatures. All but the HMACs and EdDSA take a digest: rsa_pkcs a DigestInfo, see digest_info.
  static Mechanism sha256_hmac();
  static Mechanism sha512_hmac();
  static Mechanism rsa_pkcs();
  static Mechanism rsa_pkcs_pss(Hash hash);  // MGF1 with the same hash, salt as long as the digest
  static Mechanism ecdsa();                  // the signature is r and s, each as long as the order
  static Mechanism eddsa();                  // pure Ed25519, takes the message

  // Key generation.
  static Mechanism aes_key_gen();
  static Mechanism generic_secret_key_gen();
  static Mechanism rsa_pkcs_key_pair_gen();
  static Mechanism ec_key_pair_gen();
  static Mechanism ec_edwards_key_pair_gen();

  Mechanism(Mechanism&&) noexcept = default;
  Mechanism& operator=(Mechanism&&) noexcept = default;
  Mechanism(const Mechanism&) = delete;
  Mechanism& operator=(const Mechanism&) = delete;

  MechanismType type() const noexcept { return type_; }
  ByteView parameter() const noexcept { return ByteView(memory_).first(parameter_size_); }

  // At most how many bytes come out when `input` bytes go in.
  std::size_t output_capacity(std::size_t input) const noexcept;

 private:
  explicit Mechanism(unsigned long type) noexcept : type_{type} {}

  MechanismType type_;
  Bytes memory_;  // the parameter structure, then what it points to; moving keeps the addresses
  std::size_t parameter_size_ = 0;
};

// The DER DigestInfo that CKM_RSA_PKCS signs (RFC 8017, section 9.2).
// Errors: InvalidArgument (the digest is not as long as the hash's).
Result<Bytes> digest_info(Hash hash, ByteView digest);

}  // namespace kw::pkcs11
