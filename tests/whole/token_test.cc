// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

constexpr int kLatched = 77;

Outcome serve(const Sandbox& sandbox) {
  return run({keyward(), "serve", "--config", sandbox.path("keyward.yaml")});
}

Outcome unlatch(const Sandbox& sandbox) {
  return run({keyward(), "token", "unlatch", "--config", sandbox.path("keyward.yaml")});
}

std::string pin_of(const Sandbox& sandbox) {
  const std::string text = REQUIRE_OK(read_file(sandbox / "token/pin"));
  return text.substr(0, text.find('\n'));
}

void write_pin(const Sandbox& sandbox, const std::string& pin) {
  REQUIRE_OK(write_file(sandbox / "token/pin", pin + "\n", 0600));
}

bool works(const Sandbox& sandbox) {
  const std::string target = "/v1/random";
  return sandbox.client("app").post(target, {{"bytes", 16}}).status == 200;
}

}  // namespace

TEST_CASE("token: a refused PIN ends serve with a code of its own, until an operator lifts it",
          "[whole][token]") {
  Sandbox sandbox;
  CHECK(sandbox.stop() == 0);
  CHECK(unlatch(sandbox).out.find("no refused PIN") != std::string::npos);
  const std::string pin = pin_of(sandbox);
  write_pin(sandbox, "not-the-pin");
  for (int start = 0; start < 3; ++start) {
    const Outcome outcome = serve(sandbox);
    CHECK(outcome.exit == kLatched);
    CHECK(outcome.err.find(start == 0 ? "CKR_PIN_INCORRECT" : "refused the PIN") !=
          std::string::npos);
    CHECK(outcome.err.find("not-the-pin") == std::string::npos);
  }
  const Outcome check =
      run({keyward(), "serve", "--check", "--config", sandbox.path("keyward.yaml")});
  CHECK(check.exit == 1);
  CHECK(check.err.find("token unlatch") != std::string::npos);
  write_pin(sandbox, pin);
  CHECK(serve(sandbox).exit == kLatched);
  const Outcome lifted = unlatch(sandbox);
  CHECK(lifted.exit == 0);
  CHECK(lifted.out.find("lifted") != std::string::npos);
  sandbox.dev();
  CHECK(sandbox.stop() == 0);
}

TEST_CASE("token unlatch: wants a configuration that can be read", "[whole][token]") {
  CHECK(run({keyward(), "token", "unlatch"}).exit == 2);
  CHECK(run({keyward(), "token", "unlatch", "--config", "/nonexistent"}).exit == 1);
}

TEST_CASE("reload: another PIN of the token is taken, a wrong one leaves all as it was",
          "[whole][token][reload]") {
  Sandbox sandbox;
  sandbox.make_key("token/k");
  const std::string old_pin = pin_of(sandbox);
  write_pin(sandbox, "not-the-pin");
  sandbox.signal(SIGHUP);
  REQUIRE(sandbox.says("nothing was reloaded"));
  CHECK(comes_true([&] { return works(sandbox); }));

  const std::string fresh = "4321-fresh";
  const Outcome changed =
      run({"/usr/bin/pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label",
           "keyward", "--login", "--pin", old_pin, "--new-pin", fresh, "--change-pin"},
          {{"SOFTHSM2_CONF", sandbox.path("token/softhsm2.conf")}});
  INFO(changed.err << changed.out);
  REQUIRE(changed.exit == 0);
  write_pin(sandbox, fresh);
  sandbox.signal(SIGHUP);
  REQUIRE(sandbox.says("limits and token were reloaded"));
  CHECK(comes_true([&] { return works(sandbox); }));
  CHECK(sandbox.stop() == 0);
  sandbox.dev();
  CHECK(works(sandbox));
  CHECK(sandbox.stop() == 0);
}

TEST_CASE("reload: a module that is none, and an environment that changed, are refused",
          "[whole][token][reload]") {
  Sandbox sandbox;
  SECTION("module") {
    sandbox.edit("keyward.yaml", "uri: \"pkcs11:token=keyward\"", "uri: \"pkcs11:token=other\"");
  }
  SECTION("environment") {
    sandbox.edit("keyward.yaml", "SOFTHSM2_CONF: token/softhsm2.conf",
                 "SOFTHSM2_CONF: token/other.conf");
  }
  sandbox.signal(SIGHUP);
  REQUIRE(sandbox.says("nothing was reloaded"));
  CHECK(comes_true([&] { return works(sandbox); }));
  CHECK(sandbox.stop() == 0);
}

}  // namespace kw::whole
