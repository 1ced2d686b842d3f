// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "service/audit/checkpoint.h"
#include "service/core/shared.h"

namespace kw::core {

// CheckpointKey is the key that signs the audit log's checkpoints and nothing else: no name leads
// to it, so no request can. Ed25519, or P-256 where the token has no Ed25519.
struct CheckpointKey {
  keys::Key key;
  keys::KeyVersion version;
  audit::NoteKey note_key;
  bool is_new = false;                         // the catalog does not vouch for it yet
  std::optional<audit::TreeHead> newest_head;  // that it signed; none only while it is new
};

// Finds the key that the catalog vouches for, compares it with the token, and reads the newest
// checkpoint in `folder`. A catalog that vouches for none is an older copy where a checkpoint lies:
// the key that signed it is adopted, and nothing else will do. Without a checkpoint a key is made,
// unless a whole one is there, and its verifier key's file.
// Errors: FailedPrecondition (the token has no such key; the checkpoint or the verifier key is
// missing or another's), Internal (the key is not what it was, or the checkpoint's signature is not
// its own), Unavailable.
Result<CheckpointKey> open_checkpoint_key(Seat& seat, const std::filesystem::path& folder);

// Checkpointer signs the head of the audit log's tree: within `every` of a change, after 10,000
// records, at a new segment, at its end. A thread with a token session of its own; a hung token
// holds it and nothing else. What cannot be signed is tried again and said in the diagnostics.
class Checkpointer {
 public:
  // The file names in the log's folder.
  static constexpr std::string_view kCheckpointFile = "checkpoint";
  static constexpr std::string_view kVerifierKeyFile = "checkpoint.vkey";
  static constexpr std::string_view kCosignedFile = "checkpoint.cosigned";
  static constexpr std::string_view kConflictFile = "checkpoint.conflicting";

  // Signs the first checkpoint, puts a new key under the catalog's protection, starts the thread.
  // Errors: Unavailable, Internal.
  static Result<std::unique_ptr<Checkpointer>> start(Shared& shared, CheckpointKey key,
                                                     const std::filesystem::path& folder,
                                                     std::chrono::milliseconds every);
  // close(), however long that takes.
  ~Checkpointer();
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;

  // Stops the log, then has the last one signed. Yields whether the thread ended until the
  // deadline: if not, its token call hangs, and this object must not be destroyed.
  bool close(Deadline deadline);

  // A checkpoint as it was signed, durable in its file.
  struct Signed {
    audit::TreeHead head;
    std::string note;
    Clock::time_point signed_at;
  };
  Signed newest() const;

  const audit::NoteKey& note_key() const noexcept { return key_.note_key; }

  // Time since all records that were durable then were under a checkpoint.
  Clock::duration age() const;

  // Compares the key with the token, on a seat of the caller's. One that differs goes into
  // quarantine, on record, and signs no more; one that is gone is said.
  void compare_key(Seat& seat);

  // Why nothing is signed, or not in time; nothing when all is well.
  std::optional<std::string> trouble() const;
  // The key is there, and what it was made as, as far as the last comparison told.
  bool key_is_good() const;

 private:
  Checkpointer(Shared& shared, CheckpointKey key, std::filesystem::path folder,
               std::chrono::milliseconds every);
  // Whether records wait for a signature for longer than they should.
  bool is_late() const;
  bool in_quarantine() const;
  void run();
  Result<Bytes> sign_text(std::string_view text);
  void sign_while_it_grows();
  void wait_for_stop();
  Result<void> sign();
  void sign_or_say();

  Seat seat_;
  const CheckpointKey key_;
  const std::filesystem::path folder_;
  const std::chrono::milliseconds every_;
  std::atomic<bool> key_is_missing_ = false;
  bool failing_ = false;  // the thread's: each trouble is said once

  mutable Mutex mutex_;
  Signed newest_ KW_GUARDED_BY(mutex_);
  Clock::time_point signed_at_ KW_GUARDED_BY(mutex_);
  bool stopped_ KW_GUARDED_BY(mutex_) = false;  // the log
  bool ended_ KW_GUARDED_BY(mutex_) = false;    // the thread
  ConditionVariable end_;

  std::thread thread_;
};

}  // namespace kw::core
