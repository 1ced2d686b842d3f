// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/mac.h"

#include "service/crypto/known_answer.h"
#include "service/crypto/token_algorithm.h"

namespace kw::crypto {

namespace {

Result<void> check_length(const Workbench& bench, ByteView message) {
  const auto longest = pkcs11::longest_mac_message(bench.family());
  if (!longest || message.size() <= *longest) return {};
  return refusal(Code::PayloadTooLarge, "message: this token makes MACs of at most " +
                                            std::to_string(*longest) + " bytes");
}

Result<Bytes> mac_at_once(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                          ByteView message) {
  const keys::Algorithm& algorithm = *key.algorithm;
  const auto sign = [&](pkcs11::ObjectHandle handle) {
    return bench.session().sign(signing_mechanism(algorithm), handle, message);
  };
  Bytes made = TRY(bench.keyring().with(key, version, sign));
  if (made.size() != digest_size(algorithm.hash)) {
    return Error(Code::Internal, "the token's HMAC gave another length");
  }
  return made;
}

}  // namespace

Result<Bytes> known_mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version) {
  return mac_at_once(bench, key, version, as_bytes(kCheckText));
}

Result<Bytes> mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                  ByteView message) {
  KW_ASSERT(key.algorithm->purpose == keys::Purpose::Mac);
  TRY(check_length(bench, message));
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  return mac_at_once(bench, key, version, message);
}

Result<bool> verify_mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                        ByteView message, ByteView claimed) {
  const Bytes made = TRY(mac(bench, key, version, message));
  return ct_equal(made, claimed);
}

}  // namespace kw::crypto
