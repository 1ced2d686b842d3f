// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/mutex.h"
#include "base/names.h"
#include "base/result.h"
#include "service/keys/key.h"

namespace kw::store {

// MacFunction is HMAC-SHA256 under the catalog's key; it runs in the token and yields 32 bytes.
using MacFunction = std::function<Result<Bytes>(ByteView)>;

// Unfinished is a version that was begun and neither published nor discarded.
struct Unfinished {
  KeyId id;
  KeyName name;
  const keys::Algorithm* algorithm;
  Version version;
};

class Ledger;
struct Row;

// Catalog decides which keys exist: an index in memory over an SQLite file whose rows are
// authenticated (docs/catalog-format.md). Reads touch memory alone. Each mutation is one durable
// transaction, one after the other; memory follows the commit. All methods are thread-safe.
//
// Errors of every mutation, besides its own: Unavailable (disk, token, a foreign lock: nothing
// changed in memory, and on disk it may or may not have), Internal (the file changed under us).
class Catalog {
 public:
  // Opens or makes the file (mode 0600), locks it against other processes and verifies every row.
  // `mac` is called by open and by mutations, one call at a time. Errors: FailedPrecondition (in
  // use, readable by others), Internal (a row was edited, added, removed or rolled back; the detail
  // says which row where that can be known), Unavailable. WARNING: an older copy of the whole file,
  // or no file, is not noticed here: compare epoch() with the audit log.
  static Result<std::unique_ptr<Catalog>> open(const std::filesystem::path& path, MacFunction mac);

  Catalog(const Catalog&) = delete;
  Catalog& operator=(const Catalog&) = delete;
  ~Catalog();

  // A key with its published versions, as of now. Errors: NotFound.
  Result<std::shared_ptr<const keys::Key>> find(const KeyName& name) const;
  Result<std::shared_ptr<const keys::Key>> find(const KeyId& id) const;

  // Published keys whose name starts with `prefix` and sorts after `after` (both may be empty), in
  // the order of the names, at most `limit`.
  std::vector<std::shared_ptr<const keys::Key>> list(std::string_view prefix,
                                                     std::string_view after,
                                                     std::size_t limit) const;

  // The same for keys that are objects of the token, without those that are wrapped; and how many
  // there are, with those that are being created.
  std::vector<std::shared_ptr<const keys::Key>> list_in_token(std::string_view after,
                                                              std::size_t limit) const;
  std::size_t size_in_token() const;

  // Writes a key with its one version, 1, in state Creating. Errors: AlreadyExists (name or id,
  // also while the other is being created), InvalidArgument (advised; tags too many or too large).
  Result<void> begin_key(const keys::Key& key);

  // Writes the next version of a published key, in state Creating. Errors: NotFound, Aborted (not
  // the next number, or another version is being created).
  Result<void> begin_version(const KeyId& id, const keys::KeyVersion& version);

  // Makes a version that is being created Enabled, with its material. Where it fails and the
  // catalog is in doubt, it may be published once the file is opened again: keep the material and
  // let the sweep at start decide. Errors: NotFound, FailedPrecondition (not being created).
  Result<void> publish(const KeyId& id, const keys::KeyVersion& version);

  // Whether the file may hold more than the catalog shows: a transaction's end failed since it was
  // opened. A token that gives no MAC, or a disk that takes no row, fails before that.
  bool is_in_doubt() const;

  // Removes a version that is being created, and its key if that was all of it. Its material must
  // be gone from the token first. Errors: NotFound, FailedPrecondition (not being created).
  Result<void> discard(const KeyId& id, Version number);

  // Changes a published version's state; to the state it has: nothing happens. Errors: NotFound,
  // FailedPrecondition (advised; not a legal transition).
  Result<void> set_state(const KeyId& id, Version number, keys::State state);

  // The versions in state Creating, for the sweep at start.
  std::vector<Unfinished> unfinished() const;

  // Small authenticated values of the service's own, at most 4 KiB each. Errors of put_setting:
  // InvalidArgument; of setting: NotFound.
  Result<void> put_setting(std::string_view name, ByteView value);
  Result<Bytes> setting(std::string_view name) const;

  // How many keys there are, with those that are being created.
  std::size_t size() const;

  // Counts the committed transactions; never goes back within one history of the file.
  std::uint64_t epoch() const;

 private:
  // Entry is one key: whole, and as readers see it (null while its first version is being created).
  struct Entry {
    std::shared_ptr<const keys::Key> whole;
    std::shared_ptr<const keys::Key> published;
  };

  explicit Catalog(std::unique_ptr<Ledger> ledger);

  struct Loading;
  static Result<void> take(Loading& loading, const Row& row);
  Result<void> show(Loading loading);
  Result<keys::Key> whole(const KeyId& id) const;
  Result<keys::Key> whole_with_unfinished(const KeyId& id, Version number) const;
  Result<void> write_version(keys::Key key, const keys::KeyVersion& version) KW_REQUIRES(writing_);
  void show(keys::Key key);
  void set_epoch(std::uint64_t epoch);

  // Held over a whole mutation, disk and token included: there is one writer.
  mutable Mutex writing_;
  std::unique_ptr<Ledger> ledger_ KW_GUARDED_BY(writing_);

  // Held for look-ups only; taken after writing_.
  mutable Mutex reading_;
  std::map<std::string, Entry, std::less<>> by_name_ KW_GUARDED_BY(reading_);
  std::unordered_map<KeyId, Entry*> by_id_ KW_GUARDED_BY(reading_);
  std::map<std::string_view, const Entry*> in_token_ KW_GUARDED_BY(reading_);  // into by_name_
  std::map<std::string, Bytes, std::less<>> settings_ KW_GUARDED_BY(reading_);
  std::uint64_t epoch_ KW_GUARDED_BY(reading_) = 0;
};

}  // namespace kw::store
