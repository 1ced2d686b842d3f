// SPDX-License-Identifier: Apache-2.0
#include "service/store/catalog.h"

#include <utility>

#include "service/store/key_row.h"
#include "service/store/ledger.h"

namespace kw::store {
namespace {

using keys::Key;
using keys::KeyVersion;
using keys::State;

constexpr std::size_t kMaxSettingName = 64;
constexpr std::size_t kMaxSetting = 4'096;

bool is_unfinished(const Key& key) {
  return !key.versions.empty() && key.versions.back().state == State::Creating;
}

std::shared_ptr<const Key> published_part(const std::shared_ptr<const Key>& whole) {
  if (!is_unfinished(*whole)) return whole;
  if (whole->versions.size() == 1) return nullptr;
  Key part = *whole;
  part.versions.pop_back();
  return std::make_shared<const Key>(std::move(part));
}

Error no_such_key(const KeyId& id) {
  return Error(Code::NotFound, "no key has the id " + id.text());
}

Error no_such_version(const KeyName& name, Version number) {
  return refusal(Code::NotFound,
                 name.text() + " has no version " + std::to_string(to_number(number)));
}

Error out_of_line(const KeyId& id) {
  return Error(Code::Internal,
               "catalog: the versions of key " + id.text() + " do not count from 1");
}

Result<void> check_new(const Key& key) {
  if (key.versions.size() == 1 && key.versions.front().number == Version{1} &&
      key.versions.front().state == State::Creating) {
    return {};
  }
  return Error(Code::InvalidArgument, "a new key has version 1, being created, and no other");
}

// The versions follow each other from 1 without a gap.
bool is_in_line(const Key& key) {
  for (std::size_t i = 0; i < key.versions.size(); ++i) {
    if (to_number(key.versions[i].number) != i + 1) return false;
  }
  return !key.versions.empty();
}

}  // namespace

// Loading is what was read of a file that is not verified to its end yet.
struct Catalog::Loading {
  std::map<KeyId, Key> keys;
  std::map<std::string, Bytes, std::less<>> settings;
};

Catalog::Catalog(std::unique_ptr<Ledger> ledger) : ledger_(std::move(ledger)) {}
Catalog::~Catalog() = default;

Result<std::unique_ptr<Catalog>> Catalog::open(const std::filesystem::path& path, MacFunction mac) {
  Loading loading;
  auto ledger = TRY(Ledger::open(path, std::move(mac),
                                 [&loading](const Row& row) { return take(loading, row); }));
  std::unique_ptr<Catalog> catalog(new Catalog(std::move(ledger)));
  TRY(catalog->show(std::move(loading)));
  return catalog;
}

Result<void> Catalog::take(Loading& loading, const Row& row) {
  if (row.table == Table::Settings) {
    loading.settings.emplace(std::get<std::string>(row.columns[0]),
                             std::get<Bytes>(row.columns[1]));
    return {};
  }
  if (row.table == Table::Keys) {
    Key key = TRY(decode_key_row(row));
    // Rows come in the order of the ids.
    loading.keys.emplace_hint(loading.keys.end(), key.id, std::move(key));
    return {};
  }
  VersionRow version = TRY(decode_version_row(row));
  const auto at = loading.keys.find(version.key);
  if (at == loading.keys.end()) return out_of_line(version.key);
  Key& key = at->second;
  const bool is_wrapped = key.residency == keys::Residency::Wrapped;
  if (version.algorithm != (is_wrapped ? key.algorithm : nullptr)) {
    return Error(Code::Internal,
                 "catalog: a version of key " + key.id.text() + " was made for another key");
  }
  if (key.versions.empty()) key.versions.reserve(1);
  key.versions.push_back(std::move(version.version));
  return {};
}

Result<void> Catalog::show(Loading loading) {
  while (!loading.keys.empty()) {
    auto first = loading.keys.extract(loading.keys.begin());
    if (!is_in_line(first.mapped())) return out_of_line(first.key());
    show(std::move(first.mapped()));
  }
  const MutexLock writing(writing_);
  const MutexLock reading(reading_);
  settings_ = std::move(loading.settings);
  epoch_ = ledger_->epoch();
  return {};
}

void Catalog::show(Key key) {
  Entry fresh;
  fresh.whole = std::make_shared<const Key>(std::move(key));
  fresh.published = published_part(fresh.whole);
  const MutexLock reading(reading_);
  const auto at = by_name_.try_emplace(fresh.whole->name.text()).first;
  Entry& entry = at->second;
  entry = std::move(fresh);
  by_id_[entry.whole->id] = &entry;
  if (entry.whole->residency == keys::Residency::Token) {
    in_token_.try_emplace(at->first, &entry);
  }
}

void Catalog::set_epoch(std::uint64_t epoch) {
  const MutexLock reading(reading_);
  epoch_ = epoch;
}

Result<std::shared_ptr<const Key>> Catalog::find(const KeyName& name) const {
  const MutexLock reading(reading_);
  const auto entry = by_name_.find(name.text());
  if (entry == by_name_.end() || !entry->second.published) {
    return refusal(Code::NotFound, "there is no key of this name");
  }
  return entry->second.published;
}

Result<std::shared_ptr<const Key>> Catalog::find(const KeyId& id) const {
  const MutexLock reading(reading_);
  const auto entry = by_id_.find(id);
  if (entry == by_id_.end() || !entry->second->published) return no_such_key(id);
  return entry->second->published;
}

std::vector<std::shared_ptr<const Key>> Catalog::list(std::string_view prefix,
                                                      std::string_view after,
                                                      std::size_t limit) const {
  std::vector<std::shared_ptr<const Key>> page;
  const MutexLock reading(reading_);
  auto at = after < prefix ? by_name_.lower_bound(prefix) : by_name_.upper_bound(after);
  for (; at != by_name_.end() && page.size() < limit; ++at) {
    if (!at->first.starts_with(prefix)) break;
    if (at->second.published) page.push_back(at->second.published);
  }
  return page;
}

std::vector<std::shared_ptr<const Key>> Catalog::list_in_token(std::string_view after,
                                                               std::size_t limit) const {
  std::vector<std::shared_ptr<const Key>> page;
  const MutexLock reading(reading_);
  for (auto at = in_token_.upper_bound(after); at != in_token_.end() && page.size() < limit; ++at) {
    if (at->second->published) page.push_back(at->second->published);
  }
  return page;
}

std::size_t Catalog::size_in_token() const {
  const MutexLock reading(reading_);
  return in_token_.size();
}

Result<Key> Catalog::whole(const KeyId& id) const {
  const MutexLock reading(reading_);
  const auto entry = by_id_.find(id);
  if (entry == by_id_.end()) return no_such_key(id);
  return *entry->second->whole;
}

Result<Key> Catalog::whole_with_unfinished(const KeyId& id, Version number) const {
  Key key = TRY(whole(id));
  const KeyVersion* version = key.find(number);
  if (version == nullptr) return no_such_version(key.name, number);
  if (version->state != State::Creating) {
    return Error(Code::FailedPrecondition,
                 keys::object_label(key.name, number) + " is not being created");
  }
  return key;
}

Result<void> Catalog::write_version(Key key, const KeyVersion& version) {
  const std::size_t place = to_number(version.number) - 1;
  KW_ASSERT(place <= key.versions.size());
  if (place == key.versions.size()) key.versions.emplace_back();
  key.versions[place] = version;
  TRY(ledger_->commit({{make_version_row(key, version)}, {}}));
  show(std::move(key));
  set_epoch(ledger_->epoch());
  return {};
}

Result<void> Catalog::begin_key(const Key& key) {
  TRY(check_new(key));
  Row row = TRY(make_key_row(key));
  const MutexLock writing(writing_);
  {
    const MutexLock reading(reading_);
    if (by_name_.contains(key.name.text()) || by_id_.contains(key.id)) {
      return refusal(Code::AlreadyExists, "there is already a key of this name");
    }
  }
  TRY(ledger_->commit({{std::move(row), make_version_row(key, key.versions.front())}, {}}));
  show(key);
  set_epoch(ledger_->epoch());
  return {};
}

Result<void> Catalog::begin_version(const KeyId& id, const KeyVersion& version) {
  const MutexLock writing(writing_);
  Key key = TRY(whole(id));
  if (is_unfinished(key)) {
    if (key.versions.size() == 1) return no_such_key(id);
    return Error(Code::Aborted, key.name.text() + ": another version is being created");
  }
  if (to_number(version.number) != key.versions.size() + 1 || version.state != State::Creating) {
    return Error(Code::Aborted, key.name.text() + ": not the next version");
  }
  return write_version(std::move(key), version);
}

Result<void> Catalog::publish(const KeyId& id, const KeyVersion& version) {
  const MutexLock writing(writing_);
  Key key = TRY(whole_with_unfinished(id, version.number));
  KeyVersion enabled = version;
  enabled.state = State::Enabled;
  enabled.created = key.find(version.number)->created;
  return write_version(std::move(key), enabled);
}

bool Catalog::is_in_doubt() const {
  const MutexLock writing(writing_);
  return ledger_->is_in_doubt();
}

Result<void> Catalog::discard(const KeyId& id, Version number) {
  const MutexLock writing(writing_);
  Key key = TRY(whole_with_unfinished(id, number));
  Change change;
  change.remove.push_back(make_version_row(key, key.versions.back()));
  key.versions.pop_back();
  if (!key.versions.empty()) {
    TRY(ledger_->commit(change));
    show(std::move(key));
  } else {
    change.remove.push_back(TRY(make_key_row(key)));
    TRY(ledger_->commit(change));
    const MutexLock reading(reading_);
    by_id_.erase(id);
    in_token_.erase(key.name.text());
    by_name_.erase(key.name.text());
  }
  set_epoch(ledger_->epoch());
  return {};
}

Result<void> Catalog::set_state(const KeyId& id, Version number, State state) {
  const MutexLock writing(writing_);
  Key key = TRY(whole(id));
  const KeyVersion* found = key.find(number);
  if (found == nullptr || found->state == State::Creating) return no_such_version(key.name, number);
  if (found->state == state) return {};
  if (!keys::allows(found->state, state)) {
    return refusal(Code::FailedPrecondition, keys::object_label(key.name, number) + " is " +
                                                 std::string(name_of(found->state)) +
                                                 " and cannot become " +
                                                 std::string(name_of(state)));
  }
  KeyVersion changed = *found;
  changed.state = state;
  return write_version(std::move(key), changed);
}

std::vector<Unfinished> Catalog::unfinished() const {
  std::vector<Unfinished> found;
  const MutexLock reading(reading_);
  for (const auto& [name, entry] : by_name_) {
    const Key& key = *entry.whole;
    if (is_unfinished(key)) {
      found.push_back({key.id, key.name, key.algorithm, key.versions.back().number});
    }
  }
  return found;
}

Result<void> Catalog::put_setting(std::string_view name, ByteView value) {
  if (name.empty() || name.size() > kMaxSettingName || !is_utf8(name) ||
      value.size() > kMaxSetting) {
    return Error(Code::InvalidArgument, "a setting has a name of 1 to 64 bytes and at most 4 KiB");
  }
  const MutexLock writing(writing_);
  TRY(ledger_->commit({{make_setting_row(name, value)}, {}}));
  set_epoch(ledger_->epoch());
  const MutexLock reading(reading_);
  settings_.insert_or_assign(std::string(name), to_bytes(value));
  return {};
}

Result<Bytes> Catalog::setting(std::string_view name) const {
  const MutexLock reading(reading_);
  const auto found = settings_.find(name);
  if (found == settings_.end()) {
    return Error(Code::NotFound, "there is no setting " + std::string(name));
  }
  return found->second;
}

std::size_t Catalog::size() const {
  const MutexLock reading(reading_);
  return by_name_.size();
}

std::uint64_t Catalog::epoch() const {
  const MutexLock reading(reading_);
  return epoch_;
}

}  // namespace kw::store
