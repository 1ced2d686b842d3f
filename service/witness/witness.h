// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "service/witness/add_checkpoint.h"
#include "service/witness/cosigning_key.h"
#include "service/witness/state.h"

namespace kw::witness {

struct WitnessOptions {
  std::filesystem::path folder;         // its key and what it knows
  std::string name;                     // needed where the folder is new
  std::vector<std::string> logs;        // verifier keys of logs; a key's name is the origin
  std::function<std::uint64_t()> time;  // seconds since 1970; the system's clock where empty
};

// Verdict is the answer to a request, as C2SP tlog-witness words it.
struct Verdict {
  int status = 200;
  std::string content_type;
  std::string body;
};

// Witness remembers the longest tree of each log that it was shown and cosigns only what continues
// it: no fork, no rollback. Independent of the service whose log it looks after; it needs no token.
// Safe for concurrent use; one request is judged at a time.
class Witness {
 public:
  // Errors: those of CosigningKey and State; InvalidArgument (a log's key is none, or there is no
  // log), Internal (what is kept of a log is not signed).
  static Result<std::unique_ptr<Witness>> open(const WitnessOptions& options);

  // POST add-checkpoint. Durable before it answers.
  Verdict add_checkpoint(std::string_view body);

  // GET HASH/checkpoint: the newest cosigned checkpoint of the log whose origin has this SHA-256.
  Verdict newest_checkpoint(const std::string& hash) const;

  std::string verifier_key() const { return key_.verifier_key(); }
  const std::string& name() const noexcept { return key_.name(); }

 private:
  Witness(CosigningKey key, audit_verify::CosignerKey own, State state,
          std::function<std::uint64_t()> time);
  Result<void> add_log(const std::string& text);
  Verdict judge(const KnownLog& log, const AddCheckpoint& request) KW_REQUIRES(mutex_);
  Verdict cosign(const KnownLog& log, const AddCheckpoint& request) KW_REQUIRES(mutex_);

  const CosigningKey key_;
  const audit_verify::CosignerKey own_;
  const std::function<std::uint64_t()> time_;
  std::map<std::string, KnownLog, std::less<>> logs_;  // by origin; constant once open

  mutable Mutex mutex_;
  State state_ KW_GUARDED_BY(mutex_);
};

}  // namespace kw::witness
