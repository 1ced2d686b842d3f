// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/core/door_fixture.h"

namespace kw::faults {

// Which answers a fault may give to requests that are good.
struct Excuse {
  Code code = Code::Unavailable;  // what the table says of the injected CK_RV
};

// Ledger is what was asked and answered, and what was wrong with that. Safe for concurrent use.
class Ledger {
 public:
  // A request was answered so; it must be on record so.
  void note(const RequestId& id, bool succeeded, const std::string& outcome);
  // What must not be. The first ones are kept as text.
  void breach(const std::string& what);
  // SoftHSM showed a key just made as another object, and the service refused it.
  void mistaken() { ++mistaken_; }
  // Says in what pair a breach happens.
  void enter(const std::string& pair);

  // Compares with the log's records: each answer is there, once, with its outcome.
  void compare(const std::vector<core::DoorFixture::Line>& records);

  std::uint64_t asked() const { return asked_; }
  std::uint64_t breaches() const { return breaches_; }
  std::uint64_t mistakes() const { return mistaken_; }
  std::map<std::string, std::uint64_t> outcomes() const;
  std::vector<std::string> texts() const;

 private:
  mutable std::mutex mutex_;
  std::string pair_;
  std::map<std::string, bool> open_;  // request id: succeeded; since the last compare
  std::map<std::string, std::uint64_t> outcomes_;
  std::vector<std::string> texts_;
  std::atomic<std::uint64_t> asked_ = 0;
  std::atomic<std::uint64_t> breaches_ = 0;
  std::atomic<std::uint64_t> mistaken_ = 0;
};

// Load asks for one of everything and holds each answer against what it knows: OpenSSL verifies
// signatures, blobs are kept and opened once the token is well. One thread each.
class Load {
 public:
  // The keys are made here: the token must be well. A copy asks for the same, beside it.
  Load(core::DoorFixture& fixture, Ledger& ledger);

  // One round through `door`. What is given back under a fault must be right or excused.
  void run(core::KeyService& door, const std::optional<Excuse>& excuse);
  // The changes of state of a round: create, rotate, show, upkeep. For one Load of all.
  void change(core::KeyService& door, const std::optional<Excuse>& excuse);

  // With the token well: everything that a fault left behind is whole, or not there. True: all is
  // well; false: something is unavailable still.
  bool recover(core::KeyService& door);
  // The part of it that is for the blobs.
  bool open_kept(core::KeyService& door);

 private:
  struct Kept {
    Bytes blob;
    std::string plaintext;
  };

  void blobs(core::KeyService& door, const std::string& kind, const std::optional<Excuse>& excuse);
  void draw(core::KeyService& door, const std::optional<Excuse>& excuse);
  void signatures(core::KeyService& door, const std::optional<Excuse>& excuse);
  void macs(core::KeyService& door, const std::optional<Excuse>& excuse);
  void refusals(core::KeyService& door, const std::optional<Excuse>& excuse);
  bool use(core::KeyService& door, const std::string& key, const std::string& algorithm);
  bool settle(core::KeyService& door, const std::string& key, const std::string& algorithm);
  std::string key(const std::string& kind) const { return "app/" + kind; }

  // Asks, notes the answer, and yields it if it is a success; anything else must be excused.
  template <typename T>
  std::optional<T> ask(const char* what, const std::optional<Excuse>& excuse,
                       const core::Call& call, core::Sealed<T> sealed);
  // The same for a request that must be refused with this code.
  template <typename T>
  void expect(const char* what, Code code, const std::optional<Excuse>& excuse,
              const core::Call& call, core::Sealed<T> sealed);
  void judge(const char* what, const Error& error, const std::optional<Excuse>& excuse);

  core::DoorFixture& fixture_;
  Ledger& ledger_;
  Context context_;
  std::map<std::string, Kept> known_;  // by the kind of their key
  Bytes known_mac_;
  std::map<std::string, Bytes> public_keys_;
  std::vector<Kept> kept_;                                        // blobs made under a fault
  std::vector<std::pair<std::string, std::string>> in_question_;  // keys whose making failed
  std::vector<std::pair<std::string, std::string>> fresh_;        // keys made under a fault
  std::uint64_t rounds_ = 0;
  bool unwell_ = false;  // an answer of this recovery was Unavailable
};

}  // namespace kw::faults
