// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/verify.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>

#include "base/owned.h"
#include "service/crypto/evp.h"

namespace kw::crypto {
namespace {

using keys::Family;

using PublicKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;

// OpenSSL leaves its complaints with the thread, where the TLS library would take them for its own.
struct QuietErrors {
  QuietErrors() = default;
  QuietErrors(const QuietErrors&) = delete;
  QuietErrors& operator=(const QuietErrors&) = delete;
  ~QuietErrors() { ERR_clear_error(); }
};

int key_type(Family family) {
  switch (family) {
    case Family::RsaPss:
    case Family::RsaPkcs1:
      return EVP_PKEY_RSA;
    case Family::Ecdsa:
      return EVP_PKEY_EC;
    case Family::Ed25519:
      return EVP_PKEY_ED25519;
    case Family::Aes:
    case Family::Hmac:
      break;
  }
  KW_ASSERT(false);
}

Result<PublicKey> decode_public_key(const keys::Algorithm& algorithm, ByteView der) {
  const std::uint8_t* at = der.data();
  PublicKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  const bool whole = key != nullptr && at == der.data() + der.size();
  if (!whole || EVP_PKEY_get_base_id(key.get()) != key_type(algorithm.family)) {
    return Error(Code::Internal, "no public key of the algorithm's kind");
  }
  const bool is_sized = algorithm.family != Family::Ed25519;
  if (is_sized && EVP_PKEY_get_bits(key.get()) != algorithm.bits) {
    return Error(Code::Internal, "a public key of another size");
  }
  return key;
}

bool configure(EVP_PKEY_CTX* context, const keys::Algorithm& algorithm) {
  if (EVP_PKEY_CTX_set_signature_md(context, to_evp(algorithm.hash)) != 1) return false;
  switch (algorithm.family) {
    case Family::RsaPkcs1:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    case Family::RsaPss:
      return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_mgf1_md(context, to_evp(algorithm.hash)) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
    default:
      return true;
  }
}

bool is_signature(EVP_PKEY* key, const keys::Algorithm& algorithm, ByteView digest,
                  ByteView signature) {
  const KeyContext context(EVP_PKEY_CTX_new(key, nullptr));
  KW_ASSERT(context != nullptr && EVP_PKEY_verify_init(context.get()) == 1);
  KW_ASSERT(configure(context.get(), algorithm));
  return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(),
                         digest.size()) == 1;
}

}  // namespace

Result<bool> verify_message(const keys::Algorithm& algorithm, ByteView public_key, ByteView message,
                            ByteView signature, SignatureEncoding encoding) {
  TRY(check_message(message));
  if (algorithm.hash != keys::Hash::None) {
    return verify_digest(algorithm, public_key, digest_of(algorithm.hash, message), signature,
                         encoding);
  }
  TRY(check_encoding(algorithm, encoding));
  const QuietErrors quiet;
  const PublicKey key = TRY(decode_public_key(algorithm, public_key));
  const DigestContext context(EVP_MD_CTX_new());
  KW_ASSERT(EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

Result<bool> verify_digest(const keys::Algorithm& algorithm, ByteView public_key, ByteView digest,
                           ByteView signature, SignatureEncoding encoding) {
  TRY(check_encoding(algorithm, encoding));
  TRY(check_digest(algorithm, digest));
  const QuietErrors quiet;
  const PublicKey key = TRY(decode_public_key(algorithm, public_key));
  if (algorithm.family != Family::Ecdsa || encoding == SignatureEncoding::Der) {
    return is_signature(key.get(), algorithm, digest, signature);
  }
  if (signature.size() != 2 * ecdsa_width(algorithm.bits)) return false;
  return is_signature(key.get(), algorithm, digest, to_der(signature));
}

}  // namespace kw::crypto
