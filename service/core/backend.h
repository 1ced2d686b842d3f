// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "service/audit_sinks/sink_options.h"
#include "service/core/count_options.h"
#include "service/core/healer_options.h"
#include "service/core/sealed.h"
#include "service/core/token_access.h"
#include "service/core/work.h"
#include "service/token_profile/token_profile.h"

namespace kw::policy {
class Policy;
}
namespace kw::telemetry {
class Page;
}

namespace kw::core {

struct Shared;

// StagedPolicy is a policy that is fit to be activated.
class StagedPolicy {
 private:
  friend class Backend;
  explicit StagedPolicy(std::shared_ptr<const policy::Policy> policy)
      : policy_(std::move(policy)) {}
  std::shared_ptr<const policy::Policy> policy_;
};

// WitnessOptions name a witness that cosigns the log's checkpoints (C2SP tlog-witness).
struct WitnessOptions {
  std::string url;                          // http:// or https://
  std::string key;                          // its verifier key, type 04
  std::optional<std::filesystem::path> ca;  // the system's CAs without it
};

struct BackendOptions {
  std::filesystem::path module;  // the PKCS#11 library
  std::string token_uri;         // RFC 7512
  Secret pin;
  std::string module_parameters = {};  // for C_Initialize; mostly empty
  // What keyward doctor found out about this token; without one every algorithm is tried.
  std::optional<token_profile::TokenProfile> profile = {};
  // A soft token's folder, if given: guarded at login, synced after key creation.
  std::optional<std::filesystem::path> token_directory;
  bool allow_suite_3 = false;  // keys that work in locked host memory (docs/envelope-format.md)
  std::filesystem::path catalog;
  std::filesystem::path audit_directory;
  std::chrono::milliseconds checkpoint_every{1000};
  std::chrono::milliseconds durable_within{8000};  // an answer whose record takes longer is refused
  std::vector<audit_sinks::SinkOptions> sinks = {};  // where the log's records go beside its folder
  std::vector<WitnessOptions> witnesses = {};
  std::size_t witness_quorum = 0;  // so many must cosign; 0: all of them
  std::filesystem::path policy;
  HealerOptions healer = {};
  CountOptions counts = {};
  Concurrency concurrency = default_concurrency();
};

// Backend is what all executors share: the token's login, the catalog, the active policy, the audit
// log. It shows none of them: only KeyService (the door) reaches them. Safe for concurrent use.
class Backend {
 public:
  // Opens everything, in the order token, catalog, sweep of unfinished keys, comparison of every
  // key in the token and every KEK, policy, log, the log's first checkpoint. Fails closed: an error
  // means that nothing is served.
  static Result<std::unique_ptr<Backend>> open(BackendOptions options);
  ~Backend();
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  // Reads the policy file again, in two steps so that a reload can be all or nothing: a text that
  // parses and passes its own tests is staged; activating cannot fail.
  Result<StagedPolicy> stage_policy() const;
  void activate(StagedPolicy staged);

  // Logs in to the token anew, as `access` says, in place of how it was: another PIN, another
  // module, another token with this service's keys. Requests wait meanwhile. After an error all is
  // as it was before. Errors: Unavailable, FailedPrecondition (a refused PIN stands latched),
  // Internal (another service's key is there), DeadlineExceeded (not begun).
  Result<void> renew_token(TokenAccess access, Deadline deadline);

  // Undoes the last renewal that changed something: for a reload that fails after it.
  Result<void> revert_token(Deadline deadline);

  // Puts on record that the server took new TLS files; `digest` is its certificate's SHA-256.
  void note_certificates(const Sha256Digest& digest);

  // Puts on record that the token's calls do not come back any more.
  void note_token_lost();

  // Stops the log, which makes it durable, and has its last checkpoint signed until the deadline.
  // Yields whether what signs has ended: if not, a token call of it hangs, and this object must not
  // be destroyed. Nothing may be asked of it any more.
  bool close(Deadline deadline);

  // Why the service cannot do its work now, a short sentence each; empty when it can.
  std::vector<std::string> troubles() const;

  // Whether the audit log lost a write to its disk: nothing is served until a new process has
  // recovered it.
  bool needs_restart() const;

  // Writes what stands behind the door: decisions, token, audit log, policy. Asks the token
  // nothing.
  void describe(telemetry::Page& page) const;

  // Adds requests without a proven caller to a count that is recorded once in a while: a flood
  // cannot buy one record each.
  void count_unauthenticated();

  // So many operations wait for an executor now: the audit log's next commit may wait for some.
  void foresee(std::size_t operations) noexcept;

  // Hands the answer to `deliver` once its record is durable, or an Unavailable error if it cannot
  // be made so. `deliver` runs on the committer's thread or at once, and must not block.
  template <typename T>
  void release(Sealed<T> sealed, Task<void(Result<T>, std::optional<Receipt>)> deliver) {
    if (!sealed.recorded_) return deliver(std::move(sealed.answer_), std::nullopt);
    const Receipt receipt = sealed.receipt_;
    when_durable(receipt, [answer = std::move(sealed.answer_), receipt,
                           deliver = std::move(deliver)](Result<void> durable) mutable {
      if (!durable) return deliver(std::move(durable).error(), std::nullopt);
      deliver(std::move(answer), receipt);
    });
  }

 private:
  friend class KeyService;

  explicit Backend(std::unique_ptr<Shared> shared);
  bool token_answers() const;
  std::optional<std::string_view> token_trouble() const;
  void when_durable(const Receipt& receipt, Task<void(Result<void>)> then);

  std::unique_ptr<Shared> shared_;
};

}  // namespace kw::core
