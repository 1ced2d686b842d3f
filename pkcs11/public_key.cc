// SPDX-License-Identifier: Apache-2.0
#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>

#include <memory>

#include "base/owned.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/profile.h"

namespace kw::pkcs11 {
namespace {

using KeyPtr = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using ParamsBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Number = Owned<BIGNUM, BN_free>;
using OctetString = Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;

// Curve is a group by OpenSSL's name and the size of its uncompressed point.
struct Curve {
  const char* name;
  std::size_t point_size;
};

Error not_of(Profile profile) {
  ERR_clear_error();
  return Error(Code::Internal,
               "the token's public half is no key of profile " + std::string(to_text(profile)));
}

Number to_number(ByteView bytes) {
  return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

// Null where OpenSSL takes the parts for no key.
KeyPtr key_from(const char* type, const ParamsBuilder& builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return KeyPtr(key);
}

KeyPtr rsa_key(ByteView modulus, ByteView exponent) {
  const Number n = to_number(modulus);
  const Number e = to_number(exponent);
  const ParamsBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
  return key_from("RSA", builder);
}

KeyPtr ec_key(const char* group, ByteView point) {
  const ParamsBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                   point.size());
  KeyPtr key = key_from("EC", builder);
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
  if (key == nullptr || EVP_PKEY_public_check(context.get()) != 1) {
    return nullptr;
  }
  return key;
}

// CKA_EC_POINT is a DER OCTET STRING; some tokens give the bare point. Empty if it is neither.
Bytes point_of(const Bytes& attribute, std::size_t size) {
  if (attribute.size() == size) {
    return attribute;
  }
  const unsigned char* cursor = attribute.data();
  const OctetString inner(
      d2i_ASN1_OCTET_STRING(nullptr, &cursor, static_cast<long>(attribute.size())));
  if (inner == nullptr || cursor != attribute.data() + attribute.size() ||
      static_cast<std::size_t>(ASN1_STRING_length(inner.get())) != size) {
    return {};
  }
  const unsigned char* point = ASN1_STRING_get0_data(inner.get());
  return Bytes(point, point + size);
}

Result<KeyPtr> read_rsa(Session& session, ObjectHandle public_half, int bits, Profile profile) {
  const Bytes modulus = TRY(session.get_attribute(public_half, CKA_MODULUS));
  const Bytes exponent = TRY(session.get_attribute(public_half, CKA_PUBLIC_EXPONENT));
  KeyPtr key = rsa_key(modulus, exponent);
  if (key == nullptr || EVP_PKEY_get_bits(key.get()) != bits) {
    return not_of(profile);
  }
  return key;
}

Result<KeyPtr> read_ec(Session& session, ObjectHandle public_half, Curve curve, Profile profile) {
  const Bytes attribute = TRY(session.get_attribute(public_half, CKA_EC_POINT));
  const Bytes point = point_of(attribute, curve.point_size);
  KeyPtr key = point.empty() ? nullptr : ec_key(curve.name, point);
  if (key == nullptr) {
    return not_of(profile);
  }
  return key;
}

Result<KeyPtr> read_ed25519(Session& session, ObjectHandle public_half) {
  const Bytes attribute = TRY(session.get_attribute(public_half, CKA_EC_POINT));
  const Bytes point = point_of(attribute, 32);
  KeyPtr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, point.data(), point.size()));
  if (point.empty() || key == nullptr) {
    return not_of(Profile::Ed25519);
  }
  return key;
}

Result<KeyPtr> read_key(Session& session, ObjectHandle public_half, Profile profile) {
  switch (profile) {
    case Profile::Rsa2048Pkcs:
    case Profile::Rsa2048Pss:
      return read_rsa(session, public_half, 2048, profile);
    case Profile::Rsa3072Pkcs:
    case Profile::Rsa3072Pss:
      return read_rsa(session, public_half, 3072, profile);
    case Profile::Rsa4096Pkcs:
    case Profile::Rsa4096Pss:
      return read_rsa(session, public_half, 4096, profile);
    case Profile::EcdsaP256:
      return read_ec(session, public_half, {"P-256", 65}, profile);
    case Profile::EcdsaP384:
      return read_ec(session, public_half, {"P-384", 97}, profile);
    case Profile::EcdsaP521:
      return read_ec(session, public_half, {"P-521", 133}, profile);
    case Profile::Ed25519:
      return read_ed25519(session, public_half);
    case Profile::MasterAes:
    case Profile::CountedAes:
    case Profile::MacSha256:
    case Profile::MacSha512:
    case Profile::MessageKey:
    case Profile::ContextMacKey:
      break;
  }
  return Error(Code::Internal, std::string(to_text(profile)) + " has no public half");
}

}  // namespace

Result<Bytes> public_key(Session& session, ObjectHandle public_half, Profile profile) {
  const KeyPtr key = TRY(read_key(session, public_half, profile));
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(key.get(), &encoded);
  if (size <= 0) {
    return not_of(profile);
  }
  Bytes spki(encoded, encoded + size);
  OPENSSL_free(encoded);
  return spki;
}

}  // namespace kw::pkcs11
