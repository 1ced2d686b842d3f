// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/family.h"

#include "pkcs11/cryptoki.h"

namespace kw::pkcs11 {
namespace {

constexpr std::string_view kTpm2Manufacturer = "tpm2-software.github.io";

// Measured on tpm2-pkcs11 1.9: one byte more, and C_Sign answers CKR_BUFFER_TOO_SMALL.
constexpr std::size_t kTpm2MacMessage = 4096;

Bytes flag_bytes(bool value) { return {static_cast<std::uint8_t>(value ? CK_TRUE : CK_FALSE)}; }

template <typename Number>
void append_memory(Bytes& out, Number value) {
  const auto* const at = reinterpret_cast<const std::uint8_t*>(&value);
  out.insert(out.end(), at, at + sizeof value);
}

Bytes yes(MechanismType) { return flag_bytes(true); }
Bytes no(MechanismType) { return flag_bytes(false); }

Bytes hmac_key_type(MechanismType allowed) {
  Bytes type;
  append_memory<CK_KEY_TYPE>(
      type, allowed == MechanismType{CKM_SHA512_HMAC} ? CKK_SHA512_HMAC : CKK_SHA256_HMAC);
  return type;
}

Bytes with_raw_rsa(MechanismType allowed) {
  Bytes mechanisms;
  append_memory(mechanisms, static_cast<CK_MECHANISM_TYPE>(allowed));
  append_memory<CK_MECHANISM_TYPE>(mechanisms, CKM_RSA_X_509);
  return mechanisms;
}

// tpm2-pkcs11 1.9. What it shows of a public half is of no consequence: the service verifies on the
// host, with the public key's own bytes.
constexpr Deviation kTpm2[] = {
    {"rsa-decrypt", "the module pads on the host and has the TPM do raw RSA, which is decryption",
     Part::RsaPrivateKey, CKA_DECRYPT, true, yes, "A13 A16"},
    {"rsa-raw-mechanism", "the module pads on the host, and checks the raw mechanism too",
     Part::RsaPrivateKey, CKA_ALLOWED_MECHANISMS, true, with_raw_rsa, "A15"},
    {"mac-key-type", "its tool makes HMAC keys of one hash, not generic secrets", Part::SecretKey,
     CKA_KEY_TYPE, true, hmac_key_type, ""},
    {"mac-wrap-with-trusted", "its tool does not set it, and the module wraps nothing",
     Part::SecretKey, CKA_WRAP_WITH_TRUSTED, true, no, ""},
    {"rsa-public-encrypt",
     "the module sets it itself, to true, and refuses a template that names it", Part::RsaPublicKey,
     CKA_ENCRYPT, false, yes, ""},
    {"ec-public-encrypt",
     "the module sets it itself, to true, and refuses a template that names it", Part::EcPublicKey,
     CKA_ENCRYPT, false, yes, ""},
    {"ec-public-verify",
     "the module sets it itself, to false, and refuses a template that names it", Part::EcPublicKey,
     CKA_VERIFY, false, no, ""},
};

}  // namespace

Family family_of(const ModuleIdentity& identity) noexcept {
  return identity.manufacturer == kTpm2Manufacturer ? Family::Tpm2 : Family::Standard;
}

std::string_view to_text(Family family) noexcept {
  return family == Family::Tpm2 ? "tpm2-pkcs11" : "standard";
}

std::span<const Deviation> deviations(Family family) noexcept {
  if (family == Family::Tpm2) return kTpm2;
  return {};
}

void deviate_asked(ObjectTemplate& object, Family family, Part part, MechanismType allowed) {
  for (const Deviation& each : deviations(family)) {
    if (each.part != part) continue;
    if (each.is_asked) {
      object.replace(each.type, each.value(allowed));
    } else {
      object.omit(each.type);
    }
  }
}

void deviate_expected(ObjectTemplate& object, Family family, Part part, MechanismType allowed) {
  for (const Deviation& each : deviations(family)) {
    if (each.part == part) object.replace(each.type, each.value(allowed));
  }
}

std::optional<std::size_t> longest_mac_message(Family family) noexcept {
  if (family == Family::Tpm2) return kTpm2MacMessage;
  return std::nullopt;
}

}  // namespace kw::pkcs11
