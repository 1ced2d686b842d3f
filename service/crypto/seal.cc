// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/seal.h"

namespace kw::crypto {
namespace {

// One nonce, one message, one associated data, for ever: sealing it again repeats the same bytes
// and reveals nothing. That an epoch's random 96-bit counter meets this nonce has a chance of
// 2^-64.
constexpr xaes::Suffix kProofNonce = {'k', 'e', 'y', 'w', 'a', 'r', 'd', '/', 't', 'e', 's', 't'};
constexpr std::string_view kProofText = "keyward/proof/v1";

}  // namespace

Result<Bytes> seal(pkcs11::Session& session, pkcs11::ObjectHandle message_key,
                   const xaes::Suffix& nonce, ByteView plaintext, ByteView associated) {
  const auto gcm = pkcs11::Mechanism::aes_gcm(nonce, associated);
  Bytes sealed = TRY(session.encrypt(gcm, message_key, plaintext));
  if (sealed.size() != plaintext.size() + pkcs11::kGcmTagSize) {
    return Error(Code::Internal, "the token's AES-GCM gave another length");
  }
  return sealed;
}

Result<Secret> unseal(pkcs11::Session& session, pkcs11::ObjectHandle message_key,
                      const xaes::Suffix& nonce, ByteView sealed, ByteView associated) {
  const auto gcm = pkcs11::Mechanism::aes_gcm(nonce, associated);
  Secret plaintext = TRY(session.decrypt(gcm, message_key, sealed));
  if (plaintext.size() + pkcs11::kGcmTagSize != sealed.size()) {
    return Error(Code::Internal, "the token's AES-GCM gave another length");
  }
  return plaintext;
}

Result<void> prove(pkcs11::Session& session, pkcs11::ObjectHandle message_key) {
  const ByteView text = as_bytes(kProofText);
  const Bytes sealed = TRY(seal(session, message_key, kProofNonce, text, text));
  const Secret opened = TRY(unseal(session, message_key, kProofNonce, sealed, text));
  if (!ct_equal(opened.reveal(), text)) {
    return Error(Code::Unavailable, "the token opens its own AES-GCM wrongly");
  }
  return {};
}

}  // namespace kw::crypto
