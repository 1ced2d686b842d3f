// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <thread>

#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

using http::test::Answer;
using http::test::kJsonType;
using http::test::request;
using http::test::TlsClient;

constexpr int kFirstHung = 400;  // of the server's encryptions; a start needs a few dozen

const std::string kWrap = R"({"key": "hung/k", "plaintext": "eA=="})";

// A sandbox whose server loads the token's module through the shim, where encryptions hang from the
// 400th on.
void serve_broken(Sandbox& sandbox, const std::string& token, const std::string& limits) {
  REQUIRE(sandbox.stop() == 0);
  sandbox.edit("keyward.yaml", "  module: /usr/lib/softhsm/libsofthsm2.so\n",
               "  module: " KEYWARD_SHIM_PATH "\n" + token);
  sandbox.edit("keyward.yaml", "limits: {request_deadline: 30s}", "limits: {" + limits + "}");
  std::string rules;
  for (int i = kFirstHung; i < kFirstHung + 40; ++i) {
    rules += "hang C_Encrypt " + std::to_string(i) + ";";
  }
  sandbox.serve(
      {{"KEYWARD_SHIM_MODULE", "/usr/lib/softhsm/libsofthsm2.so"}, {"KEYWARD_SHIM_RULES", rules}});
}

bool has_event(const Sandbox& sandbox, const std::string& event) {
  for (const json& record : sandbox.records()) {
    if (record.value("event", "") == event) return true;
  }
  return false;
}

// Wraps until one is not answered well; yields the status of that one. The receipts of the others.
int wrap_until_one_hangs(const Sandbox& sandbox, std::vector<std::string>& receipts) {
  Client app = sandbox.client("app");
  for (;;) {
    const Reply reply = app.post_text("/v1/wrap", kWrap);
    if (reply.status != 200) return reply.status;
    receipts.push_back(reply.receipt);
  }
}

void check_receipts(const Sandbox& sandbox, const std::vector<std::string>& receipts) {
  const std::vector<json> records = sandbox.records();
  for (const std::string& receipt : receipts) {
    const std::size_t index = std::stoul(receipt);
    REQUIRE(index < records.size());
    CHECK(receipt == std::to_string(index) + ":" + records[index]["leaf"].get<std::string>());
  }
}

}  // namespace

TEST_CASE("hung: too many calls that hang end the service in order, for a restart",
          "[whole][hung][fault]") {
  Sandbox sandbox;
  sandbox.make_key("hung/k");
  serve_broken(sandbox, "  hung_after: 500ms\n  most_hung: 2\n", "request_deadline: 2s");
  std::vector<std::string> receipts;
  CHECK(wrap_until_one_hangs(sandbox, receipts) == 503);
  CHECK(receipts.size() > 10);
  while (sandbox.server().is_running()) {
    const int status = sandbox.client("app").post_text("/v1/wrap", kWrap).status;
    CHECK((status == 503 || status == 0));
  }
  CHECK(sandbox.server().wait() == 75);
  CHECK(sandbox.says("its thread is replaced"));
  CHECK(sandbox.says("too many calls hang"));
  CHECK(verify_code(sandbox) == 0);
  CHECK(has_event(sandbox, "token lost"));
  CHECK(sandbox.records().back()["event"] == "stop");
  check_receipts(sandbox, receipts);
  // What the supervisor does then.
  sandbox.edit("keyward.yaml", KEYWARD_SHIM_PATH, "/usr/lib/softhsm/libsofthsm2.so");
  sandbox.serve();
  CHECK(sandbox.client("app").post_text("/v1/wrap", kWrap).status == 200);
  CHECK(sandbox.stop() == 0);
}

TEST_CASE("hung: SIGTERM does not wait for a call that hangs", "[whole][hung][fault]") {
  Sandbox sandbox;
  sandbox.make_key("hung/k");
  serve_broken(sandbox, "  hung_after: 1h\n", "request_deadline: 2s");
  std::vector<std::string> receipts;
  CHECK(wrap_until_one_hangs(sandbox, receipts) == 503);
  CHECK(sandbox.stop() == 75);
  CHECK(sandbox.says("the process ends without them"));
  CHECK(verify_code(sandbox) == 0);
  CHECK(sandbox.records().back()["event"] == "stop");
  check_receipts(sandbox, receipts);
}

TEST_CASE("hung: who fills the queue gets 429 at once, others are let in", "[whole][hung][fault]") {
  Sandbox sandbox;
  sandbox.make_key("hung/k");
  serve_broken(sandbox, "  hung_after: 1h\n  executors: 1\n",
               "request_deadline: 10m, queue_per_caller: 2");
  const std::string bytes = request("POST", "/v1/wrap", kWrap, kJsonType);
  const auto connect = [&] {
    return std::make_unique<TlsClient>(sandbox.address(), sandbox.files("app"));
  };
  std::atomic<int> answered = 0;
  std::thread load([&] {
    const auto client = connect();
    while (client->ask(bytes).status == 200) ++answered;
  });
  // It stands still, most likely because its call hangs. If not, what follows is done again.
  int before = -1;
  while (before != answered) {
    before = answered;
    std::this_thread::sleep_for(std::chrono::seconds(2));
  }
  std::vector<std::unique_ptr<TlsClient>> waiting;
  Answer refused;
  const bool full = comes_true([&] {
    waiting.push_back(connect());
    waiting.push_back(connect());
    for (const auto& each : waiting) (void)each->send(bytes);
    refused = connect()->ask(bytes);
    return refused.status == 429;
  });
  CHECK(full);
  CHECK(refused.header("Retry-After") == "1");
  CHECK(json::parse(refused.body)["code"] == "resource_exhausted");
  sandbox.kill();
  load.join();
}

}  // namespace kw::whole
