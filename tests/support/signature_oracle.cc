// SPDX-License-Identifier: Apache-2.0
#include "tests/support/signature_oracle.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/owned.h"

namespace kw::test::signature_oracle {
namespace {

using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Context = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Signature = Owned<ECDSA_SIG, ECDSA_SIG_free>;
using Number = Owned<BIGNUM, BN_free>;

const EVP_MD* hash_of(std::string_view scheme) {
  if (scheme == "ed25519") return nullptr;
  return EVP_get_digestbyname(std::string(scheme.substr(scheme.rfind('-') + 1)).c_str());
}

bool is_pss(std::string_view scheme) { return scheme.find("-pss-") != std::string_view::npos; }

void set_padding(EVP_PKEY_CTX* context, std::string_view scheme, int salt_length) {
  if (!is_pss(scheme)) return;
  KW_ASSERT(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1);
  KW_ASSERT(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt_length) == 1);
}

Key decode(ByteView public_key) {
  const unsigned char* at = public_key.data();
  Key key(d2i_PUBKEY(nullptr, &at, static_cast<long>(public_key.size())));
  KW_ASSERT(key != nullptr);
  return key;
}

Key generate(std::string_view scheme) {
  if (scheme == "ed25519") return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (scheme.starts_with("rsa-")) {
    const std::size_t bits = std::stoul(std::string(scheme.substr(4, 4)));
    return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", bits));
  }
  const std::string curve = "P-" + std::string(scheme.substr(7, 3));
  return Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve.c_str()));
}

Signature decode_signature(ByteView der) {
  const unsigned char* at = der.data();
  Signature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  KW_ASSERT(signature != nullptr);
  return signature;
}

Number order_of(ByteView public_key) {
  const Key key = decode(public_key);
  BIGNUM* order = nullptr;
  KW_ASSERT(EVP_PKEY_get_bn_param(key.get(), "order", &order) == 1);
  return Number(order);
}

}  // namespace

bool verifies(std::string_view scheme, ByteView public_key, ByteView message, ByteView signature) {
  const Key key = decode(public_key);
  const Context context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  KW_ASSERT(EVP_DigestVerifyInit(context.get(), &inner, hash_of(scheme), nullptr, key.get()) == 1);
  set_padding(inner, scheme, RSA_PSS_SALTLEN_DIGEST);
  return EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

Signed sign(std::string_view scheme, ByteView message, int salt_length) {
  const Key key = generate(scheme);
  KW_ASSERT(key != nullptr);
  const Context context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  KW_ASSERT(EVP_DigestSignInit(context.get(), &inner, hash_of(scheme), nullptr, key.get()) == 1);
  set_padding(inner, scheme, salt_length);
  Signed out;
  std::size_t size = 1024;
  out.signature.resize(size);
  KW_ASSERT(EVP_DigestSign(context.get(), out.signature.data(), &size, message.data(),
                           message.size()) == 1);
  out.signature.resize(size);
  out.public_key.resize(static_cast<std::size_t>(i2d_PUBKEY(key.get(), nullptr)));
  unsigned char* end = out.public_key.data();
  KW_ASSERT(i2d_PUBKEY(key.get(), &end) > 0);
  return out;
}

Bytes raw_of(ByteView der, std::size_t width) {
  const Signature signature = decode_signature(der);
  Bytes raw(2 * width);
  const int size = static_cast<int>(width);
  KW_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), raw.data(), size) == size);
  KW_ASSERT(BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), raw.data() + width, size) == size);
  return raw;
}

Bytes with_other_s(ByteView der, ByteView public_key) {
  const Signature signature = decode_signature(der);
  Number other = order_of(public_key);
  KW_ASSERT(BN_sub(other.get(), other.get(), ECDSA_SIG_get0_s(signature.get())) == 1);
  BIGNUM* const r = BN_dup(ECDSA_SIG_get0_r(signature.get()));
  KW_ASSERT(ECDSA_SIG_set0(signature.get(), r, other.release()) == 1);
  Bytes out(static_cast<std::size_t>(i2d_ECDSA_SIG(signature.get(), nullptr)));
  unsigned char* end = out.data();
  KW_ASSERT(i2d_ECDSA_SIG(signature.get(), &end) > 0);
  return out;
}

bool has_low_s(ByteView der, ByteView public_key) {
  const Signature signature = decode_signature(der);
  const Number half = order_of(public_key);
  KW_ASSERT(BN_rshift1(half.get(), half.get()) == 1);
  return BN_cmp(ECDSA_SIG_get0_s(signature.get()), half.get()) <= 0;
}

Bytes hmac(std::string_view digest, ByteView key, ByteView message) {
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  KW_ASSERT(HMAC(EVP_get_digestbyname(std::string(digest).c_str()), key.data(),
                 static_cast<int>(key.size()), message.data(), message.size(), out.data(),
                 &size) != nullptr);
  out.resize(size);
  return out;
}

Bytes hash(std::string_view digest, ByteView message) {
  Bytes out(EVP_MAX_MD_SIZE);
  std::size_t size = 0;
  KW_ASSERT(EVP_Q_digest(nullptr, std::string(digest).c_str(), nullptr, message.data(),
                         message.size(), out.data(), &size) == 1);
  out.resize(size);
  return out;
}

}  // namespace kw::test::signature_oracle
