// SPDX-License-Identifier: Apache-2.0
#include <openssl/ssl.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "service/http/server.h"
#include "tests/support/expect.h"
#include "tests/support/server_fixture.h"
#include "tests/support/tls_client.h"

namespace kw::http::test {
namespace {

using kw::test::LeafOptions;
using kw::test::Pki;
using kw::test::write_pem;

}  // namespace

TEST_CASE_METHOD(ServerFixture, "tls: a certificate of another issuer gets no answer (3)",
                 "[http][tls][negative]") {
  start();
  LeafOptions same;
  same.uris = {"spiffe://test/app"};
  const auto files = files_for("forged", GENERATE_COPY(Pki::self_sign(same), Pki().issue(same)));
  TlsClient client(address(), files);
  CHECK(client.ask(request("GET", "/")).status == 0);
  CHECK(journal.entries().empty());
}

TEST_CASE_METHOD(ServerFixture, "tls: who does not hold the key gets no answer (14)",
                 "[http][tls][negative]") {
  LeafOptions options_of_app;
  auto identity = pki.issue(options_of_app);
  identity.key = kw::test::forge_key(identity);
  start();
  TlsClient client(address(), files_for("thief", identity));
  CHECK(client.ask(request("GET", "/")).status == 0);
  CHECK(journal.entries().empty());
}

TEST_CASE_METHOD(ServerFixture, "tls: an unfit certificate reaches no dispatcher (4, 8, 11)",
                 "[http][tls][negative]") {
  LeafOptions unfit;
  SECTION("expired") { unfit.not_after = -60; }
  SECTION("not yet valid") { unfit.not_before = 600; }
  SECTION("a server's") { unfit.usage = kw::test::ExtendedUsage::Server; }
  SECTION("a CA") { unfit.role = kw::test::Role::Authority; }
  SECTION("RSA-1024") { unfit.key = kw::test::KeyKind::Rsa1024; }
  SECTION("SHA-1") { unfit.digest = "SHA1"; }
  start();
  TlsClient client(address(), files_for("unfit", pki.issue(unfit)));
  const int status = client.ask(request("GET", "/")).status;
  CHECK((status == 0 || status == 401));
  CHECK(journal.entries().empty());
}

TEST_CASE_METHOD(ServerFixture, "tls: a connection outlives its certificate by no request (4)",
                 "[http][tls][negative]") {
  LeafOptions brief;
  brief.not_after = 5;
  start();
  TlsClient client(address(), files_for("brief", pki.issue(brief)));
  int status = 200;
  while (status == 200) status = client.ask(request("GET", "/")).status;
  CHECK(status == 401);
  CHECK(client.is_closed_by_peer());
}

TEST_CASE_METHOD(ServerFixture, "tls: nothing older than 1.3 is spoken (13)",
                 "[http][tls][negative]") {
  start();
  CHECK_FALSE(TlsClient(address(), app, {TLS1_2_VERSION}).is_connected());
  CHECK(TlsClient(address(), app).is_connected());
}

TEST_CASE_METHOD(ServerFixture, "tls: no session can be resumed (6)", "[http][tls][negative]") {
  start();
  TlsClient client(address(), app);
  REQUIRE(client.ask(request("GET", "/")).status == 200);
  CHECK(SSL_SESSION_is_resumable(SSL_get0_session(client.ssl())) == 0);
}

TEST_CASE_METHOD(ServerFixture, "tls: plain HTTP is not spoken", "[http][tls][negative]") {
  start();
  const FileDescriptor plain(connect_socket(address()));
  const std::string bytes = request("GET", "/");
  REQUIRE(::write(plain.get(), bytes.data(), bytes.size()) > 0);
  std::string answer(512, '\0');
  const ssize_t size = ::read(plain.get(), answer.data(), answer.size());
  CHECK(answer.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0))).find("HTTP") ==
        std::string::npos);
}

TEST_CASE_METHOD(ServerFixture, "tls: a revoked certificate ends an open connection (5)",
                 "[http][tls][reload]") {
  start();
  TlsClient client(address(), app);
  TlsClient other(address(), files_for("other", pki.issue({})));
  CHECK(client.ask(request("GET", "/")).status == 200);
  CHECK(other.ask(request("GET", "/")).status == 200);
  write_pem(directory / "crl.pem", pki.revoke({4711}));
  TlsFiles with_crl = options.tls;
  with_crl.crls = {directory / "crl.pem"};
  REQUIRE_OK(server->reload(with_crl, options.limits));
  CHECK(client.ask(request("GET", "/")).status == 401);
  CHECK(client.is_closed_by_peer());
  CHECK(other.ask(request("GET", "/")).status == 200);
  CHECK(TlsClient(address(), app).ask(request("GET", "/")).status == 0);
}

TEST_CASE_METHOD(ServerFixture, "tls: an expired CRL refuses everybody (7)",
                 "[http][tls][negative]") {
  write_pem(directory / "crl.pem", pki.revoke({}, -60));
  options.tls.crls = {directory / "crl.pem"};
  start();
  CHECK(TlsClient(address(), app).ask(request("GET", "/")).status == 0);
  CHECK(TlsClient(address(), anonymous()).ask(request("GET", "/")).status == 200);
}

TEST_CASE_METHOD(ServerFixture, "tls: a new client CA ends the callers of the old one",
                 "[http][tls][reload]") {
  start();
  TlsClient client(address(), app);
  CHECK(client.ask(request("GET", "/")).status == 200);
  const Pki next("the next CA");
  write_pem(directory / "next.pem", next.certificate());
  TlsFiles files = options.tls;
  files.client_ca = directory / "next.pem";
  REQUIRE_OK(server->reload(files, options.limits));
  CHECK(client.ask(request("GET", "/")).status == 401);
  CHECK(TlsClient(address(), files_for("new", next.issue({}))).ask(request("GET", "/")).status ==
        200);
}

TEST_CASE_METHOD(ServerFixture, "tls: a reload that fails changes nothing", "[http][tls][reload]") {
  start();
  TlsFiles bad = options.tls;
  Code code = Code::InvalidArgument;
  SECTION("no file") {
    bad.client_ca = directory / "none.pem";
    code = Code::NotFound;
  }
  SECTION("another's key") { bad.key = app.key; }
  SECTION("no certificate") { bad.certificate = app.key; }
  SECTION("a CRL that is none") { bad.crls = {app.certificate}; }
  CHECK_CODE(server->reload(bad, options.limits), code);
  CHECK(TlsClient(address(), app).ask(request("GET", "/")).status == 200);
}

}  // namespace kw::http::test
