// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <array>

namespace kw::crash {
namespace {

using whole::Client;

constexpr int kMostRequests = 100'000;  // nobody's server lives that long here
constexpr std::array kAlgorithms = {"xaes-256-gcm", "ecdsa-p256-sha256",   "hmac-sha256",
                                    "ed25519",      "aes-256-gcm-counted", "ecdsa-p384-sha384"};

// Worker is one client. Each step asks once; false says that the server is gone.
class Worker {
 public:
  Worker(Client client, Promises& promises, std::string prefix, std::uint64_t seed)
      : client_(std::move(client)),
        promises_(promises),
        prefix_(std::move(prefix)),
        random_(seed) {}

  bool create(const std::string& name, const std::string& algorithm) {
    promises_.ask_for(name, algorithm);
    const bool can_be_wrapped = algorithm != "ed25519" && algorithm != "aes-256-gcm-counted";
    const bool wrapped = can_be_wrapped && random_() % 2 == 0;
    const Reply made = client_.post(
        "/v1/keys",
        {{"name", name}, {"algorithm", algorithm}, {"residency", wrapped ? "wrapped" : "token"}});
    if (!takes(made, 201)) return made.status != 0;
    promises_.answer_version(name, 1);
    return true;
  }

  bool manage(int step) {
    const auto known = promises_.any_key("", random_);
    if (step % 3 != 2 || !known) {
      return create(prefix_ + std::to_string(step), kAlgorithms[random_() % kAlgorithms.size()]);
    }
    promises_.ask_for(*known, "");
    const Reply turned = client_.post("/v1/keys/" + *known + ":rotate", json::object());
    if (!takes(turned, 200)) return turned.status != 0;
    promises_.answer_version(*known, turned.body["primary"]);
    return true;
  }

  bool seal(int step) {
    const auto blob = promises_.any_blob(random_);
    if (step % 4 == 3 && blob) return unwrap(*blob);
    const auto key = promises_.any_key("wrap", random_);
    if (!key) return true;
    return step % 8 == 1 ? data_key(*key) : wrap(*key);
  }

  bool prove(int step) {
    const bool signs = step % 2 == 0;
    const auto key = promises_.any_key(signs ? "sign" : "mac", random_);
    if (!key) return true;
    return product(signs ? "/v1/sign" : "/v1/mac", signs ? "signature" : "mac", *key, "message",
                   signs ? &Promises::signatures : &Promises::macs);
  }

 private:
  // Whether the answer came with this status; what came otherwise is a complaint.
  bool takes(const Reply& reply, int wanted) {
    if (reply.status == 0) return false;
    if (reply.status == 503) {
      promises_.refuse(reply);
      return false;
    }
    if (reply.status != wanted || reply.receipt.empty() || reply.request_id.empty()) {
      promises_.object(std::to_string(reply.status) + " " + reply.text);
      return false;
    }
    promises_.answer(reply);
    return true;
  }

  std::string some_text() {
    std::string text(1 + random_() % 200, '\0');
    for (char& byte : text) byte = static_cast<char>(random_());
    return whole::base64(text);
  }

  bool product(const std::string& target, const std::string& field, const std::string& key,
               const std::string& input, std::vector<Product> Promises::*kind) {
    const std::string text = some_text();
    const Reply reply = client_.post(target, {{"key", key}, {input, text}});
    if (!takes(reply, 200)) return reply.status != 0;
    promises_.answer_product(kind, {key, reply.body["version"], text, reply.body[field]});
    if (kind == &Promises::blobs) promises_.note_nonce(reply.body[field]);
    return true;
  }

  bool wrap(const std::string& key) {
    return product("/v1/wrap", "blob", key, "plaintext", &Promises::blobs);
  }

  bool data_key(const std::string& key) {
    const Reply reply = client_.post("/v1/data-key", {{"key", key}, {"bytes", 32}});
    if (!takes(reply, 200)) return reply.status != 0;
    promises_.answer_product(&Promises::blobs, {key, reply.body["version"], reply.body["plaintext"],
                                                reply.body["blob"]});
    promises_.note_nonce(reply.body["blob"]);
    return true;
  }

  bool unwrap(const Product& blob) {
    const Reply reply = client_.post("/v1/unwrap", {{"blob", blob.result}});
    if (!takes(reply, 200)) return reply.status != 0;
    if (reply.body["plaintext"] != blob.plaintext) promises_.object("unwrap: another plaintext");
    return true;
  }

  Client client_;
  Promises& promises_;
  std::string prefix_;
  Random random_;
};

}  // namespace

void make_first_keys(const whole::Sandbox& sandbox, Promises& promises) {
  Worker worker(sandbox.client("admin"), promises, "", 0);
  for (const char* algorithm :
       {"xaes-256-gcm", "aes-256-gcm-counted", "ecdsa-p256-sha256", "hmac-sha256"}) {
    (void)worker.create("first/" + std::string(algorithm), algorithm);
  }
}

Load::Load(const whole::Sandbox& sandbox, Promises& promises, std::uint64_t round,
           std::uint64_t seed) {
  using Step = bool (Worker::*)(int);
  struct Role {
    const char* caller;
    Step step;
  };
  constexpr Role kManages{"admin", &Worker::manage};
  constexpr Role kSeals{"app", &Worker::seal};
  constexpr Role kProves{"app", &Worker::prove};
  constexpr std::array kRoles = {kManages, kSeals, kProves, kSeals, kProves, kSeals};
  promises.begin();
  running_ = kRoles.size();
  for (const Role& role : kRoles) {
    threads_.emplace_back([this, &sandbox, &promises, role, round, seed = ++seed] {
      Worker worker(sandbox.client(role.caller), promises, "load/" + std::to_string(round) + "-",
                    seed);
      for (int i = 0; i < kMostRequests && (worker.*role.step)(i); ++i) {
      }
      if (--running_ == 0) promises.end();
    });
  }
}

Load::~Load() {
  for (std::thread& thread : threads_) thread.join();
}

void pause_below(std::uint64_t microseconds, Random& random) {
  std::this_thread::sleep_for(std::chrono::microseconds(random() % microseconds));
}

}  // namespace kw::crash
