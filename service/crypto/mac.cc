// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/mac.h"

#include "service/crypto/token_algorithm.h"

namespace kw::crypto {

Result<Bytes> mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                  ByteView message) {
  const keys::Algorithm& algorithm = *key.algorithm;
  KW_ASSERT(algorithm.purpose == keys::Purpose::Mac);
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  const auto sign = [&](pkcs11::ObjectHandle handle) {
    return bench.session().sign(signing_mechanism(algorithm), handle, message);
  };
  Bytes made = TRY(bench.keyring().with(key, version, sign));
  if (made.size() != digest_size(algorithm.hash)) {
    return Error(Code::Internal, "the token's HMAC gave another length");
  }
  return made;
}

Result<bool> verify_mac(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                        ByteView message, ByteView claimed) {
  const Bytes made = TRY(mac(bench, key, version, message));
  return ct_equal(made, claimed);
}

}  // namespace kw::crypto
