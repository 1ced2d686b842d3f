// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "service/core/back_off.h"
#include "service/core/healer_options.h"
#include "service/core/shared.h"

namespace kw::core {

// The service key, used, gives the check value that the catalog keeps: the token works, it is the
// one that it was, and its objects are there. A whole proof, for the start and after each trouble.
// Errors: Unavailable, Internal (another key of that name).
Result<void> prove_token(Seat& seat);

// Healer mends the token: a thread that looks into every failure that is reported, proves by a
// known answer whether the token is sick, and if so opens the breaker, gets everybody out of the
// module, finalizes and initializes it in place, finds the token again, logs in, proves it, and
// lets everybody in. Only this thread ends an epoch.
class Healer {
 public:
  // `access` is how the current epoch was begun.
  Healer(Shared& shared, TokenAccess access, HealerOptions options = {});
  ~Healer();
  Healer(const Healer&) = delete;
  Healer& operator=(const Healer&) = delete;

  // Replaces the epoch by one that is begun as `fresh` says, or goes back to the one before. Who
  // comes meanwhile waits. Errors: those of the new one, and DeadlineExceeded: it was not begun.
  Result<void> renew(TokenAccess fresh, Deadline deadline);

  // Goes back to how it was before the last renewal that changed something.
  Result<void> revert(Deadline deadline);

  // Asks for another epoch once the objects made in this one are too many.
  void watch_budget();

 private:
  // Order is a renewal that somebody waits for.
  struct Order {
    std::optional<TokenAccess> access = std::nullopt;  // the one before, where there is none
    std::optional<Result<void>> outcome = std::nullopt;
    bool begun = false;
  };

  Result<void> wait_for(const std::shared_ptr<Order>& order, Deadline deadline);
  void run();
  void attend(const TokenKeeper::News& news);
  void examine(const TokenKeeper::News& news);
  void log_in_again(const std::string& why);
  void fall(std::string why);
  void try_to_rise();
  Result<void> rise(const TokenAccess& access, const pkcs11::TokenIdentity* known);
  void risen();
  void carry_out_order();
  Result<void> carry_out(TokenAccess& access);
  bool may_log_in_again() const;
  void adopt(TokenAccess access);
  BackOff back_off_for(const TokenAccess& access) const;
  bool may_be_half_blind(const TokenKeeper::News& news) const;
  void look_anew(const TokenKeeper::News& news);
  void suspend_absent(const TokenKeeper::News& news);
  Result<void> replace(const TokenAccess& access, const pkcs11::TokenIdentity* known);
  void recycle();
  void compare_all();
  void say(const Error& error);
  bool is_down() const;

  Shared& shared_;
  const HealerOptions options_;
  Seat seat_;

  // The thread's own.
  TokenAccess access_;
  std::optional<TokenAccess> previous_;
  pkcs11::TokenIdentity known_;
  BackOff back_off_;
  Strikes strikes_;
  Deadline next_try_ = Deadline::max();
  Deadline next_login_{};
  Deadline next_struck_renewal_{};
  Deadline next_second_look_{};
  std::string said_;

  Mutex mutex_;
  ConditionVariable settled_;
  std::shared_ptr<Order> order_ KW_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace kw::core
