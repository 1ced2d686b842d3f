// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/service_mac.h"

namespace kw::crypto {
namespace {

Result<Bytes> mac_with_derived(Workbench& bench, const keys::Key& service_key, Version version,
                               MacPurpose purpose, ByteView message) {
  const auto handle = TRY(bench.derived().for_mac(service_key.id, version, purpose));
  return bench.session().sign(pkcs11::Mechanism::sha256_hmac(), handle, message);
}

// The message's hash, because a TPM takes 4,096 bytes at most.
Result<Bytes> mac_with_label(Workbench& bench, const keys::Key& service_key, Version version,
                             MacPurpose purpose, ByteView message) {
  Bytes input = to_bytes(as_bytes(label_of(purpose)));
  input.push_back(0);
  append(input, sha256(message));
  const auto sign = [&](pkcs11::ObjectHandle handle) {
    return bench.session().sign(pkcs11::Mechanism::sha256_hmac(), handle, input);
  };
  return bench.keyring().with(service_key.id, version, *service_key.algorithm, sign);
}

Result<Bytes> of_right_length(Result<Bytes> made) {
  if (!made || made->size() == std::tuple_size_v<Sha256Digest>) return made;
  return Error(Code::Internal, "the token's HMAC gave another length");
}

}  // namespace

Result<Bytes> service_mac(Workbench& bench, const keys::Key& service_key, Version version,
                          MacPurpose purpose, ByteView message) {
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  if (service_key.algorithm->family == keys::Family::Hmac) {
    return of_right_length(mac_with_label(bench, service_key, version, purpose, message));
  }
  return of_right_length(bench.with_derived(service_key.id, [&] {
    return mac_with_derived(bench, service_key, version, purpose, message);
  }));
}

Result<Bytes> context_mac(Workbench& bench, const keys::Key& service_key, Version version,
                          const Context& context) {
  return service_mac(bench, service_key, version, MacPurpose::AuditContext, context.canonical());
}

}  // namespace kw::crypto
