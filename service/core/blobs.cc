// SPDX-License-Identifier: Apache-2.0
#include "service/core/key_service.h"
#include "service/core/passage.h"
#include "service/crypto/random.h"
#include "service/crypto/wrap.h"

namespace kw::core {
namespace {

// The one answer to a blob that cannot be opened, whatever the reason.
Error cannot_open() {
  return refusal(Code::InvalidArgument, "the blob cannot be opened with this context");
}

// An admitted blob: it was decoded, its key was found, and the caller may open it.
struct Admitted {
  crypto::Blob blob;
  KeyView key;
  const keys::KeyVersion* version;
};

// What fails here is one and the same refusal, but for what the caller may know: that he may unwrap
// nothing at all, that a version he may use is not enabled, that the service cannot act.
Result<Admitted> admit_blob(Passage& passage, ByteView bytes, const std::optional<KeyName>& named) {
  TRY(passage.decide_on_any_key());
  Result<crypto::Blob> blob = crypto::decode_blob(bytes);
  if (!blob) return passage.because(audit::Reason::Malformed, cannot_open());
  const Result<KeyView> key = passage.shared().catalog->find(blob->header.key);
  if (!key) return passage.because(audit::Reason::UnknownKey, cannot_open());
  const keys::Key& found = **key;
  const Result<void> allowed = passage.decide_on(found);
  if (!allowed) {
    if (allowed.error().code() == Code::PermissionDenied) return cannot_open();
    return allowed.error();
  }
  passage.about(found, blob->header.version);
  if (named && *named != found.name) {
    return passage.because(audit::Reason::KeyMismatch, cannot_open());
  }
  const auto version = passage.consuming(found, keys::Purpose::Wrap, blob->header.version);
  if (version) return Admitted{std::move(blob).value(), *key, *version};
  const Code code = version.error().code();
  const bool may_be_known = code == Code::FailedPrecondition || code == Code::Unavailable;
  return may_be_known ? version.error() : cannot_open();
}

// For a key that counts its messages: sees to it that the next numbers are set aside, before the
// token is at work. What fails here is the catalog's, and says nothing of the key.
Result<void> set_numbers_aside(Passage& passage, const keys::Key& key, Version version) {
  if (key.algorithm->sealing != keys::Sealing::Counted) return {};
  MessageCounts& counts = *passage.shared().counts;
  if (counts.is_ready(key.id, version)) return {};
  const auto field = TRY(
      passage.at_bench([](crypto::Workbench& bench) { return crypto::draw_fixed_field(bench); }));
  Result<void> done = counts.set_aside(key.id, version, field, passage.deadline());
  if (done || done.error().code() != Code::FailedPrecondition) return done;
  return passage.because(audit::Reason::LimitReached, done.error());
}

Result<Wrapped> wrap_now(Passage& passage, const Wrap& request) {
  const KeyView key = TRY(passage.admit(request.key));
  const keys::KeyVersion* const version = TRY(passage.producing(*key, keys::Purpose::Wrap));
  TRY(set_numbers_aside(passage, *key, version->number));
  Bytes blob = TRY(passage.at_bench(*key, *version, [&](crypto::Workbench& bench) {
    return crypto::wrap(bench, *key, *version, request.plaintext, request.context);
  }));
  passage.gives(blob.size());
  return Wrapped{key->name, version->number, std::move(blob)};
}

Result<Unwrapped> unwrap_now(Passage& passage, const Unwrap& request) {
  const Admitted admitted = TRY(admit_blob(passage, request.blob, request.key));
  crypto::Opened opened =
      TRY(passage.at_bench(*admitted.key, *admitted.version, [&](crypto::Workbench& bench) {
        return crypto::unwrap(bench, *admitted.key, *admitted.version, admitted.blob,
                              request.context);
      }));
  if (std::holds_alternative<crypto::OpenFailure>(opened)) {
    return passage.because(audit::Reason::TagOrContext, cannot_open());
  }
  Secret plaintext = std::get<Secret>(std::move(opened));
  passage.gives(plaintext.size());
  return Unwrapped{admitted.key->name, admitted.version->number, std::move(plaintext)};
}

Result<Wrapped> rewrap_now(Passage& passage, const Rewrap& request) {
  const Admitted admitted = TRY(admit_blob(passage, request.blob, request.key));
  const keys::KeyVersion* const to = TRY(passage.producing(*admitted.key, keys::Purpose::Wrap));
  const Context& fresh = request.new_context ? *request.new_context : request.context;
  const crypto::RewrapRequest work{.from = *admitted.version,
                                   .to = *to,
                                   .blob = admitted.blob,
                                   .context = request.context,
                                   .new_context = fresh};
  TRY(set_numbers_aside(passage, *admitted.key, to->number));
  TRY(passage.at_bench(*admitted.key, *to, [](crypto::Workbench&) { return Result<void>(); }));
  crypto::Rewrapped rewrapped =
      TRY(passage.at_bench(*admitted.key, *admitted.version, [&](crypto::Workbench& bench) {
        return crypto::rewrap(bench, *admitted.key, work);
      }));
  if (std::holds_alternative<crypto::OpenFailure>(rewrapped)) {
    return passage.because(audit::Reason::TagOrContext, cannot_open());
  }
  Bytes blob = std::get<Bytes>(std::move(rewrapped));
  passage.gives(blob.size());
  return Wrapped{admitted.key->name, to->number, std::move(blob)};
}

Result<DataKey> data_key_now(Passage& passage, const MakeDataKey& request) {
  const KeyView key = TRY(passage.admit(request.key));
  const keys::KeyVersion* const version = TRY(passage.producing(*key, keys::Purpose::Wrap));
  TRY(set_numbers_aside(passage, *key, version->number));
  crypto::DataKey made = TRY(passage.at_bench(*key, *version, [&](crypto::Workbench& bench) {
    return crypto::make_data_key(bench, *key, *version, request.size, request.context);
  }));
  passage.gives(made.blob.size());
  DataKey answer{key->name, version->number, std::nullopt, std::move(made.blob)};
  if (request.with_plaintext) answer.plaintext.emplace(std::move(made.plaintext));
  return answer;
}

}  // namespace

Sealed<Wrapped> KeyService::wrap(const Call& call, const Wrap& request) {
  Passage passage(*seat_, call, policy::Operation::Wrap);
  passage.bind(request.context);
  passage.takes(request.plaintext.size());
  return passage.conclude(wrap_now(passage, request));
}

Sealed<Unwrapped> KeyService::unwrap(const Call& call, const Unwrap& request) {
  Passage passage(*seat_, call, policy::Operation::Unwrap);
  passage.bind(request.context);
  passage.takes(request.blob.size());
  return passage.conclude(unwrap_now(passage, request));
}

Sealed<Wrapped> KeyService::rewrap(const Call& call, const Rewrap& request) {
  Passage passage(*seat_, call, policy::Operation::Rewrap);
  passage.bind(request.context);
  passage.takes(request.blob.size());
  return passage.conclude(rewrap_now(passage, request));
}

Sealed<DataKey> KeyService::data_key(const Call& call, const MakeDataKey& request) {
  Passage passage(*seat_, call, policy::Operation::DataKey);
  passage.bind(request.context);
  passage.takes(request.size);
  return passage.conclude(data_key_now(passage, request));
}

}  // namespace kw::core
