// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/whole/sandbox.h"

namespace kw::outage {

using Millis = std::chrono::duration<double, std::milli>;

// Facts are what answers must say: made before the first outage.
struct Facts {
  explicit Facts(const whole::Sandbox& sandbox);

  std::vector<std::pair<std::string, std::string>> blobs;  // and what is in them
  std::string message;
  std::string mac;
};

// Tally is what all clients saw. Safe for concurrent use.
class Tally {
 public:
  void right(const std::string& receipt);
  void refused(Millis took);
  void broken(const std::string& what);  // an answer that is neither right nor 503

  std::uint64_t answers() const;
  std::uint64_t refusals() const;
  std::vector<std::string> receipts() const;  // of the right answers
  std::vector<std::string> breaches() const;
  // The time of a refusal that this share of all did not exceed.
  double refusal_time(double share) const;

  // The longest time without a right answer since the watch began last.
  void watch_gap();
  Millis longest_gap() const;

 private:
  using Clock = std::chrono::steady_clock;

  mutable std::mutex mutex_;
  std::vector<std::string> receipts_;
  Clock::time_point last_right_ = Clock::now();
  Clock::duration longest_gap_{};
  std::vector<double> refusals_;
  std::vector<std::string> breaches_;
};

// One request of each kind in turn, each of which uses the token, held against the facts.
class Asker {
 public:
  Asker(const whole::Sandbox& sandbox, const Facts& facts, Tally& tally);
  bool ask();      // whether it was answered
  bool ask_all();  // every kind

 private:
  bool judge(const whole::Reply& reply, Millis took, const std::string& what,
             const std::string& field, const std::string& wanted);
  bool unwrap();
  bool mac();
  bool sign();
  bool wrap();

  const whole::Sandbox& sandbox_;
  const Facts& facts_;
  Tally& tally_;
  std::unique_ptr<whole::Client> client_;
  std::size_t step_ = 0;
};

// Load is clients that ask without a pause, until its end.
class Load {
 public:
  Load(const whole::Sandbox& sandbox, const Facts& facts, Tally& tally, int clients);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  std::atomic<bool> over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace kw::outage
