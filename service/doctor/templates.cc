// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/templates.h"

namespace kw::doctor {
namespace {

bool has(unsigned uses, Use use) noexcept { return (uses & use) != 0; }

}  // namespace

pkcs11::ObjectTemplate secret_key(const SecretWish& wish) {
  pkcs11::ObjectTemplate key;
  key.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, wish.type)
      .flag(CKA_TOKEN, false)
      .flag(CKA_PRIVATE, wish.is_private)
      .flag(CKA_SENSITIVE, wish.sensitive)
      .flag(CKA_EXTRACTABLE, wish.extractable)
      .flag(CKA_ENCRYPT, has(wish.uses, kEncrypt))
      .flag(CKA_DECRYPT, has(wish.uses, kDecrypt))
      .flag(CKA_SIGN, has(wish.uses, kSign))
      .flag(CKA_VERIFY, has(wish.uses, kVerify))
      .flag(CKA_WRAP, has(wish.uses, kWrap))
      .flag(CKA_UNWRAP, has(wish.uses, kUnwrap))
      .flag(CKA_DERIVE, has(wish.uses, kDerive));
  if (wish.size != 0) key.number(CKA_VALUE_LEN, wish.size);
  return key;
}

pkcs11::ObjectTemplate secret_key(const SecretWish& wish, ByteView value) {
  pkcs11::ObjectTemplate key = secret_key(wish);
  key.secret(CKA_VALUE, Secret::copy_of(value));
  return key;
}

PairTemplates rsa_pair(unsigned uses, CK_ULONG bits, ByteView exponent) {
  PairTemplates pair;
  pair.public_half.flag(CKA_TOKEN, false)
      .flag(CKA_VERIFY, has(uses, kSign))
      .flag(CKA_ENCRYPT, has(uses, kDecrypt))
      .flag(CKA_WRAP, has(uses, kUnwrap))
      .number(CKA_MODULUS_BITS, bits)
      .bytes(CKA_PUBLIC_EXPONENT, exponent);
  pair.private_half.flag(CKA_TOKEN, false)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_SIGN, has(uses, kSign))
      .flag(CKA_DECRYPT, has(uses, kDecrypt))
      .flag(CKA_UNWRAP, has(uses, kUnwrap));
  return pair;
}

PairTemplates ec_pair(std::string_view curve) {
  PairTemplates pair;
  pair.public_half.flag(CKA_TOKEN, false).flag(CKA_VERIFY, true).text(CKA_EC_PARAMS, curve);
  pair.private_half.flag(CKA_TOKEN, false)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .flag(CKA_SIGN, true);
  return pair;
}

pkcs11::ObjectTemplate one_flag(CK_ATTRIBUTE_TYPE type, bool value) {
  pkcs11::ObjectTemplate change;
  change.flag(type, value);
  return change;
}

}  // namespace kw::doctor
