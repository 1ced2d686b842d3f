// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/clock.h"
#include "base/meter.h"
#include "base/mutex.h"
#include "base/names.h"
#include "pkcs11/pace.h"
#include "policy/policy.h"
#include "service/audit/log.h"
#include "service/audit_sinks/sinks.h"
#include "service/audit_verify/record_reader.h"
#include "service/core/message_counts.h"
#include "service/core/seat.h"
#include "service/core/token_keeper.h"
#include "service/core/turn.h"
#include "service/store/catalog.h"

// What stands behind the door. Only this room's .cc files include it: every header it names is
// hidden from the rooms above.
namespace kw::core {

struct Shared;
class Checkpointer;
class Cosigners;
class Healer;

// The key that only the service uses, for the catalog's MAC and the context MACs of the audit log:
// one that derives, where the token does that, else one that MACs.
enum class ServiceKeyKind { Deriving, Macing };
const keys::Key& service_key(ServiceKeyKind kind);
constexpr Version kServiceKeyVersion{1};
// The catalog's setting with its check value.
constexpr std::string_view kServiceCheck = "service-key-check";

// ChangeLog tells every seat which keys changed their state, so that it drops what it derived from
// them. Safe for concurrent use.
class ChangeLog {
 public:
  void add(const KeyId& key);
  // The keys changed since `seen`, which is brought up to date; nothing if they are too many.
  std::optional<std::vector<KeyId>> since(std::uint64_t& seen) const;

 private:
  static constexpr std::size_t kKept = 1024;

  std::atomic<std::uint64_t> count_ = 0;
  mutable Mutex mutex_;
  std::deque<KeyId> last_ KW_GUARDED_BY(mutex_);
};

// Quarantine holds the versions that must not be used: those whose objects are not what they were,
// until a restart, and those that the token refused to work with, until they stand a comparison
// again. Safe for concurrent use; empty in all good days, which costs one load to see.
class Quarantine {
 public:
  using VersionId = std::pair<KeyId, Version>;

  // True if the version was not there before, for this reason.
  bool add(const KeyId& key, Version version);
  bool suspend(const KeyId& key, Version version);
  bool holds(const KeyId& key, Version version) const;
  std::size_t size() const noexcept { return count_.load(); }

  // The suspended versions that are due for a comparison: a second after the first refusal, twice
  // as long after each further one, at most a minute.
  std::vector<VersionId> due(Clock::time_point now) const;
  void lift(const KeyId& key, Version version);
  void postpone(const KeyId& key, Version version);

 private:
  struct Suspension {
    Clock::time_point due;
    unsigned times = 0;
    bool lifted = false;

    void wait_longer();
  };
  void count() KW_REQUIRES(mutex_);

  std::atomic<std::size_t> count_ = 0;
  mutable Mutex mutex_;
  std::set<VersionId> versions_ KW_GUARDED_BY(mutex_);
  std::map<VersionId, Suspension> suspended_ KW_GUARDED_BY(mutex_);
};

// Leftover is a version whose making failed and could not be undone because the token was away.
struct Leftover {
  KeyId key;
  KeyName name;
  Version version;
};

// Leftovers stand in the way of the next version of their key, or of another key of their name,
// until they are discarded. Safe for concurrent use.
class Leftovers {
 public:
  void add(Leftover leftover);
  // All of them, or those of one name.
  std::vector<Leftover> take(const KeyName* name);

  // Whoever has taken some holds it: what he destroys bears the CKA_ID of the version that is next.
  Turns discarding;

 private:
  Mutex mutex_;
  std::vector<Leftover> leftovers_ KW_GUARDED_BY(mutex_);
};

// LastUse remembers when a key was last used since the service started. Safe for concurrent use.
class LastUse {
 public:
  void note(const KeyId& key, WallTime when);
  std::optional<WallTime> find(const KeyId& key) const;

 private:
  mutable Mutex mutex_;
  std::unordered_map<KeyId, WallTime> times_ KW_GUARDED_BY(mutex_);
};

// DoorMeter is what the door counts. Safe for concurrent use.
struct DoorMeter {
  std::array<Counter, policy::kOperationCount> allowed;  // decisions, by operation
  std::array<Counter, policy::kOperationCount> denied;
  Counter unauthenticated;
};

struct Shared {
  // Constant after opening; declared in the order in which they must outlive each other.
  TokenKeeper keeper;
  pkcs11::Pace pace;
  std::filesystem::path policy_file;
  ServiceKeyKind service_key_kind = ServiceKeyKind::Deriving;
  bool allows_suite_3 = false;
  crypto::WorkingKeyMeter working_keys;  // the seats' keyrings count with it
  std::optional<Seat> catalog_seat;      // the catalog calls its MAC function one at a time
  std::unique_ptr<store::Catalog> catalog;
  std::unique_ptr<MessageCounts> counts;  // in the catalog, for the seats' benches
  std::unique_ptr<audit::Log> log;
  std::unique_ptr<audit_verify::RecordReader> record_reader;  // of the log's folder

  // Self-synchronised.
  std::atomic<std::shared_ptr<const policy::Policy>> policy;
  Mutex kek_making;  // held by whoever makes a KEK, never on the way of a request for a blob
  std::mutex policy_change;  // held by whoever replaces the policy, never on the way of a request
  ChangeLog changes;
  Quarantine quarantine;
  Leftovers leftovers;
  Turns creation;  // one key is made at a time: SoftHSM fails at random where two are
  std::atomic<std::shared_ptr<const std::filesystem::path>> token_directory;  // null: none to sync
  LastUse last_use;
  std::atomic<std::uint64_t> unauthenticated = 0;
  std::atomic<Clock::rep> token_answered = 0;  // Clock ticks of the last sign of life; 0: refused
  std::atomic<Clock::rep> token_alive = 0;     // the same, kept when the next one is refused
  std::atomic<WallTime> policy_changed = WallTime();  // when another policy became the active one
  DoorMeter meter;

  // Bring what is left once the log has stopped.
  std::unique_ptr<audit_sinks::Sinks> sinks;

  // End first, while all that it signs with still stands, and ends the log.
  std::unique_ptr<Checkpointer> checkpointer;
  std::unique_ptr<Cosigners> cosigners;  // null without witnesses; ends before what it shows

  // Ends before it, so that nothing changes under the last signature.
  std::unique_ptr<Healer> healer;

  Shared(pkcs11::Pace::Limits limits, PinLatch latch);
  ~Shared();

  const keys::Key& service_key() const { return core::service_key(service_key_kind); }
};

// A random number says that the token works; the service key, looked for anew, that its objects are
// there: a token that lost them finds nothing, and says that nothing is wrong. Errors: Unavailable,
// Internal (the service key is not what it was).
Result<void> ask_for_sign_of_life(const Shared& shared, crypto::Workbench& bench);

// The token gave a sign of life just now.
void note_sign_of_life(Shared& shared);

// It gave none, for that reason: the healer looks into it.
void note_no_sign_of_life(Shared& shared, const Error& error);

// Parses a policy's text and runs its own tests. Errors: InvalidArgument, FailedPrecondition.
Result<std::shared_ptr<const policy::Policy>> judge_policy(std::string_view text);

// The same for a file. Errors also: NotFound, Unavailable.
Result<std::shared_ptr<const policy::Policy>> read_policy_file(const std::filesystem::path& file);

// Every request that is not decided yet is decided by this policy from now on. On record.
void activate_policy(Shared& shared, std::shared_ptr<const policy::Policy> fresh);

// Appends the record of an event of the service's own. A log that cannot take it says so itself.
void record_event(Shared& shared, const audit::Record& record);

// Says where the soft token's folder is, if there is one.
void note_directory(Shared& shared, const std::optional<std::filesystem::path>& directory);

// Makes a soft token's folder durable, where there is one. Errors: Unavailable.
Result<void> sync_token(const Shared& shared);

// Destroys a version's material in the token, durably, and forgets its row after that: material
// that came back behind a forgotten row would stand in the way of the next version of its number.
// Nothing is forgotten where the token gives no sign of life. Errors: Unavailable.
Result<void> discard_unfinished(Seat& seat, const KeyId& key, Version version);

// The same for every version that could not be discarded when its making failed, or those of one
// name. What cannot be discarded now is left for later. Where another thread is at it, waits until
// `deadline`. Errors: Unavailable (something is left).
Result<void> discard_leftovers(Seat& seat, const KeyName* name = nullptr, Deadline deadline = {});

// The same for every version whose creation was not finished. For the start, when the catalog says
// what is on disk. Errors: Unavailable.
Result<void> sweep_unfinished(Seat& seat);

// Compares a version with the token, once in an epoch. One that differs goes into quarantine, on
// record. Errors: Unavailable (the token is away or shows no such key; it is in quarantine now).
Result<void> verify_once(Seat& seat, Lease& bench, const keys::Key& key,
                         const keys::KeyVersion& version);

// Compares all versions of a key with the token afresh.
void compare_with_token(Seat& seat, const keys::Key& key);

// The token refused to work with a version: nothing is done with it until it stands a comparison.
void suspend(Shared& shared, const keys::Key& key, Version version, const Error& error);

// Compares the suspended versions that are due, and lifts those that are what they were.
void compare_suspended(Seat& seat);

}  // namespace kw::core
