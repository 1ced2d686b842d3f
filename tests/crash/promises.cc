// SPDX-License-Identifier: Apache-2.0
#include "promises.h"

#include "tests/whole/process.h"

namespace kw::crash {
namespace {

// A blob: docs/envelope-format.md.
constexpr std::size_t kSuiteAt = 4;
constexpr std::size_t kHeader = 26;  // with key id and version; then the nonce
constexpr char kCountedSuite = 2;
constexpr std::size_t kNumberAt = kHeader + 8;  // behind a fixed field that a start draws anew

}  // namespace

std::string purpose_of(const std::string& algorithm) {
  if (algorithm.find("aes-256-gcm") != std::string::npos) return "wrap";
  return algorithm.starts_with("hmac") ? "mac" : "sign";
}

void Promises::ask_for(const std::string& key, const std::string& algorithm) {
  const std::lock_guard lock(mutex_);
  KeyPromise& promise = keys[key];
  if (!algorithm.empty()) promise.algorithm = algorithm;
  ++promise.asked;
}

void Promises::answer(const Reply& reply) {
  const std::lock_guard lock(mutex_);
  receipts.push_back({reply.request_id, reply.receipt});
  ++answers_;
  changed_.notify_all();
}

void Promises::answer_version(const std::string& key, std::uint32_t version) {
  const std::lock_guard lock(mutex_);
  keys[key].answered = version;
}

void Promises::answer_product(std::vector<Product> Promises::*kind, Product product) {
  const std::lock_guard lock(mutex_);
  (this->*kind).push_back(std::move(product));
}

void Promises::note_nonce(const std::string& blob) {
  const std::string bytes = whole::from_base64url(blob);
  const bool is_counted = bytes.at(kSuiteAt) == kCountedSuite;
  const std::string nonce = is_counted ? bytes.substr(kNumberAt, 4) : bytes.substr(kHeader, 24);
  const std::lock_guard lock(mutex_);
  const bool is_new = nonces_.insert(bytes.substr(0, kHeader) + nonce).second;
  if (!is_new) complaints.push_back("a nonce came twice: " + blob);
}

void Promises::refuse(const Reply& reply) {
  const std::lock_guard lock(mutex_);
  refusals.push_back({reply.request_id, reply.receipt});
}

void Promises::object(const std::string& complaint) {
  const std::lock_guard lock(mutex_);
  complaints.push_back(complaint);
}

std::optional<std::string> Promises::any_key(const std::string& purpose, Random& random) {
  const std::lock_guard lock(mutex_);
  std::vector<const std::string*> fitting;
  for (const auto& [name, key] : keys) {
    const bool fits = purpose.empty() || purpose_of(key.algorithm) == purpose;
    if (fits && key.answered > 0) fitting.push_back(&name);
  }
  if (fitting.empty()) return std::nullopt;
  return *fitting[random() % fitting.size()];
}

std::optional<Product> Promises::any_blob(Random& random) {
  const std::lock_guard lock(mutex_);
  if (blobs.empty()) return std::nullopt;
  return blobs[random() % blobs.size()];
}

bool Promises::wait_for(std::uint64_t count) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::seconds(whole::kPatienceSeconds), [&] {
    return answers_ >= count || ended_;
  }) && answers_ >= count;
}

void Promises::begin() {
  const std::lock_guard lock(mutex_);
  ended_ = false;
}

void Promises::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

}  // namespace kw::crash
