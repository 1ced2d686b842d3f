// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "policy/policy.h"

namespace kw::policy {
namespace {

// Whatever a policy says, explain and decide say the same, and who may nothing may not this.
void ask(const Policy& policy, std::string_view key) {
  const std::vector<std::string> spiffe = {"spiffe://prod.example/ns/billing/sa/api"};
  const std::vector<std::string> dns = {"a.db.example"};
  const std::string subject = "CN=bob,O=Example";
  const Facts facts{
      .spki = "", .spiffe = spiffe, .dns = dns, .subject = subject, .source = "10.0.0.7"};
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    Question question;
    question.operation = static_cast<Operation>(i);
    question.key = key;
    const Decision decision = policy.decide(facts, question);
    const Explanation explained = policy.explain(facts, question);
    KW_ASSERT(explained.allowed == decision.allowed);
    KW_ASSERT(explained.rule == decision.rule);
    if (decision.allowed) KW_ASSERT(policy.may_anything(facts, question.operation));
    (void)policy.who_can(question.operation, key);
  }
}

}  // namespace
}  // namespace kw::policy

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto policy = kw::policy::Policy::parse(kw::as_text({data, size}));
  if (!policy) {
    KW_ASSERT(policy.error().code() == kw::Code::InvalidArgument);
    KW_ASSERT(policy.error().advice().starts_with("line "));
    return 0;
  }
  (void)(*policy)->run_tests();
  kw::policy::ask(**policy, "prod/billing/eu");
  kw::policy::ask(**policy, "a");
  return 0;
}
