// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/parallel.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "pkcs11/mechanism.h"

namespace kw::doctor {
namespace {

using pkcs11::Mechanism;
using pkcs11::ObjectHandle;
using pkcs11::Profile;
using pkcs11::Session;

constexpr int kRounds = 5;
constexpr double kWorthIt = 1.1;  // more threads have to bring a tenth more

constexpr std::array<std::uint8_t, 32> kDigest{};
constexpr std::array<std::uint8_t, pkcs11::kGcmIvSize> kParallelIv{};

Result<Bytes> seal(Session& session, ObjectHandle key) {
  return session.encrypt(Mechanism::aes_gcm(kParallelIv, {}), key, kDigest);
}

Result<Bytes> mac(Session& session, ObjectHandle key) {
  return session.sign(Mechanism::sha256_hmac(), key, kDigest);
}

Result<Bytes> sign_rsa(Session& session, ObjectHandle key) {
  const Bytes info = TRY(pkcs11::digest_info(pkcs11::Hash::Sha256, kDigest));
  return session.sign(Mechanism::rsa_pkcs(), key, info);
}

Result<Bytes> sign_ec(Session& session, ObjectHandle key) {
  return session.sign(Mechanism::ecdsa(), key, kDigest);
}

struct Kind {
  const char* call;
  bool symmetric;
  Profile key;  // MessageKey: derived anew in every session
  Result<Bytes> (*work)(Session&, ObjectHandle);
};

constexpr Kind kKinds[] = {{"AES-256-GCM", true, Profile::MessageKey, seal},
                           {"HMAC-SHA256", true, Profile::MacSha256, mac},
                           {"RSA-2048", false, Profile::Rsa2048Pkcs, sign_rsa},
                           {"ECDSA P-256", false, Profile::EcdsaP256, sign_ec}};

// Worker is a thread's session and the key that it uses.
struct Worker {
  Raw raw;
  ObjectHandle key;
};

Result<Worker> make_worker(Lab& lab, const Kind& kind) {
  Raw raw = TRY(lab.raw());
  if (kind.key == Profile::MessageKey) {
    const ObjectHandle key{TRY(lab.message_key(raw))};
    return Worker{std::move(raw), key};
  }
  const OurKey ours = TRY(lab.ours(kind.key));
  return Worker{std::move(raw), ObjectHandle{ours.handle}};
}

// Calls until the time is over; yields how many succeeded.
std::uint64_t work(const Kind& kind, Worker& worker, Clock::time_point end) {
  std::uint64_t calls = 0;
  while (Clock::now() < end && kind.work(worker.raw.session(), worker.key)) ++calls;
  return calls;
}

// Calls a second with the first `count` workers at once.
double throughput(const Kind& kind, std::span<Worker> workers, std::chrono::duration<double> span) {
  std::atomic<std::uint64_t> calls = 0;
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::duration_cast<Clock::duration>(span);
  for (Worker& worker : workers) {
    threads.emplace_back([&] { calls.fetch_add(work(kind, worker, end)); });
  }
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = Clock::now() - begin;
  return static_cast<double>(calls.load()) / took.count();
}

unsigned best_count(const std::array<double, kThreadCounts.size()>& per_second) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < per_second.size(); ++i) {
    if (per_second[i] > per_second[best] * kWorthIt) best = i;
  }
  return kThreadCounts[best];
}

// The fastest round of each: the one that other programs disturbed least.
Parallel measure(const Kind& kind, std::span<Worker> workers, std::chrono::duration<double> slice) {
  Parallel result{kind.call, kind.symmetric, {}, 1};
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < kThreadCounts.size(); ++i) {
      const double seen = throughput(kind, workers.first(kThreadCounts[i]), slice / kRounds);
      result.per_second[i] = std::max(result.per_second[i], seen);
    }
  }
  result.best = best_count(result.per_second);
  return result;
}

std::optional<std::vector<Worker>> make_workers(Lab& lab, const Kind& kind) {
  std::vector<Worker> workers;
  for (unsigned i = 0; i < kThreadCounts.back(); ++i) {
    auto worker = make_worker(lab, kind);
    if (!worker || !kind.work(worker->raw.session(), worker->key)) return std::nullopt;
    workers.push_back(*std::move(worker));
  }
  return workers;
}

}  // namespace

Result<std::vector<Parallel>> measure_parallel(Lab& lab, std::chrono::duration<double> slice,
                                               const std::function<Result<void>()>& go_on) {
  std::vector<Parallel> results;
  for (const Kind& kind : kKinds) {
    TRY(go_on());
    auto workers = make_workers(lab, kind);
    if (workers) results.push_back(measure(kind, *workers, slice));
  }
  return results;
}

unsigned best_of(const Report& report, bool symmetric) {
  unsigned best = kThreadCounts.back();
  if (report.keys_in_memory == Fact::Yes) {
    best = std::clamp(std::thread::hardware_concurrency(), 1u, best);
  }
  bool measured = false;
  for (const Parallel& each : report.parallels) {
    if (each.symmetric != symmetric) continue;
    best = std::min(best, each.best);
    measured = true;
  }
  return measured ? best : 1;
}

std::string business() {
  double load = 0;
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  if (::getloadavg(&load, 1) != 1 || load < cores) return {};
  char text[128];
  std::snprintf(text, sizeof text, "other programs keep this machine busy (load %.0f on %u cores)",
                load, cores);
  return text;
}

}  // namespace kw::doctor
