// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/service_mac.h"

namespace kw::crypto {
namespace {

Result<Bytes> mac_once(Workbench& bench, const KeyId& service_key, Version version,
                       MacPurpose purpose, ByteView message) {
  const auto handle = TRY(bench.derived().for_mac(service_key, version, purpose));
  Bytes made = TRY(bench.session().sign(pkcs11::Mechanism::sha256_hmac(), handle, message));
  if (made.size() != std::tuple_size_v<Sha256Digest>) {
    return Error(Code::Internal, "the token's HMAC gave another length");
  }
  return made;
}

}  // namespace

Result<Bytes> service_mac(Workbench& bench, const KeyId& service_key, Version version,
                          MacPurpose purpose, ByteView message) {
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  return bench.with_derived(
      service_key, [&] { return mac_once(bench, service_key, version, purpose, message); });
}

Result<Bytes> context_mac(Workbench& bench, const KeyId& service_key, Version version,
                          const Context& context) {
  return service_mac(bench, service_key, version, MacPurpose::AuditContext, context.canonical());
}

}  // namespace kw::crypto
