// SPDX-License-Identifier: Apache-2.0
#include "service/core/key_service.h"
#include "service/core/making.h"
#include "service/core/passage.h"
#include "service/crypto/kek.h"

namespace kw::core {
namespace {

constexpr std::string_view kReservedPrefix = "keyward/";
constexpr std::size_t kListStep = 256;

Result<void> check_can_be_made(const CreateKey& request, const keys::Algorithm* algorithm) {
  if (algorithm == nullptr) {
    return refusal(Code::InvalidArgument, "algorithm: not in the list of docs/api.md");
  }
  if (request.name.text().starts_with(kReservedPrefix)) {
    return refusal(Code::InvalidArgument, "names under keyward/ are the service's own");
  }
  if (request.residency == keys::Residency::Wrapped && !crypto::kek_kind_of(*algorithm)) {
    return refusal(Code::Unimplemented,
                   "residency: keys of this algorithm cannot be wrapped by a token; use token");
  }
  return {};
}

Result<KeyView> create_now(Passage& passage, const CreateKey& request) {
  passage.about(request.name);
  policy::Question question;
  question.key = request.name.text();
  question.algorithm = request.algorithm;
  question.tags = &request.tags;
  TRY(passage.decide(question));
  const keys::Algorithm* const algorithm = keys::find_algorithm(request.algorithm);
  TRY(check_can_be_made(request, algorithm));
  TRY(passage.check_configured(*algorithm));
  TRY(check_offered(passage.shared(), *algorithm));
  const keys::KeyVersion version = fresh_version(1);
  const keys::Key key{.id = KeyId::random(),
                      .name = request.name,
                      .algorithm = algorithm,
                      .residency = request.residency,
                      .tags = request.tags,
                      .created = version.created,
                      .rotate_every = std::nullopt,
                      .versions = {version}};
  passage.about(key, version.number);
  if (passage.shared().catalog->find(request.name)) {
    return refusal(Code::AlreadyExists, "a key of this name exists");
  }
  TRY(passage.intend());
  return make_new_key(passage.seat(), key, passage.deadline());
}

Result<KeyView> rotate_now(Passage& passage, const KeyName& name) {
  const KeyView key = TRY(passage.admit(name));
  TRY(passage.check_configured(*key->algorithm));
  TRY(check_offered(passage.shared(), *key->algorithm));
  const keys::KeyVersion version = next_version(*key);
  passage.about(*key, version.number);
  TRY(passage.intend());
  return make_new_version(passage.seat(), *key, version, passage.deadline());
}

// Sets one version, or all that stand in state `from`, to state `to`.
Result<KeyView> change_state(Passage& passage, const KeyTarget& target, keys::State from,
                             keys::State to) {
  const KeyView key = TRY(passage.admit(target.name));
  if (target.version && key->find(*target.version) == nullptr) {
    return refusal(Code::NotFound, "the key has no such version");
  }
  if (target.version) passage.about(*key, *target.version);
  TRY(passage.intend());
  store::Catalog& catalog = *passage.shared().catalog;
  for (const keys::KeyVersion& version : key->versions) {
    const bool meant = target.version ? version.number == *target.version : version.state == from;
    if (meant) TRY(catalog.set_state(key->id, version.number, to));
  }
  passage.shared().changes.add(key->id);
  return catalog.find(key->id);
}

// Keys that the caller may not see cost a decision each, never a place in the page.
Result<KeyPage> list_now(Passage& passage, const ListKeys& request) {
  TRY(passage.decide_on_any_key());
  KeyPage page;
  std::string after = request.after;
  for (;;) {
    const auto step = passage.shared().catalog->list(request.prefix, after, kListStep);
    for (const KeyView& key : step) {
      if (!passage.may_see(*key)) continue;
      if (page.keys.size() == request.limit) {
        page.next = page.keys.back()->name.text();
        return page;
      }
      page.keys.push_back(key);
    }
    if (step.size() < kListStep) return page;
    after = step.back()->name.text();
  }
}

Result<KeyReport> show_now(Passage& passage, const KeyName& name) {
  KeyView key = TRY(passage.admit(name));
  const std::optional<WallTime> used = passage.shared().last_use.find(key->id);
  return KeyReport{std::move(key), used};
}

Result<PublicKey> public_now(Passage& passage, const KeyTarget& target) {
  const KeyView key = TRY(passage.admit(target.name));
  if (key->algorithm->purpose != keys::Purpose::Sign) {
    return refusal(Code::InvalidArgument, "a secret key has no public half");
  }
  const keys::KeyVersion* const version =
      target.version ? key->find(*target.version) : key->primary();
  if (version == nullptr) {
    return target.version ? refusal(Code::NotFound, "the key has no such version")
                          : refusal(Code::FailedPrecondition, "the key has no enabled version");
  }
  passage.about(*key, version->number);
  return PublicKey{key, version->number, version->public_key};
}

}  // namespace

Sealed<KeyView> KeyService::create_key(const Call& call, const CreateKey& request) {
  Passage passage(*seat_, call, policy::Operation::Create);
  return passage.conclude(create_now(passage, request));
}

Sealed<KeyPage> KeyService::list_keys(const Call& call, const ListKeys& request) {
  Passage passage(*seat_, call, policy::Operation::Read);
  return passage.conclude(list_now(passage, request));
}

Sealed<KeyReport> KeyService::show_key(const Call& call, const KeyName& name) {
  Passage passage(*seat_, call, policy::Operation::Read);
  return passage.conclude(show_now(passage, name));
}

Sealed<PublicKey> KeyService::public_key(const Call& call, const KeyTarget& target) {
  Passage passage(*seat_, call, policy::Operation::Read);
  return passage.conclude(public_now(passage, target));
}

Sealed<KeyView> KeyService::rotate_key(const Call& call, const KeyName& name) {
  Passage passage(*seat_, call, policy::Operation::Rotate);
  return passage.conclude(rotate_now(passage, name));
}

Sealed<KeyView> KeyService::disable_key(const Call& call, const KeyTarget& target) {
  Passage passage(*seat_, call, policy::Operation::Disable);
  return passage.conclude(
      change_state(passage, target, keys::State::Enabled, keys::State::Disabled));
}

Sealed<KeyView> KeyService::enable_key(const Call& call, const KeyTarget& target) {
  Passage passage(*seat_, call, policy::Operation::Enable);
  return passage.conclude(
      change_state(passage, target, keys::State::Disabled, keys::State::Enabled));
}

}  // namespace kw::core
