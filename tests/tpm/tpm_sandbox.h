// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <functional>
#include <thread>

#include "base/clock.h"
#include "tests/support/expect.h"
#include "tests/whole/sandbox.h"

namespace kw::whole {

inline constexpr const char* kTpmPolicy = R"(version: keyward-policy/1
principals:
  admin: {spiffe: "spiffe://keyward.dev/admin"}
  app: {spiffe: "spiffe://keyward.dev/app"}
rules:
  - {id: manage, allow: [admin, read], to: [admin], keys: ["**"]}
  - {id: manage-host, allow: [create, rotate], to: [admin], keys: ["**"], when: {algorithm: [aes-256-gcm-host]}}
  - {id: work, allow: [use], to: [app], keys: ["**"]}
  - {id: work-host, allow: [wrap, unwrap, rewrap, data-key], to: [app], keys: ["tpm/**"], when: {algorithm: [aes-256-gcm-host]}}
tests:
  - {as: {spiffe: "spiffe://keyward.dev/app"}, do: wrap, key: other/key, algorithm: aes-256-gcm-host, expect: deny, why: algorithm}
  - {as: {spiffe: "spiffe://keyward.dev/app"}, do: wrap, key: tpm/key, algorithm: aes-256-gcm-host, expect: allow, by: work-host}
  - {as: {spiffe: "spiffe://keyward.dev/app"}, do: wrap, key: other/key, algorithm: xaes-256-gcm, expect: allow, by: work}
)";

inline std::string from_environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  INFO(name << " is not set: run by tests/support/with_tpm");
  REQUIRE(value != nullptr);
  return value;
}

// The certificates of a sandbox, and a configuration that knows the TPM instead of its SoftHSM.
struct TpmSandbox : Sandbox {
  TpmSandbox() {
    REQUIRE(stop() == 0);
    std::filesystem::remove(*this / "catalog.db");
    std::filesystem::remove_all(*this / "audit");
    edit("keyward.yaml", "/usr/lib/softhsm/libsofthsm2.so", from_environment("KEYWARD_TPM_MODULE"));
    edit("keyward.yaml", "  directory: token/tokens\n", "  allow_suite_3: true\n");
    edit("keyward.yaml", "  environment: {SOFTHSM2_CONF: token/softhsm2.conf}\n", "");
    REQUIRE_OK(write_file(*this / "token/pin", from_environment("KEYWARD_TPM_PIN"), 0600));
    write("policy.yaml", kTpmPolicy);
  }

  // Asks again until it is so; the bound is only against hanging.
  static void await(const std::string& what, const std::function<bool()>& is_so) {
    INFO(what);
    const Deadline bound = deadline_in(std::chrono::seconds(120));
    while (!is_so()) {
      REQUIRE_FALSE(has_passed(bound));
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  Reply create(const std::string& name, const std::string& algorithm) const {
    return client("admin").post("/v1/keys", {{"name", name}, {"algorithm", algorithm}});
  }
};

}  // namespace kw::whole
