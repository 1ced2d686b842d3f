// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/token_algorithm.h"

#include "base/result.h"

namespace kw::crypto {
namespace {

using keys::Family;
using pkcs11::Profile;

struct Row {
  Family family;
  unsigned bits;
  Profile profile;
};

constexpr Row kProfiles[] = {
    {Family::Aes, 256, Profile::MasterAes},         {Family::Hmac, 256, Profile::MacSha256},
    {Family::Hmac, 512, Profile::MacSha512},        {Family::RsaPkcs1, 2048, Profile::Rsa2048Pkcs},
    {Family::RsaPkcs1, 3072, Profile::Rsa3072Pkcs}, {Family::RsaPkcs1, 4096, Profile::Rsa4096Pkcs},
    {Family::RsaPss, 2048, Profile::Rsa2048Pss},    {Family::RsaPss, 3072, Profile::Rsa3072Pss},
    {Family::RsaPss, 4096, Profile::Rsa4096Pss},    {Family::Ecdsa, 256, Profile::EcdsaP256},
    {Family::Ecdsa, 384, Profile::EcdsaP384},       {Family::Ecdsa, 521, Profile::EcdsaP521},
    {Family::Ed25519, 256, Profile::Ed25519},
};

}  // namespace

Profile profile_of(const keys::Algorithm& algorithm) {
  if (algorithm.sealing == keys::Sealing::Counted) return Profile::CountedAes;
  for (const Row& row : kProfiles) {
    if (row.family == algorithm.family && row.bits == algorithm.bits) return row.profile;
  }
  KW_ASSERT(false);
}

Suite suite_of(const keys::Algorithm& algorithm) {
  switch (algorithm.sealing) {
    case keys::Sealing::Derived:
      return Suite::Xaes256Gcm;
    case keys::Sealing::Counted:
      return Suite::CountedAes256Gcm;
    case keys::Sealing::OnHost:
      return Suite::HmacAes256Gcm;
    case keys::Sealing::None:
      break;
  }
  KW_ASSERT(false);
}

pkcs11::Pace::Kind kind_of(const keys::Algorithm& algorithm) noexcept {
  return algorithm.purpose == keys::Purpose::Sign ? pkcs11::Pace::Kind::Asymmetric
                                                  : pkcs11::Pace::Kind::Symmetric;
}

pkcs11::Mechanism signing_mechanism(const keys::Algorithm& algorithm) {
  switch (algorithm.family) {
    case Family::Hmac:
      return algorithm.hash == keys::Hash::Sha256 ? pkcs11::Mechanism::sha256_hmac()
                                                  : pkcs11::Mechanism::sha512_hmac();
    case Family::RsaPss:
      return pkcs11::Mechanism::rsa_pkcs_pss(token_hash(algorithm.hash));
    case Family::RsaPkcs1:
      return pkcs11::Mechanism::rsa_pkcs();
    case Family::Ecdsa:
      return pkcs11::Mechanism::ecdsa();
    case Family::Ed25519:
      return pkcs11::Mechanism::eddsa();
    case Family::Aes:
      break;
  }
  KW_ASSERT(false);
}

pkcs11::Hash token_hash(keys::Hash hash) {
  switch (hash) {
    case keys::Hash::Sha256:
      return pkcs11::Hash::Sha256;
    case keys::Hash::Sha384:
      return pkcs11::Hash::Sha384;
    case keys::Hash::Sha512:
      return pkcs11::Hash::Sha512;
    case keys::Hash::None:
      break;
  }
  KW_ASSERT(false);
}

std::size_t digest_size(keys::Hash hash) noexcept {
  switch (hash) {
    case keys::Hash::Sha256:
      return 32;
    case keys::Hash::Sha384:
      return 48;
    case keys::Hash::Sha512:
      return 64;
    case keys::Hash::None:
      break;
  }
  return 0;
}

}  // namespace kw::crypto
