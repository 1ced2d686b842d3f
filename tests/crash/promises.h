// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/whole/client.h"

namespace kw::crash {

using Random = std::mt19937_64;
using whole::json;
using whole::Reply;

// Receipt is the proof of one answer that its record is in the log.
struct Receipt {
  std::string request_id;
  std::string text;
};

// Product is what one answer gave away and a later service must honour: a blob of `plaintext`, or a
// signature or MAC of it.
struct Product {
  std::string key;
  std::uint32_t version = 0;
  std::string plaintext;  // base64
  std::string result;     // as it stood in the answer
};

// KeyPromise is a key of which clients were told, or that they asked for.
struct KeyPromise {
  std::string algorithm;
  std::uint32_t asked = 0;     // versions that requests may have made
  std::uint32_t answered = 0;  // the newest that an answer named
};

// Promises is everything that the clients of one sandbox were answered. Thread-safe until the load
// has ended; `receipts` and so on are for after that.
class Promises {
 public:
  void ask_for(const std::string& key, const std::string& algorithm);
  void answer(const Reply& reply);
  void answer_version(const std::string& key, std::uint32_t version);
  void answer_product(std::vector<Product> Promises::*kind, Product product);
  // Of one version no nonce comes twice, and no number where messages are numbered.
  void note_nonce(const std::string& blob);
  void refuse(const Reply& reply);            // 503, which promises nothing
  void object(const std::string& complaint);  // an answer that should not have been

  // A key that was answered, of one purpose ("wrap", "sign", "mac") or any (""); a blob of now.
  std::optional<std::string> any_key(const std::string& purpose, Random& random);
  std::optional<Product> any_blob(Random& random);

  // Waits until `count` answers came in all. False after a minute, or once the load has ended.
  bool wait_for(std::uint64_t count);
  void end();
  void begin();
  std::uint64_t answers() const { return answers_; }

  std::map<std::string, KeyPromise> keys;
  std::vector<Receipt> receipts;
  std::vector<Receipt> refusals;
  std::vector<Product> blobs;
  std::vector<Product> signatures;
  std::vector<Product> macs;
  std::vector<std::string> complaints;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> nonces_;  // or numbers, each behind its blob's header
  std::uint64_t answers_ = 0;
  bool ended_ = false;
};

// "wrap", "sign" or "mac".
std::string purpose_of(const std::string& algorithm);

}  // namespace kw::crash
