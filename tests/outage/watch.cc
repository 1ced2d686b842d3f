// SPDX-License-Identifier: Apache-2.0
#include "watch.h"

#include <algorithm>
#include <csignal>

#include "tests/support/expect.h"

namespace kw::outage {
namespace {

using whole::Client;
using whole::json;
using whole::Reply;

constexpr int kBlobs = 8;
constexpr auto kClock = &std::chrono::steady_clock::now;

std::string field_of(const Reply& reply, const std::string& name) {
  if (!reply.body.is_object() || !reply.body.contains(name)) return "";
  return reply.body[name].is_string() ? reply.body[name].get<std::string>() : "";
}

}  // namespace

Facts::Facts(const whole::Sandbox& sandbox) : message(whole::base64("the message")) {
  sandbox.make_key("outage/wrap");
  sandbox.make_key("outage/mac", "hmac-sha256");
  sandbox.make_key("outage/sign", "ecdsa-p256-sha256");
  Client client = sandbox.client("app");
  for (int i = 0; i < kBlobs; ++i) {
    const std::string plaintext = whole::base64("plaintext " + std::to_string(i));
    const Reply reply = client.post("/v1/wrap", {{"key", "outage/wrap"}, {"plaintext", plaintext}});
    REQUIRE(reply.status == 200);
    blobs.emplace_back(reply.body["blob"], plaintext);
  }
  const Reply reply = client.post("/v1/mac", {{"key", "outage/mac"}, {"message", message}});
  REQUIRE(reply.status == 200);
  mac = reply.body["mac"];
}

void Tally::right(const std::string& receipt) {
  const std::lock_guard lock(mutex_);
  receipts_.push_back(receipt);
  const Clock::time_point now = Clock::now();
  longest_gap_ = std::max(longest_gap_, now - last_right_);
  last_right_ = now;
}

void Tally::watch_gap() {
  const std::lock_guard lock(mutex_);
  last_right_ = Clock::now();
  longest_gap_ = {};
}

Millis Tally::longest_gap() const {
  const std::lock_guard lock(mutex_);
  return std::max(longest_gap_, Clock::now() - last_right_);
}

void Tally::refused(Millis took) {
  const std::lock_guard lock(mutex_);
  refusals_.push_back(took.count());
}

void Tally::broken(const std::string& what) {
  const std::lock_guard lock(mutex_);
  breaches_.push_back(what);
}

std::uint64_t Tally::answers() const {
  const std::lock_guard lock(mutex_);
  return receipts_.size();
}

std::vector<std::string> Tally::receipts() const {
  const std::lock_guard lock(mutex_);
  return receipts_;
}

std::uint64_t Tally::refusals() const {
  const std::lock_guard lock(mutex_);
  return refusals_.size();
}

std::vector<std::string> Tally::breaches() const {
  const std::lock_guard lock(mutex_);
  return breaches_;
}

double Tally::refusal_time(double share) const {
  const std::lock_guard lock(mutex_);
  if (refusals_.empty()) return 0;
  std::vector<double> sorted = refusals_;
  std::ranges::sort(sorted);
  const auto last = static_cast<double>(sorted.size() - 1);
  return sorted[static_cast<std::size_t>(share * last)];
}

Asker::Asker(const whole::Sandbox& sandbox, const Facts& facts, Tally& tally)
    : sandbox_(sandbox),
      facts_(facts),
      tally_(tally),
      client_(std::make_unique<Client>(sandbox.client("app"))) {}

// A connection that the server had no descriptor for is made anew; it is no answer.
bool Asker::judge(const Reply& reply, Millis took, const std::string& what,
                  const std::string& field, const std::string& wanted) {
  if (reply.status == 0) {
    client_ = std::make_unique<Client>(sandbox_.client("app"));
    return false;
  }
  if (reply.status == 503) {
    tally_.refused(took);
    return false;
  }
  const std::string found = field_of(reply, field);
  const bool right = reply.status == 200 && (wanted.empty() ? !found.empty() : found == wanted);
  if (right) {
    tally_.right(reply.receipt);
  } else {
    tally_.broken(what + ": " + std::to_string(reply.status) + " " + reply.text);
  }
  return right;
}

bool Asker::unwrap() {
  const auto& [blob, plaintext] = facts_.blobs[step_ / 4 % facts_.blobs.size()];
  const auto begin = kClock();
  const Reply reply = client_->post("/v1/unwrap", {{"blob", blob}});
  return judge(reply, kClock() - begin, "unwrap", "plaintext", plaintext);
}

bool Asker::mac() {
  const auto begin = kClock();
  const Reply reply =
      client_->post("/v1/mac", {{"key", "outage/mac"}, {"message", facts_.message}});
  return judge(reply, kClock() - begin, "mac", "mac", facts_.mac);
}

bool Asker::sign() {
  const auto begin = kClock();
  const Reply made =
      client_->post("/v1/sign", {{"key", "outage/sign"}, {"message", facts_.message}});
  const Millis took = kClock() - begin;
  if (!judge(made, took, "sign", "signature", "")) return false;
  const Reply checked = client_->post("/v1/verify", {{"key", "outage/sign"},
                                                     {"message", facts_.message},
                                                     {"signature", field_of(made, "signature")}});
  if (checked.status == 200 && checked.body.value("valid", false)) return true;
  if (checked.status == 200) tally_.broken("sign: the signature does not verify");
  return false;
}

bool Asker::wrap() {
  const std::string plaintext = whole::base64("wrapped " + std::to_string(step_));
  const auto begin = kClock();
  const Reply made = client_->post("/v1/wrap", {{"key", "outage/wrap"}, {"plaintext", plaintext}});
  if (!judge(made, kClock() - begin, "wrap", "blob", "")) return false;
  const Reply opened = client_->post("/v1/unwrap", {{"blob", field_of(made, "blob")}});
  return judge(opened, Millis(0), "unwrap of a wrap", "plaintext", plaintext);
}

bool Asker::ask() {
  switch (step_++ % 4) {
    case 0:
      return unwrap();
    case 1:
      return mac();
    case 2:
      return sign();
    default:
      return wrap();
  }
}

bool Asker::ask_all() {
  ++step_;
  return unwrap() && mac() && sign() && wrap();
}

Load::Load(const whole::Sandbox& sandbox, const Facts& facts, Tally& tally, int clients) {
  for (int i = 0; i < clients; ++i) {
    threads_.emplace_back([this, &sandbox, &facts, &tally] {
      sigset_t signals;
      ::sigemptyset(&signals);
      ::sigaddset(&signals, SIGPIPE);
      ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
      Asker asker(sandbox, facts, tally);
      while (!over_) {
        // A client that was refused does not come back at once, as a real one.
        if (!asker.ask()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
}

Load::~Load() {
  over_ = true;
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace kw::outage
