// SPDX-License-Identifier: Apache-2.0
#include "service/core/token_keeper.h"

#include <numeric>

#include "base/log.h"
#include "pkcs11/call_meter.h"
#include "pkcs11/return_value.h"
#include "pkcs11/token_folder.h"
#include "service/core/cure.h"
#include "service/core/seat.h"

namespace kw::core {
namespace {

constexpr std::size_t kMostAbsent = 64;  // more would say nothing more

// A profile of another token, or of another version of its library, says nothing of this one.
Result<void> check_profile(const Epoch::Profile& profile, const pkcs11::Token& token) {
  if (!profile) return {};
  return profile->check_fit(
      token_profile::identity_of(token.identity(), token.module().identity()));
}

bool is_refused_pin(const Error& error) {
  return error.rv() != 0 && pkcs11::rv_class(error) == pkcs11::RvClass::Latch;
}

}  // namespace

bool Epoch::has_verified(const KeyId& key, Version version) const {
  const MutexLock lock(mutex_);
  return verified_.contains({key, version});
}

void Epoch::note_verified(const KeyId& key, Version version) {
  const MutexLock lock(mutex_);
  verified_.emplace(key, version);
}

void Epoch::forget_verified() {
  const MutexLock lock(mutex_);
  verified_.clear();
}

TokenKeeper::TokenKeeper(PinLatch latch)
    : latch_(std::move(latch)), calls_(std::make_shared<pkcs11::CallMeter>()) {}

TokenKeeper::~TokenKeeper() = default;

Result<std::shared_ptr<Epoch>> TokenKeeper::enter(Visitor visitor) {
  const MutexLock lock(mutex_);
  const bool tries = visitor == Visitor::Healer && epoch_ != nullptr;
  if (in_service() || tries) return epoch_;
  if (state_ == TokenState::Paused) return std::shared_ptr<Epoch>();
  meter_.refused.add();
  return Error(Code::Unavailable, "the token is not in service: " + why_);
}

bool TokenKeeper::await_change(Deadline deadline) {
  const MutexLock lock(mutex_);
  return changed_.wait_until(mutex_, deadline,
                             [this]() KW_REQUIRES(mutex_) { return state_ != TokenState::Paused; });
}

bool TokenKeeper::await_other(std::uint64_t number, Deadline deadline) {
  const MutexLock lock(mutex_);
  const auto is_settled = [this, number]() KW_REQUIRES(mutex_) {
    const bool is_out = state_ == TokenState::Latched || state_ == TokenState::Open;
    return is_out || (in_service() && epoch_->number() != number);
  };
  return changed_.wait_until(mutex_, deadline, is_settled) && in_service();
}

void TokenKeeper::report(const Error& error) {
  const Cure cure = cure_of(error);
  if (cure != Cure::LogIn && cure != Cure::Examine && cure != Cure::Count) return;
  const MutexLock lock(mutex_);
  if (!in_service()) return;
  (cure == Cure::LogIn ? news_.logged_out : news_.suspicious) = true;
  if (news_.why.empty()) news_.why = error.detail();
  changed_.notify_all();
}

void TokenKeeper::suspect(const std::string& why) {
  const MutexLock lock(mutex_);
  if (!in_service()) return;
  news_.suspicious = true;
  if (news_.why.empty()) news_.why = why;
  changed_.notify_all();
}

void TokenKeeper::report_absence(const KeyId& key, Version version) {
  const MutexLock lock(mutex_);
  if (!in_service() || news_.absent.size() >= kMostAbsent) return;
  news_.absent.emplace(key, version);
  changed_.notify_all();
}

Result<void> TokenKeeper::begin(const TokenAccess& access, const pkcs11::TokenIdentity* known) {
  meter_.attempts.add();
  TRY(check_latch());
  const pkcs11::TokenUri uri = TRY(pkcs11::TokenUri::parse(access.uri));
  std::optional<pkcs11::TokenFolder> guard;
  if (access.directory) guard = TRY(pkcs11::TokenFolder::guard(*access.directory));
  auto module = TRY(pkcs11::Module::load(access.module, access.parameters, calls_,
                                         pkcs11::Module::Leftover::Finalize));
  auto token = pkcs11::Token::open(std::move(module), uri, access.pin, known);
  if (!token) {
    if (is_refused_pin(token.error())) latch(access.uri, token.error());
    return std::move(token).error();
  }
  TRY(check_profile(access.profile, **token));
  const MutexLock lock(mutex_);
  KW_ASSERT(epoch_ == nullptr);
  epoch_ = std::make_shared<Epoch>(++number_, std::move(token).value(), access.profile);
  objects_before_ = all_objects_made();
  if (state_ != TokenState::Paused) state_ = TokenState::HalfOpen;
  return {};
}

Result<void> TokenKeeper::check_latch() const {
  TRY(latch_.check());
  const MutexLock lock(mutex_);
  if (!pin_refused_) return {};
  return Error(Code::FailedPrecondition, "the token refused the PIN, and it is not tried again");
}

void TokenKeeper::latch(const std::string& token, const Error& error) {
  {
    const MutexLock lock(mutex_);
    pin_refused_ = true;
  }
  const Result<void> set = latch_.set(token, error);
  if (!set)
    log_error(Severity::Alert, "a refused PIN cannot be put down: do not restart", set.error());
}

bool TokenKeeper::is_latched() const {
  const Result<void> free = check_latch();
  return !free && free.error().code() == Code::FailedPrecondition;
}

void TokenKeeper::forgive() {
  const MutexLock lock(mutex_);
  pin_refused_ = false;
}

void TokenKeeper::admit() {
  const MutexLock lock(mutex_);
  KW_ASSERT(epoch_ != nullptr);
  state_ = TokenState::Closed;
  why_.clear();
  const bool stop = news_.stop;
  const bool renew = news_.renew;
  news_ = News();
  news_.stop = stop;
  news_.renew = renew;
  meter_.epochs.add();
  changed_.notify_all();
}

bool TokenKeeper::clear(TokenState state, std::string why, Deadline deadline) {
  {
    const MutexLock lock(mutex_);
    state_ = state;
    why_ = std::move(why);
    if (epoch_ != nullptr) ended_ = epoch_->token().watch();
    epoch_.reset();
    changed_.notify_all();
  }
  bool empty = true;
  for (const std::shared_ptr<Desk>& desk : desks()) empty = desk->clear(deadline) && empty;
  const MutexLock lock(mutex_);
  return empty && ended_.expired();
}

void TokenKeeper::set_trouble(TokenState state, std::string why) {
  const MutexLock lock(mutex_);
  KW_ASSERT(epoch_ == nullptr);
  state_ = state;
  why_ = std::move(why);
  changed_.notify_all();
}

std::string TokenKeeper::why() const {
  const MutexLock lock(mutex_);
  return why_;
}

TokenState TokenKeeper::state() const {
  const MutexLock lock(mutex_);
  return state_;
}

std::optional<pkcs11::TokenIdentity> TokenKeeper::identity() const {
  const MutexLock lock(mutex_);
  if (epoch_ == nullptr) return std::nullopt;
  return epoch_->token().identity();
}

std::optional<std::string> TokenKeeper::refusal_of(std::string_view algorithm) const {
  const MutexLock lock(mutex_);
  if (epoch_ == nullptr || !epoch_->profile()) return std::nullopt;
  return epoch_->profile()->refusal_of(algorithm);
}

std::uint64_t TokenKeeper::epoch_number() const {
  const MutexLock lock(mutex_);
  return number_;
}

std::uint64_t TokenKeeper::all_objects_made() const {
  const auto count = [this](pkcs11::CallKind kind) {
    const std::vector<std::uint64_t> counts = calls_->latency(kind).read().counts;
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  };
  return count(pkcs11::CallKind::DeriveKey) + count(pkcs11::CallKind::UnwrapKey) +
         count(pkcs11::CallKind::CreateObject);
}

std::uint64_t TokenKeeper::objects_made() const {
  const MutexLock lock(mutex_);
  return epoch_ == nullptr ? 0 : all_objects_made() - objects_before_;
}

TokenKeeper::News TokenKeeper::wait_for_news(Deadline deadline) {
  const MutexLock lock(mutex_);
  changed_.wait_until(mutex_, deadline, [this]() KW_REQUIRES(mutex_) { return news_.any(); });
  News news = std::move(news_);
  news_ = News();
  news_.stop = news.stop;
  return news;
}

bool TokenKeeper::has_news() const {
  const MutexLock lock(mutex_);
  return news_.any();
}

void TokenKeeper::ask_to_renew() {
  const MutexLock lock(mutex_);
  news_.renew = true;
  changed_.notify_all();
}

void TokenKeeper::stop() {
  const MutexLock lock(mutex_);
  news_.stop = true;
  changed_.notify_all();
}

void TokenKeeper::add(std::shared_ptr<Desk> desk) {
  const MutexLock lock(mutex_);
  desks_.insert(std::move(desk));
}

void TokenKeeper::remove(const std::shared_ptr<Desk>& desk) {
  const MutexLock lock(mutex_);
  desks_.erase(desk);
}

std::vector<std::shared_ptr<Desk>> TokenKeeper::desks() const {
  const MutexLock lock(mutex_);
  return {desks_.begin(), desks_.end()};
}

}  // namespace kw::core
