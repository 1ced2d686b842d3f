// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/signature.h"

#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>

#include <memory>

#include "base/owned.h"
#include "service/crypto/evp.h"

namespace kw::crypto {
namespace {

using Number = Owned<BIGNUM, BN_free>;
using EcdsaSignature = Owned<ECDSA_SIG, ECDSA_SIG_free>;

// The orders of the curves' groups (FIPS 186-4, D.1.2).
const char* order_text(unsigned bits) {
  switch (bits) {
    case 256:
      return "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    case 384:
      return "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF"
             "581A0DB248B0A77AECEC196ACCC52973";
    case 521:
      return "01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFA"
             "51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409";
    default:
      break;
  }
  KW_ASSERT(false);
}

Number order_of(unsigned bits) {
  BIGNUM* order = nullptr;
  KW_ASSERT(BN_hex2bn(&order, order_text(bits)) != 0);
  return Number(order);
}

Number to_number(ByteView bytes) {
  Number number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  KW_ASSERT(number != nullptr);
  return number;
}

bool is_in_range(const BIGNUM* number, const BIGNUM* order) {
  return !BN_is_zero(number) && BN_cmp(number, order) < 0;
}

}  // namespace

Result<void> check_encoding(const keys::Algorithm& algorithm, SignatureEncoding encoding) {
  switch (encoding) {
    case SignatureEncoding::Der:
      return {};
    case SignatureEncoding::Raw:
      if (algorithm.family == keys::Family::Ecdsa) return {};
      return refusal(Code::InvalidArgument, "encoding: raw is for ECDSA keys alone");
    case SignatureEncoding::Jws:
      if (!algorithm.jose.empty()) return {};
      return refusal(Code::InvalidArgument, "encoding: JOSE has no name for the key's algorithm");
  }
  KW_ASSERT(false);
}

Result<void> check_digest(const keys::Algorithm& algorithm, ByteView digest) {
  if (algorithm.hash == keys::Hash::None) {
    return refusal(Code::InvalidArgument, "digest: the key's algorithm signs whole messages alone");
  }
  const auto wanted = static_cast<std::size_t>(EVP_MD_get_size(to_evp(algorithm.hash)));
  if (digest.size() != wanted) {
    return refusal(Code::InvalidArgument, "digest: must have " + std::to_string(wanted) +
                                              " bytes for the key's algorithm");
  }
  return {};
}

Result<void> check_message(ByteView message) {
  if (message.size() <= kMaxMessageSize) return {};
  return refusal(Code::InvalidArgument, "message: at most 1048576 bytes");
}

Bytes digest_of(keys::Hash hash, ByteView message) {
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  KW_ASSERT(
      EVP_Digest(message.data(), message.size(), digest.data(), &size, to_evp(hash), nullptr) == 1);
  digest.resize(size);
  return digest;
}

Result<Bytes> with_low_s(unsigned bits, ByteView raw) {
  const std::size_t width = ecdsa_width(bits);
  if (raw.size() != 2 * width) return Error(Code::Internal, "an ECDSA signature of another length");
  const Number order = order_of(bits);
  const Number s = to_number(raw.last(width));
  if (!is_in_range(to_number(raw.first(width)).get(), order.get()) ||
      !is_in_range(s.get(), order.get())) {
    return Error(Code::Internal, "an ECDSA signature out of range");
  }
  const Number other(BN_dup(order.get()));
  KW_ASSERT(other != nullptr && BN_sub(other.get(), other.get(), s.get()) == 1);
  const BIGNUM* const lower = BN_cmp(s.get(), other.get()) <= 0 ? s.get() : other.get();
  Bytes out = to_bytes(raw);
  KW_ASSERT(BN_bn2binpad(lower, out.data() + width, static_cast<int>(width)) >= 0);
  return out;
}

Bytes to_der(ByteView raw) {
  const std::size_t width = raw.size() / 2;
  Number r = to_number(raw.first(width));
  Number s = to_number(raw.last(width));
  const EcdsaSignature signature(ECDSA_SIG_new());
  KW_ASSERT(signature != nullptr);
  ECDSA_SIG_set0(signature.get(), r.release(), s.release());
  Bytes out(static_cast<std::size_t>(i2d_ECDSA_SIG(signature.get(), nullptr)));
  std::uint8_t* end = out.data();
  KW_ASSERT(i2d_ECDSA_SIG(signature.get(), &end) == static_cast<int>(out.size()));
  return out;
}

}  // namespace kw::crypto
