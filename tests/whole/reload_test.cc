// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "sandbox.h"
#include "tests/support/expect.h"
#include "tests/support/pki.h"

namespace kw::whole {
namespace {

using http::test::Answer;
using http::test::ClientFiles;
using http::test::kJsonType;
using http::test::request;
using http::test::TlsClient;
using test::write_pem;

const std::string kWhoami = request("GET", "/v1/whoami");

std::string wrap_request() {
  return request("POST", "/v1/wrap", R"({"key":"reload/k","plaintext":"aGVsbG8="})", kJsonType);
}

std::string policy_of(const Sandbox& sandbox) {
  return sandbox.client("admin").get("/v1/policy").text;
}

// Asks the same until the answer has this status.
bool becomes(TlsClient& client, const std::string& bytes, int status) {
  return comes_true([&] { return client.ask(bytes).status == status; });
}

// An authority whose key is at hand, in the place of the sandbox's own: it can revoke.
struct Authority {
  explicit Authority(const Sandbox& sandbox) {
    write_pem(sandbox / "ca.pem", pki.certificate());
    const test::Identity server = pki.issue_server();
    write_pem(sandbox / "server.pem", server.certificate);
    write_pem(sandbox / "server.key", server.key);
  }

  ClientFiles issue(const Sandbox& sandbox, const std::string& name, long serial) const {
    test::LeafOptions options;
    options.common_name = name;
    options.serial = serial;
    options.uris = {"spiffe://keyward.dev/" + name};
    const test::Identity identity = pki.issue(options);
    const ClientFiles files = sandbox.files(name);
    write_pem(files.certificate, identity.certificate);
    write_pem(files.key, identity.key);
    return files;
  }

  test::Pki pki;
};

}  // namespace

TEST_CASE("reload: a new policy rules a connection that is open", "[whole][reload]") {
  Sandbox sandbox;
  sandbox.make_key("reload/k");
  TlsClient client(sandbox.address(), sandbox.files("app"));
  REQUIRE(client.ask(wrap_request()).status == 200);
  sandbox.edit("policy.yaml", "[read, wrap, unwrap,", "[read, unwrap,");
  CHECK(client.ask(wrap_request()).status == 200);
  sandbox.signal(SIGHUP);
  CHECK(becomes(client, wrap_request(), 403));
  CHECK(client.ask(kWhoami).status == 200);
  CHECK(sandbox.says("policy, certificates, limits and token were reloaded"));
}

TEST_CASE("reload: what is broken changes nothing and is said (50)", "[whole][reload][negative]") {
  Sandbox sandbox;
  sandbox.make_key("reload/k");
  const std::string before = policy_of(sandbox);
  TlsClient client(sandbox.address(), sandbox.files("app"));
  // A policy that would be good, except where it is the policy that is broken.
  sandbox.edit("policy.yaml", "[read, wrap, unwrap,", "[read, unwrap,");
  SECTION("a policy that is no YAML") { sandbox.write("policy.yaml", "rules: [\n"); }
  SECTION("a policy whose own test fails") {
    sandbox.edit("policy.yaml", "do: unwrap, key: demo, expect: deny",
                 "do: unwrap, key: demo, expect: allow");
  }
  SECTION("a rule that grants everything to everybody") {
    sandbox.edit("policy.yaml", "\nrules:\n",
                 "\nrules:\n  - {id: all, allow: [use, admin], to: ['*'], keys: ['**']}\n");
  }
  SECTION("a server certificate that is none") { sandbox.write("server.pem", "no certificate\n"); }
  SECTION("another's private key") {
    sandbox.write("server.key", REQUIRE_OK(read_file(sandbox / "clients/app.key")));
  }
  SECTION("a configuration with an unknown field") {
    sandbox.edit("keyward.yaml", "policy: policy.yaml", "policy: policy.yaml\npolizei: 1");
  }
  sandbox.signal(SIGHUP);
  CHECK(sandbox.says("nothing was reloaded: "));
  CHECK(policy_of(sandbox) == before);
  CHECK(client.ask(wrap_request()).status == 200);
  CHECK(TlsClient(sandbox.address(), sandbox.files("app")).ask(wrap_request()).status == 200);
}

TEST_CASE("reload: new limits hold without a restart", "[whole][reload]") {
  Sandbox sandbox;
  TlsClient open(sandbox.address(), sandbox.files("app"));
  REQUIRE(open.ask(kWhoami).status == 200);
  sandbox.edit("keyward.yaml", "limits: {request_deadline: 30s}",
               "limits: {request_deadline: 300ms, idle_timeout: 400ms, connections: 1}");
  sandbox.signal(SIGHUP);
  REQUIRE(sandbox.says("policy, certificates, limits and token were reloaded"));
  // The one seat is taken by who had it before.
  CHECK_FALSE(TlsClient(sandbox.address(), sandbox.files("app")).is_connected());
  REQUIRE(open.ask(kWhoami).status == 200);
  REQUIRE(open.send("GET /v1/whoami HTTP/1.1\r\n"));
  CHECK(open.receive().status == 408);
  CHECK(open.is_closed_by_peer());
  CHECK(comes_true(
      [&] { return TlsClient(sandbox.address(), sandbox.files("app")).is_connected(); }));
  TlsClient idle(sandbox.address(), sandbox.files("app"));
  CHECK(idle.is_closed_by_peer());
}

TEST_CASE("reload: limits change with all the rest or not at all", "[whole][reload][negative]") {
  Sandbox sandbox;
  sandbox.make_key("reload/k");
  TlsClient open(sandbox.address(), sandbox.files("app"));
  REQUIRE(open.ask(wrap_request()).status == 200);
  // A policy and limits that would be good, but for what each section breaks.
  sandbox.edit("policy.yaml", "[read, wrap, unwrap,", "[read, unwrap,");
  sandbox.edit("keyward.yaml", "30s}", "30s, connections: 1, queue: 1}");
  SECTION("limits with a number that is none") {
    sandbox.edit("keyward.yaml", "connections: 1", "connections: 0");
  }
  SECTION("limits with a duration that is none") {
    sandbox.edit("keyward.yaml", "request_deadline: 30s", "request_deadline: 30");
  }
  SECTION("a certificate that is none") { sandbox.write("server.pem", "no certificate\n"); }
  SECTION("a policy that is none") { sandbox.write("policy.yaml", "rules: [\n"); }
  sandbox.signal(SIGHUP);
  REQUIRE(sandbox.says("nothing was reloaded: "));
  CHECK(open.ask(wrap_request()).status == 200);
  CHECK(TlsClient(sandbox.address(), sandbox.files("app")).ask(wrap_request()).status == 200);
}

TEST_CASE("reload: a revoked client is refused at its next request (5)",
          "[whole][reload][negative]") {
  Sandbox sandbox;
  REQUIRE(sandbox.stop() == 0);
  const Authority authority(sandbox);
  const ClientFiles app = authority.issue(sandbox, "app", 4711);
  const ClientFiles admin = authority.issue(sandbox, "admin", 4712);
  sandbox.edit("keyward.yaml", "client_ca: ca.pem", "client_ca: ca.pem, crl: revoked.pem");
  write_pem(sandbox / "revoked.pem", authority.pki.revoke({}));
  sandbox.dev();
  TlsClient client(sandbox.address(), app);
  TlsClient other(sandbox.address(), admin);
  REQUIRE(client.ask(kWhoami).status == 200);
  REQUIRE(other.ask(kWhoami).status == 200);
  write_pem(sandbox / "revoked.pem", authority.pki.revoke({4711}));
  sandbox.signal(SIGHUP);
  CHECK(becomes(client, kWhoami, 401));
  CHECK(client.is_closed_by_peer());
  CHECK(TlsClient(sandbox.address(), app).ask(kWhoami).status == 0);
  CHECK(other.ask(kWhoami).status == 200);
}

TEST_CASE("reload: a new server certificate meets the next handshake", "[whole][reload]") {
  Sandbox sandbox;
  REQUIRE(sandbox.stop() == 0);
  const Authority authority(sandbox);
  const ClientFiles app = authority.issue(sandbox, "app", 4711);
  sandbox.dev();
  TlsClient open(sandbox.address(), app);
  REQUIRE(open.ask(kWhoami).status == 200);
  const test::Identity next = authority.pki.issue_server();
  write_pem(sandbox / "server.pem", next.certificate);
  write_pem(sandbox / "server.key", next.key);
  sandbox.signal(SIGHUP);
  REQUIRE(sandbox.says("policy, certificates, limits and token were reloaded"));
  CHECK(open.ask(kWhoami).status == 200);
  CHECK(TlsClient(sandbox.address(), app).peer_certificate() == next.certificate);
  CHECK(open.peer_certificate() != next.certificate);
}

}  // namespace kw::whole
