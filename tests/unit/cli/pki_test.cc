// SPDX-License-Identifier: Apache-2.0
// The oracle is the openssl command.
#include "service/sandbox/pki.h"

#include <cstdio>

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::sandbox {
namespace {

struct Ran {
  int exit = -1;
  std::string out;
};

Ran shell(const std::string& command) {
  Ran ran;
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  char buffer[4096];
  std::size_t got = 0;
  while ((got = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0) ran.out.append(buffer, got);
  ran.exit = ::pclose(pipe);
  return ran;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

struct PkiFixture {
  PkiFixture() : authority(REQUIRE_OK(Authority::make("test CA"))) {
    write("ca", REQUIRE_OK(authority.certificate()));
    server = REQUIRE_OK(authority.issue_server());
    client = REQUIRE_OK(authority.issue_client("app"));
    write("server", server.certificate);
    write("client", client.certificate);
  }

  void write(const std::string& name, const std::string& text) {
    REQUIRE_OK(write_file(folder / (name + ".pem"), text));
  }
  std::string file(const std::string& name) const { return (folder / (name + ".pem")).string(); }
  std::string text(const std::string& name) const {
    return shell("openssl x509 -noout -text -in " + file(name)).out;
  }

  test::TempDir folder;
  Authority authority;
  Credential server;
  Credential client;
};

}  // namespace

TEST_CASE_METHOD(PkiFixture, "pki: openssl verify takes the server for its names",
                 "[sandbox][pki]") {
  const auto name =
      GENERATE("-verify_hostname localhost", "-verify_ip 127.0.0.1", "-verify_ip ::1");
  const auto ran = shell("openssl verify -x509_strict -purpose sslserver " + std::string(name) +
                         " -CAfile " + file("ca") + " " + file("server"));
  INFO(ran.out);
  CHECK(ran.exit == 0);
}

TEST_CASE_METHOD(PkiFixture, "pki: openssl verify refuses the server for another name",
                 "[sandbox][pki]") {
  CHECK(shell("openssl verify -verify_hostname example.org -CAfile " + file("ca") + " " +
              file("server"))
            .exit != 0);
}

TEST_CASE_METHOD(PkiFixture, "pki: openssl verify takes the client as a client only",
                 "[sandbox][pki]") {
  const std::string command = "openssl verify -x509_strict -CAfile " + file("ca") + " ";
  CHECK(shell(command + "-purpose sslclient " + file("client")).exit == 0);
  CHECK(shell(command + "-purpose sslserver " + file("client")).exit != 0);
  CHECK(shell(command + "-purpose sslclient " + file("server")).exit != 0);
}

TEST_CASE_METHOD(PkiFixture, "pki: a client certificate names its SPIFFE id", "[sandbox][pki]") {
  const std::string text = this->text("client");
  CHECK(contains(text, "URI:spiffe://keyward.dev/app\n"));
  CHECK(contains(text, "TLS Web Client Authentication\n"));
  CHECK(contains(text, "NIST CURVE: P-256"));
  CHECK(contains(text, "CA:FALSE"));
}

TEST_CASE_METHOD(PkiFixture, "pki: leaves last one year, the CA ten", "[sandbox][pki]") {
  const auto lasts = [&](const std::string& name, long days) {
    return shell("openssl x509 -noout -checkend " + std::to_string(days * 86400) + " -in " +
                 file(name))
               .exit == 0;
  };
  CHECK(lasts("client", 364));
  CHECK_FALSE(lasts("client", 366));
  CHECK(lasts("server", 364));
  CHECK_FALSE(lasts("server", 366));
  CHECK(lasts("ca", 3649));
  CHECK_FALSE(lasts("ca", 3651));
}

TEST_CASE_METHOD(PkiFixture, "pki: the CA may issue leaves only", "[sandbox][pki]") {
  const std::string text = this->text("ca");
  CHECK(contains(text, "CA:TRUE, pathlen:0"));
  CHECK(contains(text, "Certificate Sign, CRL Sign"));
}

TEST_CASE_METHOD(PkiFixture, "pki: a private key belongs to its certificate", "[sandbox][pki]") {
  REQUIRE_OK(write_file(folder / "client.key", as_text(client.key.reveal()), 0600));
  const auto from_key = shell("openssl pkey -pubout -in " + (folder / "client.key").string()).out;
  const auto from_certificate = shell("openssl x509 -noout -pubkey -in " + file("client")).out;
  CHECK(contains(from_key, "BEGIN PUBLIC KEY"));
  CHECK(from_key == from_certificate);
}

TEST_CASE_METHOD(PkiFixture, "pki: another CA of the same name does not vouch", "[sandbox][pki]") {
  const auto other = REQUIRE_OK(Authority::make("test CA"));
  write("other", REQUIRE_OK(other.certificate()));
  CHECK(shell("openssl verify -CAfile " + file("other") + " " + file("client")).exit != 0);
}

TEST_CASE_METHOD(PkiFixture, "pki: a client's name that could change its URI is refused",
                 "[sandbox][pki]") {
  const auto name = GENERATE("", "a/b", "a,URI:spiffe://keyward.dev/admin", "A", "a b", "\xc3\xa4");
  CHECK_CODE(authority.issue_client(name), Code::InvalidArgument);
}

}  // namespace kw::sandbox
