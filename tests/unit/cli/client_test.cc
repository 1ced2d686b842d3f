// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <stdlib.h>

#include "call.h"
#include "fake_server.h"
#include "service/sandbox/pki.h"

namespace kw::cli {
namespace {

test::FakeServer::Answer answer_with(int status, std::string body) {
  return [status, body](const test::FakeRequest&) { return test::FakeReply{status, body}; };
}

ClientSettings settings_for(const test::FakeServer& server) {
  return {server.address(), server.file("ca.pem"), server.file("app.pem"), server.file("app.key")};
}

}  // namespace

TEST_CASE("client: two calls go over one connection", "[cli][client]") {
  const test::FakeServer server(answer_with(200, "{}"));
  const auto client = REQUIRE_OK(Client::open(settings_for(server)));
  (void)REQUIRE_OK(client->get("/v1/whoami"));
  (void)REQUIRE_OK(client->post("/v1/random", Secret::copy_of(as_bytes("{}"))));
  const auto seen = server.seen();
  REQUIRE(seen.size() == 2);
  CHECK(seen[0].remote_port == seen[1].remote_port);
}

TEST_CASE("client: an answer carries body, status, request id", "[cli][client]") {
  const test::FakeServer server(answer_with(201, std::string(100'000, 'x')));
  const auto client = REQUIRE_OK(Client::open(settings_for(server)));
  const auto answer = REQUIRE_OK(client->get("/"));
  CHECK(answer.status == 201);
  CHECK(answer.body.size() == 100'000);
  CHECK(answer.request_id == "00112233445566778899aabbccddeeff");
}

TEST_CASE("client: an answer without end is cut off", "[cli][client]") {
  const test::FakeServer server(answer_with(200, std::string((16u << 20) + 1, 'x')));
  const auto client = REQUIRE_OK(Client::open(settings_for(server)));
  CHECK_CODE(client->get("/"), Code::Unavailable);
}

TEST_CASE("client: a problem becomes its code and a text to act on", "[cli][client]") {
  const test::FakeServer server(answer_with(403, R"({"code": "permission_denied",
      "title": "Forbidden", "status": 403, "detail": "no rule allows wrap on app/x"})"));
  const auto client = REQUIRE_OK(Client::open(settings_for(server)));
  const auto answer = client->get("/v1/whoami");
  CHECK_CODE(answer, Code::PermissionDenied);
  const std::string text = answer.error().detail();
  CHECK(text.find("no rule allows wrap on app/x") != std::string::npos);
  CHECK(text.find("request 00112233445566778899aabbccddeeff") != std::string::npos);
}

TEST_CASE("client: a server of another CA is refused", "[cli][client]") {
  const test::FakeServer server(answer_with(200, "{}"));
  const test::TempDir folder;
  const auto other = REQUIRE_OK(sandbox::Authority::make("test CA"));
  const std::string certificate = REQUIRE_OK(other.certificate());
  REQUIRE_OK(write_file(folder / "ca.pem", certificate));
  auto settings = settings_for(server);
  settings.ca_file = (folder / "ca.pem").string();
  const auto client = REQUIRE_OK(Client::open(settings));
  const auto answer = client->get("/");
  CHECK_CODE(answer, Code::Unauthenticated);
  CHECK(answer.error().detail().find("--cacert") != std::string::npos);
  CHECK(server.seen().empty());
}

TEST_CASE("client: a server of another name is refused", "[cli][client]") {
  const test::FakeServer server(answer_with(200, "{}"));
  auto settings = settings_for(server);
  settings.address.replace(settings.address.find("127.0.0.1"), 9,
                           "127.1");  // the same place by another name
  const auto client = REQUIRE_OK(Client::open(settings));
  const auto answer = client->get("/");
  CHECK_CODE(answer, Code::Unauthenticated);
  CHECK(server.seen().empty());
}

TEST_CASE("client: localhost is a name of the server too", "[cli][client]") {
  const test::FakeServer server(answer_with(200, "{}"));
  auto settings = settings_for(server);
  settings.address.replace(settings.address.find("127.0.0.1"), 9, "localhost");
  const auto client = REQUIRE_OK(Client::open(settings));
  (void)REQUIRE_OK(client->get("/"));
}

TEST_CASE("client: a unix socket's server proves to be localhost", "[cli][client]") {
  const test::FakeServer server(answer_with(200, "{}"), test::FakeServer::Place::Socket);
  const auto client = REQUIRE_OK(Client::open(settings_for(server)));
  (void)REQUIRE_OK(client->get("/v1/whoami"));
  REQUIRE(server.seen().size() == 1);
  CHECK(server.seen()[0].host == "localhost");
  CHECK(server.seen()[0].peer == "app");
}

TEST_CASE("client: nobody at the address is Unavailable", "[cli][client]") {
  std::string address;
  {
    const test::FakeServer gone(answer_with(200, "{}"));
    address = gone.address();
  }
  const auto client = REQUIRE_OK(Client::open({address, {}, {}, {}}));
  CHECK_CODE(client->get("/"), Code::Unavailable);
}

TEST_CASE("client: an address that cannot be read is refused", "[cli][client]") {
  const auto address = GENERATE("", "http://localhost:1", "https://", "https://a/b", "a:0",
                                "a:65536", "a:1x", "[::1", "[::1]x", "unix:", ":7443");
  CHECK_CODE(Client::open({address, {}, {}, {}}), Code::InvalidArgument);
}

TEST_CASE("client: each way to write an address is read", "[cli][client]") {
  const auto address =
      GENERATE("localhost", "localhost:1", "https://localhost", "https://localhost:1/", "[::1]",
               "https://[::1]:65535", "unix:/run/keyward.sock");
  CHECK(Client::open({address, {}, {}, {}}).has_value());
}

TEST_CASE("client: files that are missing or do not fit are named", "[cli][client]") {
  const test::FakeServer server(answer_with(200, "{}"));
  auto settings = settings_for(server);
  SECTION("CA") { settings.ca_file = "/nonexistent"; }
  SECTION("certificate") { settings.certificate = "/nonexistent"; }
  SECTION("key") { settings.key_file = "/nonexistent"; }
  SECTION("no key") { settings.key_file = ""; }
  SECTION("another's key") { settings.key_file = server.file("server.key"); }
  CHECK_CODE(Client::open(settings), Code::InvalidArgument);
}

TEST_CASE("client: an option wins over the environment", "[cli][client]") {
  ::setenv("KEYWARD_ADDR", "https://from.environment", 1);
  ::setenv("KEYWARD_KEY", "environment.key", 1);
  Arguments arguments;
  arguments.add("--addr", "https://from.option");
  const auto settings = client_settings(arguments);
  ::unsetenv("KEYWARD_ADDR");
  ::unsetenv("KEYWARD_KEY");
  CHECK(settings.address == "https://from.option");
  CHECK(settings.key_file == "environment.key");
  CHECK(settings.certificate.empty());
}

}  // namespace kw::cli
