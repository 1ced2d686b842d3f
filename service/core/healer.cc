// SPDX-License-Identifier: Apache-2.0
#include "service/core/healer.h"

#include <algorithm>

#include "base/log.h"
#include "service/core/cure.h"
#include "service/core/founding.h"
#include "service/core/keks.h"
#include "service/crypto/create.h"

namespace kw::core {
namespace {

constexpr auto kDrainWithin = std::chrono::seconds(2);
constexpr auto kStruckRenewalEvery = std::chrono::seconds(30);
constexpr auto kSecondLookEvery = std::chrono::seconds(30);
constexpr std::size_t kStrikes = 3;
constexpr auto kStrikesWithin = std::chrono::seconds(10);
constexpr std::size_t kCompareStep = 64;
constexpr std::string_view kHangs =
    "a call hangs in the PKCS#11 module, which cannot be initialized before it returns";

bool is_same(const TokenAccess& one, const TokenAccess& other) {
  return one.module == other.module && one.parameters == other.parameters && one.uri == other.uri &&
         one.directory == other.directory && one.profile == other.profile &&
         ct_equal(one.pin.reveal(), other.pin.reveal());
}

}  // namespace

Result<void> prove_token(Seat& seat) {
  keys::KeyVersion version;
  version.number = kServiceKeyVersion;
  version.state = keys::State::Enabled;
  version.check = TRY(seat.shared().catalog->setting(kServiceCheck));
  const Lease bench = TRY(seat.workbench());
  return crypto::verify_version(*bench, seat.shared().service_key(), version);
}

Healer::Healer(Shared& shared, TokenAccess access, HealerOptions options)
    : shared_(shared),
      options_(options),
      seat_(shared, Seat::Visitor::Healer),
      access_(std::move(access)),
      known_(shared.keeper.identity().value()),
      back_off_(back_off_for(access_)),
      strikes_(kStrikes, kStrikesWithin),
      thread_([this] { run(); }) {}

Healer::~Healer() {
  shared_.keeper.stop();
  thread_.join();
}

Result<void> Healer::renew(TokenAccess fresh, Deadline deadline) {
  return wait_for(std::make_shared<Order>(Order{.access = std::move(fresh)}), deadline);
}

Result<void> Healer::revert(Deadline deadline) {
  return wait_for(std::make_shared<Order>(), deadline);
}

Result<void> Healer::wait_for(const std::shared_ptr<Order>& order, Deadline deadline) {
  const MutexLock lock(mutex_);
  order_ = order;
  shared_.keeper.ask_to_renew();
  const auto is_settled = [&order] { return order->outcome.has_value(); };
  if (settled_.wait_until(mutex_, deadline, is_settled)) return *std::move(order->outcome);
  if (!order->begun) {
    order_.reset();
    return Error(Code::DeadlineExceeded, "the token is busy: it was not renewed");
  }
  settled_.wait(mutex_, is_settled);  // it ends one way or the other: nobody may be told a guess
  return *std::move(order->outcome);
}

void Healer::watch_budget() {
  if (shared_.keeper.objects_made() >= options_.object_budget) shared_.keeper.ask_to_renew();
}

bool Healer::is_down() const {
  const TokenState state = shared_.keeper.state();
  return state == TokenState::Open || state == TokenState::HalfOpen;
}

void Healer::run() {
  for (;;) {
    const Deadline until = std::min(next_try_, deadline_in(std::chrono::hours(1)));
    const TokenKeeper::News news = shared_.keeper.wait_for_news(until);
    if (news.stop) return;
    attend(news);
    if (is_down() && has_passed(next_try_)) try_to_rise();
  }
}

void Healer::attend(const TokenKeeper::News& news) {
  if (news.renew) {
    carry_out_order();
    if (shared_.keeper.objects_made() >= options_.object_budget) recycle();
  }
  if (shared_.keeper.state() != TokenState::Closed) return;
  if (news.logged_out) return log_in_again(news.why);
  if (news.suspicious || !news.absent.empty()) examine(news);
}

// A failure speaks against the token only if a known answer is wrong too: else a caller's garbage
// would reset it for everybody.
void Healer::examine(const TokenKeeper::News& news) {
  seat_.leave();
  const Result<void> proof = prove_token(seat_);
  if (!proof) {
    shared_.keeper.meter().outages.add();
    return fall(proof.error().detail());
  }
  if (may_be_half_blind(news)) return look_anew(news);
  suspend_absent(news);
  if (!news.suspicious) return;
  shared_.keeper.meter().struck.add();
  if (!strikes_.add(Clock::now()) || !has_passed(next_struck_renewal_)) return;
  next_struck_renewal_ = deadline_in(kStruckRenewalEvery);
  shared_.keeper.meter().outages.add();
  fall("it fails again and again: " + news.why);
}

// SoftHSM that met its folder, or wanted a descriptor, at a bad moment shows some objects and not
// others until C_Finalize. So a key that is missed for the first time is looked for once more.
bool Healer::may_be_half_blind(const TokenKeeper::News& news) const {
  if (!access_.directory || !has_passed(next_second_look_)) return false;
  return std::any_of(news.absent.begin(), news.absent.end(), [this](const auto& each) {
    return !shared_.quarantine.holds(each.first, each.second);
  });
}

// What is not shown then either is reported again by its comparison.
void Healer::look_anew(const TokenKeeper::News& news) {
  next_second_look_ = deadline_in(kSecondLookEvery);
  log_line(Severity::Notice, "the token is renewed: it does not show a key of the catalog");
  if (!replace(access_, &known_)) return try_to_rise();
  for (const auto& [id, version] : news.absent) {
    const auto key = find_key_or_kek(*shared_.catalog, id);
    if (key) compare_with_token(seat_, *key);
  }
}

// The token is well, and a key of the catalog is not there.
void Healer::suspend_absent(const TokenKeeper::News& news) {
  for (const auto& [id, version] : news.absent) {
    const auto key = find_key_or_kek(*shared_.catalog, id);
    if (!key || key->find(version) == nullptr) continue;
    suspend(shared_, *key, version, Error(Code::Unavailable, "the token does not show it"));
  }
}

void Healer::log_in_again(const std::string& why) {
  if (!has_passed(next_login_)) {
    next_try_ = next_login_;
    shared_.keeper.meter().outages.add();
    fall("the login was lost again: " + why);
    next_try_ = next_login_;
    return;
  }
  next_login_ = deadline_in(options_.between_logins);
  log_line(Severity::Error, "the login was lost: " + why);
  if (!replace(access_, &known_)) try_to_rise();
}

void Healer::fall(std::string why) {
  shared_.token_answered.store(0);
  log_line(Severity::Error, "the token is taken out of service: " + why);
  said_ = why;
  if (!shared_.keeper.clear(TokenState::Open, std::move(why), deadline_in(kDrainWithin))) {
    next_try_ = back_off_.failed(Clock::now());
    return;
  }
  next_try_ = Clock::now();
}

void Healer::try_to_rise() {
  const std::string why = shared_.keeper.why();
  if (!shared_.keeper.clear(TokenState::Open, why, deadline_in(kDrainWithin))) {
    shared_.keeper.set_trouble(TokenState::Open, std::string(kHangs));
    say(Error(Code::Unavailable, std::string(kHangs)));
    next_try_ = back_off_.failed(Clock::now());
    return;
  }
  const Result<void> done = rise(access_, &known_);
  if (done) return risen();
  const bool latched = shared_.keeper.is_latched();
  say(done.error());
  const TokenState state = latched ? TokenState::Latched : TokenState::Open;
  (void)shared_.keeper.clear(state, done.error().detail(), deadline_in(kDrainWithin));
  next_try_ = latched ? Deadline::max() : back_off_.failed(Clock::now());
}

// On failure the epoch, if there is one, is left for `clear`.
Result<void> Healer::rise(const TokenAccess& access, const pkcs11::TokenIdentity* known) {
  TRY(shared_.keeper.begin(access, known));
  seat_.leave();
  return prove_token(seat_);
}

void Healer::risen() {
  known_ = shared_.keeper.identity().value();
  back_off_.succeeded();
  next_try_ = Deadline::max();
  said_.clear();
  note_sign_of_life(shared_);
  shared_.keeper.admit();
  log_line(Severity::Notice,
           "the token is in service, epoch " + std::to_string(shared_.keeper.epoch_number()));
  (void)discard_leftovers(seat_);  // whoever failed has said so
  compare_all();
}

void Healer::carry_out_order() {
  std::shared_ptr<Order> order;
  {
    const MutexLock lock(mutex_);
    order = std::exchange(order_, nullptr);
    if (order == nullptr) return;
    order->begun = true;
  }
  if (!order->access) order->access = std::exchange(previous_, std::nullopt);
  const Result<void> done = order->access ? carry_out(*order->access) : Result<void>();
  const MutexLock lock(mutex_);
  order->outcome = done;
  settled_.notify_all();
}

// A token of another URI may be another one: it is the one that has this service's key. A PIN that
// was refused there and then says nothing against the one before.
Result<void> Healer::carry_out(TokenAccess& access) {
  const bool same = is_same(access, access_);
  if (same && !may_log_in_again()) return {};
  shared_.keeper.forgive();
  const bool stood = shared_.keeper.is_latched();
  Result<void> done = replace(access, nullptr);
  if (done) {
    adopt(std::move(access));
    return done;
  }
  if (!same && !stood && shared_.keeper.is_latched()) {
    shared_.keeper.forgive();
    TRY(shared_.keeper.pin_latch().lift());
  }
  try_to_rise();
  return done;
}

// Where nothing changed there is nothing to do, unless the PIN was refused and an operator has
// lifted the latch since. What is away is tried again without being told.
bool Healer::may_log_in_again() const {
  if (shared_.keeper.state() != TokenState::Latched) return false;
  const Result<void> free = shared_.keeper.pin_latch().check();
  if (!free) log_error(Severity::Warning, "the token stays out of service", free.error());
  return free.has_value();
}

void Healer::adopt(TokenAccess access) {
  previous_ = std::exchange(access_, std::move(access));
  note_directory(shared_, access_.directory);
  back_off_ = back_off_for(access_);
  (void)report_deviations(seat_);
}

BackOff Healer::back_off_for(const TokenAccess& access) const {
  return {options_.shortest_wait,
          access.directory ? options_.longest_wait_for_folder : options_.longest_wait};
}

Result<void> Healer::replace(const TokenAccess& access, const pkcs11::TokenIdentity* known) {
  const bool was_in_service = shared_.keeper.state() == TokenState::Closed;
  const TokenState meanwhile = was_in_service ? TokenState::Paused : TokenState::Open;
  if (!shared_.keeper.clear(meanwhile, "the token is being renewed", deadline_in(kDrainWithin))) {
    shared_.keeper.set_trouble(TokenState::Open, std::string(kHangs));
    next_try_ = Clock::now();
    return Error(Code::Unavailable, std::string(kHangs));
  }
  Result<void> done = rise(access, known);
  if (done) {
    shared_.keeper.meter().renewals.add();
    risen();
    return done;
  }
  log_error(Severity::Error, "the token cannot be renewed", done.error());
  (void)shared_.keeper.clear(meanwhile, done.error().detail(), deadline_in(kDrainWithin));
  next_try_ = Clock::now();
  return done;
}

void Healer::recycle() {
  log_line(Severity::Notice,
           "the token is renewed: " + std::to_string(shared_.keeper.objects_made()) +
               " session objects were made, of which a soft token keeps a part");
  if (!replace(access_, &known_)) try_to_rise();
}

// Whoever needs a version sooner compares it himself.
void Healer::compare_all() {
  std::string after;
  for (;;) {
    const auto page = shared_.catalog->list_in_token(after, kCompareStep);
    if (page.empty()) return;
    for (const auto& key : page) {
      if (shared_.keeper.has_news()) return;  // what is left is compared within a minute
      compare_with_token(seat_, *key);
    }
    after = page.back()->name.text();
  }
}

// Each trouble once, however often it is met.
void Healer::say(const Error& error) {
  if (std::exchange(said_, error.detail()) == error.detail()) return;
  log_error(Severity::Error, "the token cannot be brought into service", error);
}

}  // namespace kw::core
