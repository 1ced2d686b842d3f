// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/sign.h"

#include "service/crypto/token_algorithm.h"

namespace kw::crypto {
namespace {

using keys::Family;

// `input` is what the mechanism takes: a digest, a DigestInfo or a message.
Result<Bytes> sign_input(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                         ByteView input) {
  const keys::Algorithm& algorithm = *key.algorithm;
  KW_ASSERT(algorithm.purpose == keys::Purpose::Sign);
  const auto permit = bench.pace().enter(kind_of(algorithm));
  const auto sign = [&](pkcs11::ObjectHandle handle) {
    return bench.session().sign(signing_mechanism(algorithm), handle, input);
  };
  return bench.keyring().with(key, version, sign);
}

// A digest as the algorithm's mechanism takes it.
Result<Bytes> input_of(const keys::Algorithm& algorithm, ByteView digest) {
  if (algorithm.family != Family::RsaPkcs1) return to_bytes(digest);
  return pkcs11::digest_info(token_hash(algorithm.hash), digest);
}

std::size_t signature_size(const keys::Algorithm& algorithm) {
  switch (algorithm.family) {
    case Family::Ed25519:
      return 64;
    case Family::Ecdsa:
      return 2 * ecdsa_width(algorithm.bits);
    default:
      return algorithm.bits / 8u;
  }
}

Result<Bytes> encode(const keys::Algorithm& algorithm, Bytes made, SignatureEncoding encoding) {
  if (made.size() != signature_size(algorithm)) {
    return Error(Code::Internal, "the token's signature has another length");
  }
  if (algorithm.family != Family::Ecdsa) return made;
  Bytes raw = TRY(with_low_s(algorithm.bits, made));
  return encoding == SignatureEncoding::Der ? to_der(raw) : std::move(raw);
}

}  // namespace

Result<Bytes> sign_message(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                           ByteView message, SignatureEncoding encoding) {
  TRY(check_message(message));
  const keys::Algorithm& algorithm = *key.algorithm;
  if (algorithm.hash != keys::Hash::None) {
    return sign_digest(bench, key, version, digest_of(algorithm.hash, message), encoding);
  }
  TRY(check_encoding(algorithm, encoding));
  return encode(algorithm, TRY(sign_input(bench, key, version, message)), encoding);
}

Result<Bytes> sign_digest(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                          ByteView digest, SignatureEncoding encoding) {
  const keys::Algorithm& algorithm = *key.algorithm;
  TRY(check_encoding(algorithm, encoding));
  TRY(check_digest(algorithm, digest));
  const Bytes input = TRY(input_of(algorithm, digest));
  return encode(algorithm, TRY(sign_input(bench, key, version, input)), encoding);
}

Result<Bytes> sign_digest_with(pkcs11::Session& session, pkcs11::ObjectHandle handle,
                               const keys::Algorithm& algorithm, ByteView digest,
                               SignatureEncoding encoding) {
  const Bytes input = TRY(input_of(algorithm, digest));
  return encode(algorithm, TRY(session.sign(signing_mechanism(algorithm), handle, input)),
                encoding);
}

}  // namespace kw::crypto
