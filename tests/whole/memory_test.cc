// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <optional>

#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

using http::test::kJsonType;
using http::test::request;
using http::test::TlsClient;

constexpr std::size_t kBody = 64u << 10;
constexpr long kBoundKib = 1024;

// A line of /proc/PID/status, in KiB.
long status_of(pid_t pid, const std::string& name) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
  }
  return -1;
}

std::string filled(const std::string& head, const std::string& piece, const std::string& tail) {
  std::string text = head;
  while (text.size() + piece.size() + tail.size() <= kBody) text += piece;
  return text + tail;
}

// A server, and one connection to it, warmed by harmless requests as large as those to come: what
// its threads and its allocator set up once is there before anything is measured.
struct Warm {
  Warm() {
    const std::string harmless = request(
        "POST", "/v1/wrap",
        R"({"key":"memory/k","plaintext":")" + base64(std::string(45'000, 'w')) + "\"}", kJsonType);
    const std::string refused = request("POST", "/v1/random", "{\"bytes\":0}", kJsonType);
    sandbox.make_key("memory/k");
    for (int i = 0; i < 20; ++i) {
      REQUIRE(client.ask(harmless).status == 200);
      REQUIRE(client.ask(refused).status == 400);
    }
    for (int i = 0; i < 20; ++i) REQUIRE(fresh().ask("GET / HTTP/1.1\r\n\r\n").status == 400);
    std::ofstream("/proc/" + std::to_string(pid()) + "/clear_refs") << "5";  // the peak is now
    resident = status_of(pid(), "VmHWM");
    REQUIRE(resident > 0);
  }

  pid_t pid() { return sandbox.server().pid(); }
  TlsClient fresh() const { return TlsClient(sandbox.address(), sandbox.files("app")); }

  // From what was resident when all was warm to the highest ever: never less than what the requests
  // since then took at once.
  long risen() { return status_of(pid(), "VmHWM") - resident; }

  Sandbox sandbox;
  TlsClient client{sandbox.address(), sandbox.files("app")};
  long resident = 0;
};

}  // namespace

TEST_CASE("memory: a body of 64 KiB never takes a MiB (46)", "[whole][memory][negative]") {
  Warm warm;
  for (const std::string& body :
       {filled("", "[", ""), filled("", "{\"\":", ""), filled("[0", ",0", "]"),
        filled("{\"a\":[[]", ",[]", "]}"), filled("{\"key\":\"", "\\u0000", "\"}"),
        filled("{\"a\":0", ",\"a\":0", "}")}) {
    INFO(body.substr(0, 40));
    CHECK(warm.client.ask(request("POST", "/v1/wrap", body, kJsonType)).status == 400);
    CHECK(warm.risen() < kBoundKib);
  }
}

// Each has a server of its own: executors read batches, and what one request leaves to its thread's
// allocator is not there for another thread's.
TEST_CASE("memory: a batch of 64 KiB never takes a MiB (46)", "[whole][memory][negative]") {
  const std::string body =
      GENERATE(filled("{\"requests\":[{}", ",{}", "]}"), filled("{\"requests\":[0", ",0", "]}"),
               filled(R"({"requests":[{"op":"x"})", R"(,{"op":"x"})", "]}"));
  INFO(body.substr(0, 40));
  Warm warm;
  CHECK(warm.client.ask(request("POST", "/v1/batch", body, kJsonType)).status == 400);
  CHECK(warm.risen() < kBoundKib);
}

TEST_CASE("memory: a head that never ends is refused in constant memory (23)",
          "[whole][memory][negative]") {
  struct Long {
    std::string begin, piece;
    int status;
  };
  Warm warm;
  const std::string line = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (const Long& head :
       {Long{"GET /", "a", 414}, Long{line + "X: ", "a", 431}, Long{line, "X: a\r\n", 431},
        Long{"", "G", 431}, Long{line + "X", "x", 431}, Long{"GET /?", "a=b&", 414}}) {
    INFO(head.begin);
    std::string piece;
    while (piece.size() < (16u << 10)) piece += head.piece;
    TlsClient client = warm.fresh();
    bool goes_on = client.send(head.begin);
    for (int i = 0; i < 128 && goes_on; ++i) goes_on = client.send(piece);
    // The answer to who goes on sending can be lost in a reset.
    const int status = client.receive().status;
    CHECK((status == head.status || status == 0));
    CHECK(warm.risen() < kBoundKib);
  }
}

}  // namespace kw::whole
