// SPDX-License-Identifier: Apache-2.0
#include "service/core/key_service.h"
#include "service/core/passage.h"
#include "service/crypto/mac.h"
#include "service/crypto/sign.h"
#include "service/crypto/verify.h"

namespace kw::core {
namespace {

crypto::SignatureEncoding encoding_of(SignatureEncoding encoding) {
  switch (encoding) {
    case SignatureEncoding::Der:
      return crypto::SignatureEncoding::Der;
    case SignatureEncoding::Raw:
      return crypto::SignatureEncoding::Raw;
    case SignatureEncoding::Jws:
      return crypto::SignatureEncoding::Jws;
  }
  return crypto::SignatureEncoding::Der;
}

std::size_t size_of(const ToBeSigned& input) {
  const auto* const message = std::get_if<Message>(&input);
  return message != nullptr ? message->bytes.size() : std::get<Digest>(input).bytes.size();
}

// The version to verify with: the one that was named, else the newest enabled one.
Result<const keys::KeyVersion*> version_to_verify(Passage& passage, const keys::Key& key,
                                                  keys::Purpose purpose,
                                                  std::optional<Version> version) {
  return version ? passage.consuming(key, purpose, *version) : passage.producing(key, purpose);
}

Result<Signed> sign_now(Passage& passage, const Sign& request) {
  const KeyView key = TRY(passage.admit(request.key));
  const keys::KeyVersion* const version = TRY(passage.producing(*key, keys::Purpose::Sign));
  const crypto::SignatureEncoding encoding = encoding_of(request.encoding);
  const auto* const message = std::get_if<Message>(&request.input);
  Bytes signature = TRY(passage.at_bench(*key, *version, [&](crypto::Workbench& bench) {
    return message != nullptr
               ? crypto::sign_message(bench, *key, *version, message->bytes.reveal(), encoding)
               : crypto::sign_digest(bench, *key, *version, std::get<Digest>(request.input).bytes,
                                     encoding);
  }));
  passage.gives(signature.size());
  return Signed{key->name, version->number, std::move(signature), request.encoding};
}

Result<Verdict> verify_now(Passage& passage, const Verify& request) {
  const KeyView key = TRY(passage.admit(request.key));
  const keys::KeyVersion* const version =
      TRY(version_to_verify(passage, *key, keys::Purpose::Sign, request.version));
  const crypto::SignatureEncoding encoding = encoding_of(request.encoding);
  const auto* const message = std::get_if<Message>(&request.input);
  const bool valid =
      message != nullptr
          ? TRY(crypto::verify_message(*key->algorithm, version->public_key,
                                       message->bytes.reveal(), request.signature, encoding))
          : TRY(crypto::verify_digest(*key->algorithm, version->public_key,
                                      std::get<Digest>(request.input).bytes, request.signature,
                                      encoding));
  return Verdict{key->name, version->number, valid};
}

Result<Mac> mac_now(Passage& passage, const ComputeMac& request) {
  const KeyView key = TRY(passage.admit(request.key));
  const keys::KeyVersion* const version = TRY(passage.producing(*key, keys::Purpose::Mac));
  Bytes mac = TRY(passage.at_bench(*key, *version, [&](crypto::Workbench& bench) {
    return crypto::mac(bench, *key, *version, request.message.reveal());
  }));
  passage.gives(mac.size());
  return Mac{key->name, version->number, std::move(mac)};
}

Result<Verdict> verify_mac_now(Passage& passage, const VerifyMac& request) {
  const KeyView key = TRY(passage.admit(request.key));
  const keys::KeyVersion* const version =
      TRY(version_to_verify(passage, *key, keys::Purpose::Mac, request.version));
  const bool valid = TRY(passage.at_bench(*key, *version, [&](crypto::Workbench& bench) {
    return crypto::verify_mac(bench, *key, *version, request.message.reveal(), request.mac);
  }));
  return Verdict{key->name, version->number, valid};
}

}  // namespace

Sealed<Signed> KeyService::sign(const Call& call, const Sign& request) {
  Passage passage(*seat_, call, policy::Operation::Sign);
  passage.takes(size_of(request.input));
  return passage.conclude(sign_now(passage, request));
}

Sealed<Verdict> KeyService::verify(const Call& call, const Verify& request) {
  Passage passage(*seat_, call, policy::Operation::Verify);
  passage.takes(size_of(request.input));
  return passage.conclude(verify_now(passage, request));
}

Sealed<Mac> KeyService::mac(const Call& call, const ComputeMac& request) {
  Passage passage(*seat_, call, policy::Operation::Mac);
  passage.takes(request.message.size());
  return passage.conclude(mac_now(passage, request));
}

Sealed<Verdict> KeyService::verify_mac(const Call& call, const VerifyMac& request) {
  Passage passage(*seat_, call, policy::Operation::VerifyMac);
  passage.takes(request.message.size());
  return passage.conclude(verify_mac_now(passage, request));
}

}  // namespace kw::core
