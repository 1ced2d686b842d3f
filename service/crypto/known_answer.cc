// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/known_answer.h"

#include "pkcs11/profile.h"
#include "service/crypto/sign.h"
#include "service/crypto/suite2.h"
#include "service/crypto/token_algorithm.h"
#include "service/crypto/verify.h"
#include "service/crypto/xaes.h"

namespace kw::crypto {
namespace {

Error another_key(const keys::Algorithm& algorithm) {
  return Error(Code::Internal, "an " + std::string(algorithm.name) +
                                   " key in the token is not the one that the catalog knows");
}

Result<Bytes> answer_of(pkcs11::Session& session, pkcs11::ObjectHandle handle,
                        const keys::Algorithm& algorithm) {
  if (algorithm.family == keys::Family::Hmac) {
    return session.sign(signing_mechanism(algorithm), handle, as_bytes(kCheckText));
  }
  if (algorithm.sealing == keys::Sealing::Counted) return suite2::known_tag(session, handle);
  return to_bytes(xaes::k1_of(TRY(pkcs11::derive_check_block(session, handle))));
}

Result<bool> pair_fits(pkcs11::Session& session, pkcs11::ObjectHandle handle,
                       const keys::Algorithm& algorithm, ByteView public_key) {
  const Bytes digest = digest_of(algorithm.hash, as_bytes(kCheckText));
  const Bytes signature =
      TRY(sign_digest_with(session, handle, algorithm, digest, SignatureEncoding::Der));
  return verify_digest(algorithm, public_key, digest, signature, SignatureEncoding::Der);
}

}  // namespace

Result<void> check_identity(pkcs11::Session& session, pkcs11::ObjectHandle handle,
                            const keys::Algorithm& algorithm, const keys::KeyVersion& version) {
  if (algorithm.purpose == keys::Purpose::Sign) {
    if (TRY(pair_fits(session, handle, algorithm, version.public_key))) return {};
    return another_key(algorithm);
  }
  const Bytes answer = TRY(answer_of(session, handle, algorithm));
  if (ct_equal(answer, version.check)) return {};
  return another_key(algorithm);
}

}  // namespace kw::crypto
