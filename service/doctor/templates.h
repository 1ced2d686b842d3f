// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/bytes.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/object_template.h"

namespace kw::doctor {

enum Use : unsigned {
  kEncrypt = 1,
  kDecrypt = 2,
  kSign = 4,
  kVerify = 8,
  kWrap = 16,
  kUnwrap = 32,
  kDerive = 64,
};

// SecretWish is a secret key as a careless program may ask for one: a session object, unless said
// otherwise, with what it names and nothing more.
struct SecretWish {
  unsigned uses = 0;
  CK_KEY_TYPE type = CKK_AES;
  CK_ULONG size = 0;  // 0: not named, for imported and unwrapped keys
  bool sensitive = true;
  bool extractable = true;
  bool is_private = true;
};

pkcs11::ObjectTemplate secret_key(const SecretWish& wish);

// The same, with its value: for C_CreateObject.
pkcs11::ObjectTemplate secret_key(const SecretWish& wish, ByteView value);

// Both halves of a session pair. `uses` are the private half's; the public half may do the
// counterparts.
struct PairTemplates {
  pkcs11::ObjectTemplate public_half;
  pkcs11::ObjectTemplate private_half;
};

PairTemplates rsa_pair(unsigned uses, CK_ULONG bits, ByteView exponent);
PairTemplates ec_pair(std::string_view curve);

// One flag alone.
pkcs11::ObjectTemplate one_flag(CK_ATTRIBUTE_TYPE type, bool value);

inline constexpr std::string_view kP256("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10);
inline constexpr std::string_view kEd25519("\x06\x03\x2b\x65\x70", 5);
inline constexpr std::string_view kEd25519Name(
    "\x13\x0c"
    "edwards25519",
    14);

}  // namespace kw::doctor
