// SPDX-License-Identifier: Apache-2.0
// The sandbox's texts are read by the rooms that a server reads them with.
#include "service/sandbox/layout.h"

#include "policy/policy.h"
#include "service/config/config.h"
#include "tests/support/expect.h"

namespace kw::sandbox {

TEST_CASE("layout: the policy passes its own tests", "[sandbox][policy]") {
  const auto policy = REQUIRE_OK(policy::Policy::parse(policy_text()));
  REQUIRE_OK(policy->run_tests());
}

TEST_CASE("layout: each client may do what its name says", "[sandbox][policy]") {
  using policy::Operation;
  const auto policy = REQUIRE_OK(policy::Policy::parse(policy_text()));
  const auto may = [&policy](const std::string& name, Operation operation) {
    const std::vector<std::string> spiffe = {"spiffe://keyward.dev/" + name};
    policy::Facts facts;
    facts.spiffe = spiffe;
    policy::Question question;
    question.operation = operation;
    if (policy::names_a_key(operation)) question.key = "team/demo";
    return policy->decide(facts, question).allowed;
  };
  std::map<std::string, std::string> allowed;
  for (const std::string name : {"admin", "app", "auditor", "nobody"}) {
    for (std::size_t i = 0; i < policy::kOperationCount; ++i) {
      const auto operation = static_cast<Operation>(i);
      if (may(name, operation)) allowed[name] += std::string(name_of(operation)) + " ";
    }
  }
  CHECK(allowed["admin"] ==
        "create read rotate disable enable destroy restore import read-policy write-policy ");
  CHECK(allowed["app"] == "read wrap unwrap rewrap data-key sign verify mac verify-mac random ");
  CHECK(allowed["auditor"] == "read read-policy read-audit ");
  CHECK(allowed["nobody"].empty());
}

TEST_CASE("layout: the configuration names the sandbox's files", "[sandbox][config]") {
  const auto config = REQUIRE_OK(config::Config::parse(config_text("127.0.0.1:0"), "/box"));
  CHECK(config.listen.size() == 1);
  CHECK(config.tls.certificate == "/box/server.pem");
  CHECK(config.tls.client_ca == "/box/ca.pem");
  CHECK(config.token.directory == "/box/token/tokens");
  CHECK(config.token.environment.at("SOFTHSM2_CONF") == "/box/token/softhsm2.conf");
  CHECK(config.catalog == "/box/catalog.db");
  CHECK(config.audit_directory == "/box/audit");
  CHECK(config.policy == "/box/policy.yaml");
}

}  // namespace kw::sandbox
