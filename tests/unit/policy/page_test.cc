// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "policy/policy.h"
#include "tests/support/expect.h"

namespace kw::policy {
namespace {

// The blocks between "```yaml" and "```".
std::vector<std::string> yaml_blocks(std::string_view page) {
  constexpr std::string_view kOpen = "```yaml\n";
  std::vector<std::string> blocks;
  for (std::size_t at = page.find(kOpen); at != std::string_view::npos; at = page.find(kOpen, at)) {
    at += kOpen.size();
    blocks.emplace_back(page.substr(at, page.find("```", at) - at));
  }
  return blocks;
}

}  // namespace

TEST_CASE("policy page: every example is a policy that passes its own tests", "[policy][docs]") {
  const std::string page = REQUIRE_OK(read_file(KEYWARD_POLICY_PAGE));
  const std::vector<std::string> blocks = yaml_blocks(page);
  CHECK(blocks.size() >= 6);
  for (const std::string& block : blocks) {
    INFO(block);
    const auto policy = REQUIRE_OK(Policy::parse(block));
    const auto passed = policy->run_tests();
    INFO((passed ? "" : passed.error().detail()));
    CHECK(passed.has_value());
  }
}

TEST_CASE("policy page: names every operation", "[policy][docs]") {
  const std::string page = REQUIRE_OK(read_file(KEYWARD_POLICY_PAGE));
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    const std::string word = "`" + std::string(name_of(static_cast<Operation>(i))) + "`";
    INFO(word);
    CHECK(page.find(word) != std::string::npos);
  }
}

}  // namespace kw::policy
