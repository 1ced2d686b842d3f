// SPDX-License-Identifier: Apache-2.0
#include "policy/diff.h"
#include "tests/support/expect.h"

namespace kw::policy {
namespace {

using Words = std::vector<std::string>;

const std::string kBefore = R"(version: keyward-policy/1
principals:
  app: {spiffe: "spiffe://a.example/app"}
  ops: {dns: ops.example}
  both: {any: [app, ops]}
rules:
  - {id: work, allow: [wrap, unwrap], to: [app], keys: ["app/*"], when: {context: {tenant: "?*"}}}
  - {id: shut, deny: [admin], to: ["*"], keys: ["**"], unless: {source: ["10.0.0.0/8"]}}
  - {id: chance, allow: [random], to: [both]}
)";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kBefore;
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Change only_change(const std::string& after) {
  const auto changes = REQUIRE_OK(diff(kBefore, after));
  REQUIRE(changes.size() == 1);
  return changes.front();
}

}  // namespace

TEST_CASE("diff: a policy does not differ from itself, however it is written", "[policy][diff]") {
  CHECK(REQUIRE_OK(diff(kBefore, kBefore)).empty());
  CHECK(REQUIRE_OK(diff(kBefore, with("[wrap, unwrap]", "[unwrap, wrap]"))).empty());
  const std::string rule = "  - {id: chance, allow: [random], to: [both]}\n";
  const std::string moved = with(rule, "");
  std::string first = moved;
  first.insert(first.find("  - {id: work"), rule);
  CHECK(REQUIRE_OK(diff(kBefore, first)).empty());
  const std::string test =
      "tests:\n  - {as: {dns: ops.example}, do: random, expect: allow, by: chance}\n";
  CHECK(REQUIRE_OK(diff(kBefore, kBefore + test)).empty());
}

TEST_CASE("diff: names each claim that a rule gains or loses", "[policy][diff]") {
  const Change operations = only_change(with("[wrap, unwrap]", "[wrap, sign]"));
  CHECK(operations.kind == Change::Kind::Changed);
  CHECK(operations.subject == "rule work");
  CHECK(operations.removed == Words{"allow unwrap"});
  CHECK(operations.added == Words{"allow sign"});
  const Change keys = only_change(with("[\"app/*\"]", "[\"app/**\"]"));
  CHECK(keys.removed == Words{"keys app/*"});
  CHECK(keys.added == Words{"keys app/**"});
  const Change to = only_change(with("to: [app]", "to: [app, ops]"));
  CHECK(to.removed.empty());
  CHECK(to.added == Words{"to ops"});
  const Change when = only_change(with(", when: {context: {tenant: \"?*\"}}", ""));
  CHECK(when.removed == Words{"when context.tenant '?*'"});
  CHECK(when.added.empty());
  const Change unless = only_change(with("10.0.0.0/8", "10.0.0.0/9"));
  CHECK(unless.subject == "rule shut");
  CHECK(unless.removed.size() == 1);
  CHECK(unless.added.size() == 1);
  const Change effect = only_change(with("allow: [wrap, unwrap]", "deny: [wrap, unwrap]"));
  CHECK(effect.removed == Words{"allow unwrap", "allow wrap"});
  CHECK(effect.added == Words{"deny unwrap", "deny wrap"});
}

TEST_CASE("diff: names what is new and what is gone, with all its claims", "[policy][diff]") {
  const std::string rule = "  - {id: chance, allow: [random], to: [both]}\n";
  const Change gone = only_change(with(rule, ""));
  CHECK(gone.kind == Change::Kind::Removed);
  CHECK(gone.subject == "rule chance");
  CHECK(gone.removed == Words{"allow random", "to both"});
  CHECK(gone.added.empty());
  const auto fresh = REQUIRE_OK(diff(with(rule, ""), kBefore));
  REQUIRE(fresh.size() == 1);
  CHECK(fresh.front().kind == Change::Kind::Added);
  CHECK(fresh.front().added == gone.removed);
}

TEST_CASE("diff: names a principal whose callers change", "[policy][diff]") {
  const Change dns = only_change(with("ops.example", "\"*.ops.example\""));
  CHECK(dns.subject == "principal ops");
  CHECK(dns.removed == Words{"dns ops.example"});
  CHECK(dns.added == Words{"dns *.ops.example"});
  const Change spiffe = only_change(with("a.example/app", "a.example/*"));
  CHECK(spiffe.removed == Words{"spiffe spiffe://a.example/app"});
  CHECK(spiffe.added == Words{"spiffe spiffe://a.example/*"});
  const Change group = only_change(with("any: [app, ops]", "all: [app, ops]"));
  CHECK(group.removed == Words{"any app", "any ops"});
  CHECK(group.added == Words{"all app", "all ops"});
}

TEST_CASE("diff: refuses what is no policy, on either side", "[policy][diff]") {
  CHECK_CODE(diff("rules: [", kBefore), Code::InvalidArgument);
  CHECK_CODE(diff(kBefore, with("[wrap, unwrap]", "[fly]")), Code::InvalidArgument);
}

}  // namespace kw::policy
