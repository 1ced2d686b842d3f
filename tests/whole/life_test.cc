// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <csignal>
#include <mutex>
#include <thread>

#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

using http::test::Answer;
using http::test::connect_socket;
using http::test::kJsonType;
using http::test::request;
using http::test::TlsClient;

std::string post(const std::string& target, const json& body) {
  return request("POST", target, body.dump(), kJsonType);
}

json wrap_of(const std::string& key, const std::string& text) {
  return {{"key", key}, {"plaintext", base64(text)}};
}

std::string unwrapped(Client& client, const json& blob) {
  const Reply reply = client.post("/v1/unwrap", {{"blob", blob}});
  return reply.status == 200 ? from_base64(reply.body["plaintext"]) : reply.text;
}

// What came of the requests of a load that went on while the server went away.
struct Tally {
  std::atomic<int> answered = 0;
  std::atomic<int> broken = 0;  // neither a whole answer nor none
};

void load(TlsClient& client, const std::string& bytes, Tally& tally) {
  for (;;) {
    const Answer answer = client.ask(bytes);
    if (answer.status == 0) {
      if (!client.is_closed_by_peer()) ++tally.broken;
      return;
    }
    if (answer.status != 200 || !json::accept(answer.body)) ++tally.broken;
    ++tally.answered;
  }
}

json sign_of(const std::string& key) { return {{"key", key}, {"message", "aGVsbG8="}}; }

json signs_of(const std::string& key, int count) {
  json one = sign_of(key);
  one["op"] = "sign";
  return {{"requests", std::vector<json>(static_cast<std::size_t>(count), one)}};
}

bool has_signed_with(const Sandbox& sandbox, const std::string& key) {
  for (const json& record : sandbox.records()) {
    if (record.value("operation", "") == "sign" && record.value("key", "") == key) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("life: a restart on the same folder opens what was wrapped before", "[whole][life]") {
  Sandbox sandbox;
  sandbox.make_key("life/wrap");
  Client before = sandbox.client("app");
  const Reply wrapped = before.post("/v1/wrap", wrap_of("life/wrap", "attack at dawn"));
  REQUIRE(wrapped.status == 200);
  const json key = before.get("/v1/keys/life/wrap").body;
  REQUIRE(sandbox.stop() == 0);
  CHECK(verify_code(sandbox) == 0);
  sandbox.dev();
  Client after = sandbox.client("app");
  CHECK(after.get("/v1/keys/life/wrap").body["id"] == key["id"]);
  CHECK(unwrapped(after, wrapped.body["blob"]) == "attack at dawn");
}

TEST_CASE("life: a second server on a sandbox that serves is refused", "[whole][life]") {
  Sandbox sandbox;
  const Outcome second =
      run({keyward(), "dev", "--dir", sandbox.path(""), "--listen", "127.0.0.1:0"});
  CHECK(second.exit == 1);
  CHECK(second.err.find("keyward dev: ") == 0);
  CHECK(sandbox.client("app").get("/v1/whoami").status == 200);
}

TEST_CASE("life: SIGTERM answers what is in flight, whole, and ends with 0 (76)", "[whole][life]") {
  constexpr int kSigns = 200;
  Sandbox sandbox;
  sandbox.make_key("life/load", "ecdsa-p256-sha256");
  sandbox.make_key("life/batch", "rsa-2048-pss-sha256");
  std::vector<std::unique_ptr<TlsClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<TlsClient>(sandbox.address(), sandbox.files("app")));
  }
  TlsClient busy(sandbox.address(), sandbox.files("app"));
  Tally tally;
  const std::string sign = post("/v1/sign", sign_of("life/load"));
  std::vector<std::thread> loads;
  for (const auto& client : clients) {
    loads.emplace_back(load, std::ref(*client), std::cref(sign), std::ref(tally));
  }
  const bool loaded = comes_true([&] { return tally.answered > 40; });
  const bool sent = busy.send(post("/v1/batch", signs_of("life/batch", kSigns)));
  const bool begun = comes_true([&] { return has_signed_with(sandbox, "life/batch"); });
  sandbox.signal(SIGTERM);
  const Reply answer = reply_of(busy.receive());
  for (std::thread& each : loads) each.join();
  clients.clear();
  CHECK((loaded && sent && begun));
  CHECK(tally.broken == 0);
  REQUIRE(answer.status == 200);
  CHECK(answer.body["results"].size() == kSigns);
  CHECK(busy.is_closed_by_peer());
  CHECK(sandbox.server().wait() == 0);
  CHECK(verify_code(sandbox) == 0);
}

TEST_CASE("life: after kill -9 every answered key, blob and receipt is there (69)",
          "[whole][life]") {
  struct Kept {
    std::mutex mutex;
    std::vector<std::string> keys;
    std::vector<std::pair<std::string, json>> blobs;  // plaintext, blob
    std::vector<std::string> receipts;
  } kept;
  Sandbox sandbox;
  sandbox.make_key("life/base");
  std::thread creator([&] {
    Client admin = sandbox.client("admin");
    for (int i = 0;; ++i) {
      const std::string name = "life/k" + std::to_string(i);
      const Reply made = admin.post("/v1/keys", {{"name", name}, {"algorithm", "xaes-256-gcm"}});
      if (made.status != 201) return;
      const std::lock_guard lock(kept.mutex);
      kept.keys.push_back(name);
      kept.receipts.push_back(made.receipt);
    }
  });
  std::thread wrapper([&] {
    Client app = sandbox.client("app");
    for (int i = 0;; ++i) {
      const std::string text = "text " + std::to_string(i);
      const Reply wrapped = app.post("/v1/wrap", wrap_of("life/base", text));
      if (wrapped.status != 200) return;
      const std::lock_guard lock(kept.mutex);
      kept.blobs.emplace_back(text, wrapped.body["blob"]);
      kept.receipts.push_back(wrapped.receipt);
    }
  });
  const bool busy = comes_true([&] {
    const std::lock_guard lock(kept.mutex);
    return kept.keys.size() > 10 && kept.blobs.size() > 50;
  });
  sandbox.kill();
  creator.join();
  wrapper.join();
  REQUIRE(busy);
  const int verdict = verify_code(sandbox);
  CHECK((verdict == 0 || verdict == 3));
  sandbox.dev();
  Client app = sandbox.client("app");
  for (const std::string& name : kept.keys) {
    INFO(name);
    const Reply wrapped = app.post("/v1/wrap", wrap_of(name, name));
    REQUIRE(wrapped.status == 200);
    CHECK(unwrapped(app, wrapped.body["blob"]) == name);
  }
  for (const auto& [text, blob] : kept.blobs) CHECK(unwrapped(app, blob) == text);
  const std::vector<json> records = sandbox.records();
  for (const std::string& receipt : kept.receipts) {
    const std::size_t index = std::stoul(receipt);
    REQUIRE(index < records.size());
    CHECK(receipt == std::to_string(index) + ":" + records[index]["leaf"].get<std::string>());
  }
  CHECK(sandbox.stop() == 0);
  CHECK(verify_code(sandbox) == 0);
}

}  // namespace kw::whole
