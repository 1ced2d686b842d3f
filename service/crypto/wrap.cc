// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/wrap.h"

#include "pkcs11/return_value.h"
#include "service/crypto/mac.h"
#include "service/crypto/random.h"
#include "service/crypto/seal.h"
#include "service/crypto/suite2.h"
#include "service/crypto/suite3.h"
#include "service/crypto/token_algorithm.h"

#include <algorithm>

namespace kw::crypto {
namespace {

using pkcs11::Pace;

xaes::Suffix suffix_of(const Nonce& nonce) {
  xaes::Suffix suffix{};
  std::copy_n(nonce.begin() + xaes::kPrefixSize, suffix.size(), suffix.begin());
  return suffix;
}

Result<Bytes> wrap_once(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                        const Secret& plaintext, const Context& context) {
  const auto sealing = TRY(bench.derived().for_sealing(key, version));
  Blob blob{{Suite::Xaes256Gcm, key.id, version.number}, sealing.nonce, {}};
  blob.sealed = TRY(seal(bench.session(), sealing.key, suffix_of(blob.nonce), plaintext.reveal(),
                         associated_data(blob.header, context)));
  return encode(blob);
}

// Whether a failed decryption can be the ciphertext's fault at all.
bool may_be_the_callers(const Error& error) {
  return pkcs11::rv_class(error) == pkcs11::RvClass::Caller ||
         pkcs11::is_ambiguous_on_decrypt(error);
}

// Opens a blob in the token. A failure that may be the ciphertext's is believed only if the token
// then does what it is known to do, and fails again: one that was sick for one call and well for
// the proof must not turn into a caller's fault.
template <typename Open, typename Prove>
Result<Opened> open_in_token(Workbench& bench, const Open& open, const Prove& prove_it) {
  Result<Secret> plaintext = open();
  if (plaintext) return Opened(*std::move(plaintext));
  if (!may_be_the_callers(plaintext.error())) return std::move(plaintext).error();
  if (!prove_it()) {
    return Error(Code::Unavailable, plaintext.error().detail() + "; the proof failed too",
                 plaintext.error().rv());
  }
  plaintext = open();
  if (!plaintext && !may_be_the_callers(plaintext.error())) return std::move(plaintext).error();
  bench.session().reinstate();
  if (plaintext) return Opened(*std::move(plaintext));
  return Opened(OpenFailure::NotAuthentic);
}

Result<Opened> unwrap_once(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                           const Blob& blob, const Context& context) {
  const auto message_key = TRY(bench.derived().for_opening(key, version, blob.nonce));
  const auto open = [&] {
    return unseal(bench.session(), message_key, suffix_of(blob.nonce), blob.sealed,
                  associated_data(blob.header, context));
  };
  return open_in_token(bench, open, [&] { return prove(bench.session(), message_key); });
}

Result<Bytes> wrap_by_suite2(Workbench& bench, const keys::Key& key,
                             const keys::KeyVersion& version, const Secret& plaintext,
                             const Context& context) {
  const BlobHeader header{Suite::CountedAes256Gcm, key.id, version.number};
  return encode(
      TRY(suite2::seal(bench, key, version, plaintext.reveal(), associated_data(header, context))));
}

Result<void> prove_by_known_tag(Workbench& bench, const keys::Key& key,
                                const keys::KeyVersion& version) {
  const Bytes tag = TRY(suite2::known_tag(bench, key, version));
  if (ct_equal(tag, version.check)) return {};
  return Error(Code::Unavailable, "the token's AES-GCM is not what it was");
}

Result<Opened> unwrap_by_suite2(Workbench& bench, const keys::Key& key,
                                const keys::KeyVersion& version, const Blob& blob,
                                const Context& context) {
  const Bytes associated = associated_data(blob.header, context);
  const auto open = [&] { return suite2::open(bench, key, version, blob, associated); };
  return open_in_token(bench, open, [&] { return prove_by_known_tag(bench, key, version); });
}

Result<Bytes> wrap_by_suite3(Workbench& bench, const keys::Key& key,
                             const keys::KeyVersion& version, const Secret& plaintext,
                             const Context& context) {
  Blob blob{{Suite::HmacAes256Gcm, key.id, version.number}, {}, {}};
  blob.nonce = TRY(suite3::draw(bench));
  blob.sealed = TRY(suite3::seal(bench, key, version, blob.nonce, plaintext.reveal(),
                                 associated_data(blob.header, context)));
  return encode(blob);
}

// A token that MACs wrongly makes another message key, and each blob looks changed: the key's check
// value tells the one from the other.
Result<Opened> unwrap_by_suite3(Workbench& bench, const keys::Key& key,
                                const keys::KeyVersion& version, const Blob& blob,
                                const Context& context) {
  const Bytes associated = associated_data(blob.header, context);
  auto plaintext = TRY(suite3::open(bench, key, version, blob, associated));
  if (plaintext) return Opened(*std::move(plaintext));
  const Bytes check = TRY(known_mac(bench, key, version));
  if (!ct_equal(check, version.check)) {
    return Error(Code::Unavailable, "the token's HMAC is not what it was");
  }
  // As in suite 1: a token that was sick for one call must not turn into a caller's fault.
  plaintext = TRY(suite3::open(bench, key, version, blob, associated));
  if (plaintext) return Opened(*std::move(plaintext));
  return Opened(OpenFailure::NotAuthentic);
}

}  // namespace

std::string_view to_text(OpenFailure failure) {
  switch (failure) {
    case OpenFailure::WrongKey:
      return "the blob names another key or version";
    case OpenFailure::NotAuthentic:
      return "the blob or its context was changed";
  }
  KW_ASSERT(false);
}

Result<Bytes> wrap(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                   const Secret& plaintext, const Context& context) {
  if (plaintext.size() > kMaxPlaintextSize) {
    return refusal(Code::PayloadTooLarge, "plaintext: at most 65536 bytes");
  }
  const auto permit = bench.pace().enter(Pace::Kind::Symmetric);
  switch (suite_of(*key.algorithm)) {
    case Suite::Xaes256Gcm:
      return bench.with_derived(key.id,
                                [&] { return wrap_once(bench, key, version, plaintext, context); });
    case Suite::CountedAes256Gcm:
      return wrap_by_suite2(bench, key, version, plaintext, context);
    case Suite::HmacAes256Gcm:
      return wrap_by_suite3(bench, key, version, plaintext, context);
  }
  KW_ASSERT(false);
}

Result<Opened> unwrap(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                      const Blob& blob, const Context& context) {
  if (blob.header != BlobHeader{suite_of(*key.algorithm), key.id, version.number}) {
    return Opened(OpenFailure::WrongKey);
  }
  const auto permit = bench.pace().enter(Pace::Kind::Symmetric);
  switch (blob.header.suite) {
    case Suite::Xaes256Gcm:
      return bench.with_derived(key.id,
                                [&] { return unwrap_once(bench, key, version, blob, context); });
    case Suite::CountedAes256Gcm:
      return unwrap_by_suite2(bench, key, version, blob, context);
    case Suite::HmacAes256Gcm:
      return unwrap_by_suite3(bench, key, version, blob, context);
  }
  KW_ASSERT(false);
}

Result<Rewrapped> rewrap(Workbench& bench, const keys::Key& key, const RewrapRequest& request) {
  const Opened opened = TRY(unwrap(bench, key, request.from, request.blob, request.context));
  if (const auto* failure = std::get_if<OpenFailure>(&opened)) return Rewrapped(*failure);
  return Rewrapped(
      TRY(wrap(bench, key, request.to, std::get<Secret>(opened), request.new_context)));
}

Result<DataKey> make_data_key(Workbench& bench, const keys::Key& key,
                              const keys::KeyVersion& version, std::size_t size,
                              const Context& context) {
  if (size != 16 && size != 32 && size != 64) {
    return refusal(Code::InvalidArgument, "bytes: 16, 32 or 64");
  }
  Secret plaintext = TRY(random_bytes(bench, size));
  Bytes blob = TRY(wrap(bench, key, version, plaintext, context));
  return DataKey{std::move(plaintext), std::move(blob)};
}

}  // namespace kw::crypto
