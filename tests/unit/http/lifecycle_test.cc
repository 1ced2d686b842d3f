// SPDX-License-Identifier: Apache-2.0
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "service/http/server.h"
#include "tests/support/expect.h"
#include "tests/support/server_fixture.h"
#include "tests/support/tls_client.h"

namespace kw::http::test {
namespace {

constexpr std::chrono::seconds kLong{10};

void allow_many_descriptors() {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

}  // namespace

TEST_CASE_METHOD(ServerFixture, "drain: answers what is in flight and closes what is idle",
                 "[http][drain]") {
  start();
  TlsClient idle(address(), app);
  CHECK(idle.ask(request("GET", "/")).status == 200);
  TlsClient busy(address(), app);
  REQUIRE(busy.send(request("GET", "/hold")));
  Respond respond = journal.release();
  std::thread draining([this] { server->drain(deadline_in(kLong)); });
  CHECK(idle.is_closed_by_peer());
  respond({});
  const Answer answer = busy.receive();
  CHECK(answer.status == 200);
  CHECK(answer.header("Connection") == "close");
  CHECK(busy.is_closed_by_peer());
  (void)::shutdown(SSL_get_fd(busy.ssl()), SHUT_RDWR);
  draining.join();
  CHECK(server->connections() == 0);
}

TEST_CASE_METHOD(ServerFixture, "drain: ends at its deadline", "[http][drain]") {
  start();
  TlsClient busy(address(), app);
  REQUIRE(busy.send(request("GET", "/hold")));
  Respond respond = journal.release();
  server->drain(deadline_in(std::chrono::milliseconds(50)));
  CHECK(server->connections() == 0);
  CHECK(busy.receive().status == 0);
  respond({});  // to nobody
}

TEST_CASE_METHOD(ServerFixture, "server: an answer may come after its end", "[http][drain]") {
  start();
  TlsClient busy(address(), app);
  REQUIRE(busy.send(request("GET", "/hold")));
  Respond respond = journal.release();
  server.reset();
  respond({});
  CHECK(busy.receive().status == 0);
}

TEST_CASE_METHOD(ServerFixture, "drain: under load each answer is whole or absent",
                 "[http][drain]") {
  start();
  std::atomic<int> answered = 0;
  std::atomic<int> broken = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      TlsClient client(address(), app);
      const std::string bytes = request("POST", "/echo", "{}", kJsonType);
      for (Answer answer = client.ask(bytes); answer.status != 0; answer = client.ask(bytes)) {
        if (answer.status != 200 || answer.body != "{}") ++broken;
        ++answered;
      }
    });
  }
  while (answered < 100) std::this_thread::yield();
  server->drain(deadline_in(kLong));
  for (auto& client : clients) client.join();
  CHECK(broken == 0);
  CHECK(server->connections() == 0);
}

TEST_CASE_METHOD(ServerFixture, "reload: under load no handshake and no request fails",
                 "[http][reload]") {
  start();
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::atomic<int> rounds = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 2; ++i) {
    clients.emplace_back([&] {
      while (!done) {
        TlsClient client(address(), app);
        for (int n = 0; n < 3; ++n) {
          if (client.ask(request("GET", "/")).status != 200) ++failed;
        }
        ++rounds;
      }
    });
  }
  while (rounds < 20) REQUIRE_OK(server->reload(options.tls, options.limits));
  done = true;
  for (auto& client : clients) client.join();
  CHECK(failed == 0);
}

TEST_CASE_METHOD(ServerFixture, "server: 500 idle connections hold up nobody", "[http][idle]") {
  allow_many_descriptors();
  options.limits.idle = std::chrono::minutes(10);
  start();
  std::vector<std::unique_ptr<TlsClient>> idle;
  for (int i = 0; i < 500; ++i) {
    idle.push_back(std::make_unique<TlsClient>(address(), anonymous()));
    REQUIRE(idle.back()->is_connected());
  }
  TlsClient active(address(), app);
  for (int i = 0; i < 50; ++i) CHECK(active.ask(request("GET", "/")).status == 200);
  CHECK(server->connections() == 501);
  CHECK(idle.front()->ask(request("GET", "/")).status == 200);
}

TEST_CASE_METHOD(ServerFixture, "server: idle connections end after the idle time",
                 "[http][idle]") {
  options.limits.idle = std::chrono::seconds(2);
  start();
  TlsClient client(address(), app);
  CHECK(client.ask(request("GET", "/")).status == 200);
  CHECK(client.is_closed_by_peer());
}

TEST_CASE_METHOD(ServerFixture, "server: over the limit a connection is closed",
                 "[http][negative]") {
  options.limits.connections = 1;
  start();
  TlsClient first(address(), app);
  CHECK(first.ask(request("GET", "/")).status == 200);
  CHECK_FALSE(TlsClient(address(), app).is_connected());
  CHECK(first.ask(request("GET", "/")).status == 200);
}

}  // namespace kw::http::test
