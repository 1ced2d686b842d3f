// SPDX-License-Identifier: Apache-2.0
#include "service/sandbox/layout.h"

namespace kw::sandbox {

std::string policy_text() {
  return R"(# Who may do what in this sandbox. `keyward policy check|test|explain` read this file.
version: keyward-policy/1
principals:
  admin: {spiffe: "spiffe://keyward.dev/admin"}
  app: {spiffe: "spiffe://keyward.dev/app"}
  auditor: {spiffe: "spiffe://keyward.dev/auditor"}
rules:
  - id: admin-keys
    allow: [create, read, rotate, disable, enable, destroy, restore, import]
    to: [admin]
    keys: ["**"]
  - id: admin-policy
    allow: [read-policy, write-policy]
    to: [admin]
  - id: app-use
    allow: [read, wrap, unwrap, rewrap, data-key, sign, verify, mac, verify-mac]
    to: [app]
    keys: ["**"]
  - id: app-random
    allow: [random]
    to: [app]
  - id: auditor-keys
    allow: [read]
    to: [auditor]
    keys: ["**"]
  - id: auditor-records
    allow: [read-policy, read-audit]
    to: [auditor]
tests:
  - {as: {spiffe: "spiffe://keyward.dev/admin"}, do: create, key: demo, expect: allow, by: admin-keys}
  - {as: {spiffe: "spiffe://keyward.dev/admin"}, do: unwrap, key: demo, expect: deny}
  - {as: {spiffe: "spiffe://keyward.dev/admin"}, do: read-audit, expect: deny}
  - {as: {spiffe: "spiffe://keyward.dev/app"}, do: unwrap, key: demo, expect: allow, by: app-use}
  - {as: {spiffe: "spiffe://keyward.dev/app"}, do: random, expect: allow, by: app-random}
  - {as: {spiffe: "spiffe://keyward.dev/app"}, do: rotate, key: demo, expect: deny}
  - {as: {spiffe: "spiffe://keyward.dev/auditor"}, do: read-audit, expect: allow, by: auditor-records}
  - {as: {spiffe: "spiffe://keyward.dev/auditor"}, do: wrap, key: demo, expect: deny}
  - {as: {spiffe: "spiffe://keyward.dev/somebody"}, do: read, key: demo, expect: deny}
)";
}

std::string config_text(const std::string& listen) {
  return "# Made by `keyward dev`. Paths are relative to this file.\n"
         "listen: [\"" +
         listen +
         "\"]\n"
         "tls: {certificate: server.pem, key: server.key, client_ca: ca.pem}\n"
         "token:\n"
         "  module: /usr/lib/softhsm/libsofthsm2.so\n"
         "  uri: \"pkcs11:token=keyward\"\n"
         "  pin: \"file:token/pin\"\n"
         "  directory: token/tokens\n"
         "  environment: {SOFTHSM2_CONF: token/softhsm2.conf}\n"
         "catalog: \"sqlite:catalog.db\"\n"
         "audit: {directory: audit}\n"
         "limits: {request_deadline: 30s}\n"
         "policy: policy.yaml\n"
         "telemetry: {listen: \"127.0.0.1:0\"}\n";
}

std::string softhsm_text(const std::filesystem::path& directory) {
  return "directories.tokendir = " + (directory / "token" / "tokens").string() +
         "\n"
         "objectstore.backend = file\n"
         "log.level = ERROR\n"
         "slots.removable = false\n";
}

}  // namespace kw::sandbox
