// SPDX-License-Identifier: Apache-2.0
#include "service/cosign/witness_client.h"

#include <httplib.h>

#include <thread>

#include "service/cosign/witness_url.h"
#include "tests/support/expect.h"

namespace kw::cosign {
namespace {

// Another implementation's server, which answers as it is told.
struct StubWitness {
  StubWitness() {
    server.Post("/w/add-checkpoint",
                [this](const httplib::Request& request, httplib::Response& response) {
                  seen = request.body;
                  response.status = status;
                  response.set_content(body, "text/x.tlog.size");
                });
    server.Get("/w/aa/checkpoint", [this](const httplib::Request&, httplib::Response& response) {
      response.set_content(body, "text/plain");
    });
    port = server.bind_to_any_port("127.0.0.1");
    thread = std::thread([this] { server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }
  ~StubWitness() {
    server.stop();
    thread.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port) + "/w/"; }

  httplib::Server server;
  std::thread thread;
  int port = 0;
  int status = 200;
  std::string body = "5\n";
  std::string seen;
};

}  // namespace

TEST_CASE("witness url: is read in each form", "[cosign]") {
  const auto url = REQUIRE_OK(WitnessUrl::parse("https://w.example:7600/a/b/"));
  CHECK((url.is_tls && url.host == "w.example" && url.port == 7600 && url.prefix == "/a/b"));
  const auto plain = REQUIRE_OK(WitnessUrl::parse("http://[::1]"));
  CHECK((!plain.is_tls && plain.host == "::1" && plain.port == 80 && plain.prefix.empty()));
  CHECK(REQUIRE_OK(WitnessUrl::parse("https://w/")).port == 443);
}

TEST_CASE("witness url: others are refused", "[cosign][negative]") {
  for (const char* const bad :
       {"", "w.example", "ftp://w", "https://", "https://:1", "https://w:", "https://w:0",
        "https://w:65536", "https://w:1x", "https://[::1", "https://w/a b", "https://w/\r\nX: y",
        "https://a@w", "https://w?q", "https://w#f"}) {
    INFO(bad);
    CHECK_CODE(WitnessUrl::parse(bad), Code::InvalidArgument);
  }
}

TEST_CASE("witness client: says what it is given and yields any answer", "[cosign]") {
  StubWitness stub;
  const auto client = REQUIRE_OK(WitnessClient::open(stub.url(), std::nullopt));
  for (const int status : {200, 409, 422, 503}) {
    stub.status = status;
    const auto answer = REQUIRE_OK(client->add_checkpoint("old 0\n"));
    CHECK(answer.status == status);
    CHECK(answer.content_type == "text/x.tlog.size");
    CHECK(answer.body == "5\n");
    CHECK(stub.seen == "old 0\n");
  }
  CHECK(REQUIRE_OK(client->newest_checkpoint("aa")).body == "5\n");
}

TEST_CASE("witness client: too much, nobody, or the end of it is no answer", "[cosign][fault]") {
  StubWitness stub;
  const auto client = REQUIRE_OK(WitnessClient::open(stub.url(), std::nullopt));
  stub.body = std::string(65 << 10, 'x');
  CHECK_CODE(client->add_checkpoint(""), Code::Unavailable);
  stub.body = "5\n";
  CHECK(client->add_checkpoint(""));
  const auto nobody = REQUIRE_OK(WitnessClient::open("http://127.0.0.1:1", std::nullopt));
  CHECK_CODE(nobody->add_checkpoint(""), Code::Unavailable);
  client->stop();
  CHECK_CODE(client->add_checkpoint(""), Code::Unavailable);
}

TEST_CASE("witness client: a CA file that holds none is refused", "[cosign][negative]") {
  CHECK_CODE(WitnessClient::open("https://w", "/nonexistent"), Code::InvalidArgument);
}

}  // namespace kw::cosign
