// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/meter.h"
#include "base/mutex.h"
#include "base/names.h"
#include "pkcs11/token.h"
#include "service/core/pin_latch.h"
#include "service/core/token_access.h"
#include "service/token_profile/token_profile.h"

namespace kw::core {

class Desk;

// Epoch is one life of the module: from C_Initialize and C_Login to C_Finalize. Every bench keeps
// its own alive, so an epoch ends when nothing is left that could hold a handle of it
// (docs/adr/0006-epochs.md). Safe for concurrent use.
class Epoch {
 public:
  using Profile = std::optional<token_profile::TokenProfile>;

  Epoch(std::uint64_t number, std::unique_ptr<pkcs11::Token> token, Profile profile)
      : number_(number), token_(std::move(token)), profile_(std::move(profile)) {}
  Epoch(const Epoch&) = delete;
  Epoch& operator=(const Epoch&) = delete;

  std::uint64_t number() const noexcept { return number_; }
  const pkcs11::Token& token() const noexcept { return *token_; }
  const Profile& profile() const noexcept { return profile_; }

  // Whether a version was compared with the catalog since the epoch began: what was not may not be
  // used.
  bool has_verified(const KeyId& key, Version version) const;
  void note_verified(const KeyId& key, Version version);
  // After a handle or a session was lost: what is found again is compared again.
  void forget_verified();

 private:
  const std::uint64_t number_;
  const std::unique_ptr<pkcs11::Token> token_;
  const Profile profile_;
  mutable Mutex mutex_;
  std::set<std::pair<KeyId, Version>> verified_ KW_GUARDED_BY(mutex_);
};

// TokenState is the circuit breaker in front of the token.
enum class TokenState {
  Closed,    // in service
  Paused,    // an epoch is being replaced on purpose: who comes waits a moment
  Open,      // the token is away: who comes is refused at once
  HalfOpen,  // a new epoch is there, and the healer alone tries whether it works
  Latched,   // the PIN was refused: as open, until an operator acts
};

struct KeeperMeter {
  Counter outages;   // that the token was found to be away
  Counter epochs;    // that came into service
  Counter attempts;  // to bring one up, those that failed too
  Counter renewals;  // epochs that were replaced on purpose
  Counter refused;   // who came while the breaker was open
  Counter repeated;  // work that was done once more after its session, handle or login was lost
  Counter struck;    // failures that a known answer did not confirm
};

// TokenKeeper is the one owner of the logged-in token. It holds the epoch that is current, lets
// nobody in while there is none, empties the desks before one ends, and notes what is reported of
// the token; the Healer acts on that. Safe for concurrent use.
class TokenKeeper {
 public:
  // Visitor says who comes: the healer is let in while it tries an epoch.
  enum class Visitor { Worker, Healer };

  explicit TokenKeeper(PinLatch latch);
  ~TokenKeeper();
  TokenKeeper(const TokenKeeper&) = delete;
  TokenKeeper& operator=(const TokenKeeper&) = delete;

  // The epoch to work in; null while it is replaced on purpose: see await_change. Never waits.
  // Errors: Unavailable.
  Result<std::shared_ptr<Epoch>> enter(Visitor visitor);

  // Waits while an epoch is replaced on purpose, by who holds no lease. False past the deadline.
  bool await_change(Deadline deadline);

  // Waits until an epoch other than `number` is in service. False past the deadline, or where
  // nobody is bringing one.
  bool await_other(std::uint64_t number, Deadline deadline);

  // Notes a failed token call, so that the healer looks into it.
  void report(const Error& error);
  // The same for whatever else speaks against the token.
  void suspect(const std::string& why);
  // The same for a version that the token does not show though the catalog has it.
  void report_absence(const KeyId& key, Version version);

  // Brings up another epoch for the healer alone: Open becomes HalfOpen, Paused stays. There must
  // be none: see clear. A refused PIN is latched. Errors: Unavailable; FailedPrecondition (the
  // latch stands; another token; a profile that does not speak of this one).
  Result<void> begin(const TokenAccess& access, const pkcs11::TokenIdentity* known);
  // The epoch comes into service.
  void admit();
  // Lets nobody in any more, empties all desks and ends the epoch: C_Finalize is over when this
  // yields true. False where somebody is still inside at the deadline; it may be called again.
  bool clear(TokenState state, std::string why, Deadline deadline);
  void set_trouble(TokenState state, std::string why);

  // Whether a refused PIN stands in the way of a login.
  bool is_latched() const;
  // Lets the PIN be tried once more: the file, if it stands, does not.
  void forgive();

  // Why the token is not in service, for operators; empty when it is.
  std::string why() const;
  TokenState state() const;
  std::optional<pkcs11::TokenIdentity> identity() const;
  // Why the token's profile says that it cannot do the algorithm; nothing where it does not.
  std::optional<std::string> refusal_of(std::string_view algorithm) const;
  std::uint64_t epoch_number() const;
  const PinLatch& pin_latch() const noexcept { return latch_; }
  // The session objects that this epoch made: SoftHSM gives back none of them before C_Finalize.
  std::uint64_t objects_made() const;
  pkcs11::CallMeter& calls() const noexcept { return *calls_; }
  KeeperMeter& meter() const noexcept { return meter_; }

  // What the healer waits for.
  struct News {
    bool stop = false;
    bool renew = false;
    bool logged_out = false;
    bool suspicious = false;  // a failure that speaks against the token
    std::string why;          // of the first one
    std::set<std::pair<KeyId, Version>> absent;

    bool any() const { return stop || renew || logged_out || suspicious || !absent.empty(); }
  };
  News wait_for_news(Deadline deadline);
  bool has_news() const;
  void ask_to_renew();
  void stop();

  void add(std::shared_ptr<Desk> desk);
  void remove(const std::shared_ptr<Desk>& desk);

 private:
  bool in_service() const KW_REQUIRES(mutex_) { return state_ == TokenState::Closed; }
  Result<void> check_latch() const;
  void latch(const std::string& token, const Error& error);
  std::vector<std::shared_ptr<Desk>> desks() const;
  std::uint64_t all_objects_made() const;

  const PinLatch latch_;
  const std::shared_ptr<pkcs11::CallMeter> calls_;
  mutable KeeperMeter meter_;

  mutable Mutex mutex_;
  ConditionVariable changed_;
  TokenState state_ KW_GUARDED_BY(mutex_) = TokenState::Open;
  std::string why_ KW_GUARDED_BY(mutex_) = "the token is not opened yet";
  std::shared_ptr<Epoch> epoch_ KW_GUARDED_BY(mutex_);               // in Closed and HalfOpen
  std::weak_ptr<const pkcs11::Module> ended_ KW_GUARDED_BY(mutex_);  // the last epoch's
  std::uint64_t number_ KW_GUARDED_BY(mutex_) = 0;
  std::uint64_t objects_before_ KW_GUARDED_BY(mutex_) = 0;
  bool pin_refused_ KW_GUARDED_BY(mutex_) = false;
  News news_ KW_GUARDED_BY(mutex_);
  std::set<std::shared_ptr<Desk>> desks_ KW_GUARDED_BY(mutex_);
};

}  // namespace kw::core
