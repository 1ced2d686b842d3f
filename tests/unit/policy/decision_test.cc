// SPDX-License-Identifier: Apache-2.0
// The numbers in names are those of the project's list of negative tests.
#include "base/names.h"
#include "policy/policy.h"
#include "tests/support/expect.h"

namespace kw::policy {
namespace {

const std::string kAliceSpki = "sha256:" + std::string(64, 'a');
const std::string kBobSpki = "sha256:" + std::string(64, 'b');

constexpr std::string_view kPrincipals =
    "version: keyward-policy/1\n"
    "principals:\n"
    "  api: {spiffe: 'spiffe://prod.example/ns/billing/sa/*'}\n"
    "  domain: {spiffe: 'spiffe://prod.example/**'}\n"
    "  host: {dns: '*.db.example'}\n"
    "  alice: {spki: 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}\n"
    "  bob: {spki: 'sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'}\n"
    "  carol: {subject: 'CN=carol,O=Example'}\n"
    "  officers: {any: [alice, bob]}\n"
    "  staff: {any: [officers, carol]}\n"
    "  both: {all: [alice, host]}\n";

// Asker is a caller of one policy.
struct Asker {
  std::shared_ptr<const Policy> policy;
  std::string spki = kAliceSpki;
  std::vector<std::string> spiffe;
  std::vector<std::string> dns;
  std::string subject;
  std::string source;

  explicit Asker(const std::string& rest)
      : policy(REQUIRE_OK(Policy::parse(std::string(kPrincipals) + rest))) {}

  Facts facts() const { return {spki, spiffe, dns, subject, source}; }
  Decision ask(const Question& question) const { return policy->decide(facts(), question); }
  bool may(Operation operation, std::string_view key) const {
    Question question;
    question.operation = operation;
    question.key = key;
    return ask(question).allowed;
  }
};

Question wrap_question(std::string_view key = "k") {
  Question question;
  question.operation = Operation::Wrap;
  question.key = key;
  return question;
}

Context context_of(std::vector<Context::Pair> pairs) {
  return REQUIRE_OK(Context::from_pairs(std::move(pairs)));
}

std::string allow_when(const std::string& when) {
  return "rules: [{id: r, allow: [wrap], to: [alice], keys: ['**'], when: " + when + "}]\n";
}

std::string deny_when(const std::string& when) {
  return "rules:\n- {id: a, allow: [wrap], to: [alice], keys: ['**']}\n"
         "- {id: d, deny: [wrap], to: [alice], keys: ['**'], when: " +
         when + "}\n";
}

}  // namespace

TEST_CASE("policy: denies what no rule allows", "[policy][decision]") {
  const Asker alice("rules: []\n");
  const Decision decision = alice.ask(wrap_question());
  CHECK_FALSE(decision.allowed);
  CHECK(decision.rule.empty());
}

TEST_CASE("policy: names the rule that allows", "[policy][decision]") {
  const Asker alice("rules: [{id: r, allow: [wrap], to: [alice], keys: [k]}]\n");
  const Decision decision = alice.ask(wrap_question());
  CHECK(decision.allowed);
  CHECK(decision.rule == "r");
  CHECK_FALSE(alice.may(Operation::Unwrap, "k"));
}

TEST_CASE("policy: 34, a rule for app-1 is about app-1 alone", "[policy][decision]") {
  const Asker alice("rules: [{id: r, allow: [use], to: [alice], keys: [app-1]}]\n");
  CHECK(alice.may(Operation::Sign, "app-1"));
  for (const auto* const key : {"app-10", "app-1/x", "APP-1", "app-", "x/app-1", "app-1/", ""}) {
    INFO(key);
    CHECK_FALSE(alice.may(Operation::Sign, key));
  }
}

TEST_CASE("policy: 31, denies a name that no key can have", "[policy][decision]") {
  const Asker alice("rules: [{id: r, allow: [use], to: [alice], keys: ['**']}]\n");
  CHECK(alice.may(Operation::Sign, "a/b"));
  for (const auto* const key : {"a//b", "../a", "A", "a/./b", "a%2fb", "/a", "", "a\nb"}) {
    INFO(key);
    CHECK_FALSE(alice.may(Operation::Sign, key));
  }
}

TEST_CASE("policy: matches each form of key pattern", "[policy][decision]") {
  struct Row {
    const char* pattern;
    const char* key;
    bool matches;
  };
  const Row row = GENERATE(values<Row>({{"prod/*", "prod/a", true},
                                        {"prod/*", "prod", false},
                                        {"prod/*", "prod/a/b", false},
                                        {"prod/**", "prod/a/b", true},
                                        {"prod/**", "prod", false},
                                        {"*/eu", "prod/eu", true},
                                        {"*/eu", "prod/us", false},
                                        {"pre*/x", "prefix/x", true},
                                        {"pre*/x", "pre/x", true},
                                        {"pre*/x", "pr/x", false},
                                        {"**", "a/b/c/d/e/f/g/h", true},
                                        {"*", "a", true},
                                        {"*", "a/b", false}}));
  INFO(row.pattern << " " << row.key);
  const Asker alice(std::string("rules: [{id: r, allow: [sign], to: [alice], keys: ['") +
                    row.pattern + "']}]\n");
  CHECK(alice.may(Operation::Sign, row.key) == row.matches);
}

TEST_CASE("policy: 51, deny wins in either order on every operation", "[policy][decision]") {
  const std::string every = "[use, admin, read-policy, write-policy, read-audit, read-metrics]";
  const std::string allow = "- {id: a, allow: " + every + ", to: [alice], keys: ['**']}\n";
  const std::string deny = "- {id: d, deny: " + every + ", to: ['*'], keys: ['**']}\n";
  const Asker alone("rules:\n" + allow);
  const Asker before("rules:\n" + deny + allow);
  const Asker after("rules:\n" + allow + deny);
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    Question question;
    question.operation = static_cast<Operation>(i);
    if (names_a_key(question.operation)) question.key = "k";
    INFO(name_of(question.operation));
    CHECK(alone.ask(question).allowed);
    for (const Asker* const alice : {&before, &after}) {
      CHECK_FALSE(alice->ask(question).allowed);
      CHECK(alice->ask(question).rule == "d");
      CHECK_FALSE(alice->policy->may_anything(alice->facts(), question.operation));
    }
  }
}

TEST_CASE("policy: 49, denies an unknown key as it denies a known one", "[policy][decision]") {
  const Asker alice("rules: [{id: r, allow: [wrap], to: [alice], keys: [mine]}]\n");
  const Decision known = alice.ask(wrap_question("theirs"));
  const Decision missing = alice.ask(wrap_question("never-made"));
  CHECK(known.allowed == missing.allowed);
  CHECK(known.rule == missing.rule);
}

TEST_CASE("policy: 50, refuses a rule that grants everything to everybody", "[policy][decision]") {
  for (const auto* const rule : {"{id: r, allow: [use, admin], to: ['*'], keys: ['**']}",
                                 "{id: r, allow: [unwrap], to: [alice, '*'], keys: [x, '**']}",
                                 "{id: r, allow: [write-policy], to: ['*']}"}) {
    INFO(rule);
    CHECK_CODE(Policy::parse(std::string(kPrincipals) + "rules: [" + rule + "]\n"),
               Code::InvalidArgument);
  }
}

TEST_CASE("policy: 52, takes wildcards in a context value literally", "[policy][decision]") {
  const Asker alice(allow_when("{context: {tenant: 'team-?'}}"));
  for (const auto* const value : {"*", "team-??", "?*", "team-", "team-*x"}) {
    const Context context = context_of({{"tenant", value}});
    Question question = wrap_question();
    question.context = &context;
    INFO(value);
    CHECK_FALSE(alice.ask(question).allowed);
  }
  const Context context = context_of({{"tenant", "team-*"}});
  Question question = wrap_question();
  question.context = &context;
  CHECK(alice.ask(question).allowed);  // one character, which happens to be a star
}

TEST_CASE("policy: a condition on a missing fact lets no allow match", "[policy][condition]") {
  for (const auto* const when :
       {"{context: {t: '*'}}", "{only_context: [t]}", "{source: ['0.0.0.0/0', '::/0']}",
        "{algorithm: [ed25519]}", "{state: [enabled]}", "{tags: {t: '*'}}", "{max_bytes: 1GiB}",
        "{time: 'Mon-Sun 00:00-24:00 UTC'}"}) {
    INFO(when);
    CHECK_FALSE(Asker(allow_when(when)).ask(wrap_question()).allowed);
    const Asker denied(deny_when(when));
    CHECK(denied.ask(wrap_question()).rule == "d");
  }
}

TEST_CASE("policy: an exception on a missing fact lets a deny match", "[policy][condition]") {
  Asker alice(
      "rules:\n- {id: a, allow: [wrap], to: [alice], keys: ['**']}\n"
      "- {id: d, deny: [wrap], to: ['*'], keys: ['**'], unless: {source: [10.0.0.0/8]}}\n");
  CHECK_FALSE(alice.ask(wrap_question()).allowed);
  alice.source = "10.9.9.9";
  CHECK(alice.ask(wrap_question()).allowed);
  alice.source = "11.9.9.9";
  CHECK_FALSE(alice.ask(wrap_question()).allowed);
}

TEST_CASE("policy: tests every kind of condition", "[policy][condition]") {
  const Context context = context_of({{"tenant", "7"}, {"app", "x"}});
  const std::map<std::string, std::string> tags = {{"env", "prod"}};
  Question question = wrap_question();
  question.context = &context;
  question.algorithm = "xaes-256-gcm";
  question.state = "enabled";
  question.tags = &tags;
  question.bytes = 4096;
  question.now = WallTime(std::chrono::sys_days(std::chrono::year(2026) / 1 / 5) +
                          std::chrono::hours(8));  // a Monday
  struct Row {
    const char* when;
    bool holds;
  };
  const Row row = GENERATE(values<Row>({{"{context: {tenant: '?*'}}", true},
                                        {"{context: {tenant: '8'}}", false},
                                        {"{context: {tenant: '7', app: y}}", false},
                                        {"{only_context: [tenant, app, z]}", true},
                                        {"{only_context: [tenant]}", false},
                                        {"{only_context: []}", false},
                                        {"{source: [10.20.0.0/16]}", true},
                                        {"{source: ['2001:db8::/32', 10.20.1.1]}", true},
                                        {"{source: ['::/0']}", false},
                                        {"{source: [10.21.0.0/16]}", false},
                                        {"{algorithm: [ed25519, xaes-256-gcm]}", true},
                                        {"{algorithm: [xaes]}", false},
                                        {"{state: [enabled]}", true},
                                        {"{state: [disabled]}", false},
                                        {"{tags: {env: 'pr*'}}", true},
                                        {"{tags: {env: dev}}", false},
                                        {"{max_bytes: 4KiB}", true},
                                        {"{max_bytes: 4095}", false},
                                        {"{time: 'Mon-Fri 08:00-18:00 UTC'}", true},
                                        {"{time: 'Mon-Fri 08:01-18:00 UTC'}", false},
                                        {"{time: 'Sat-Mon 00:00-24:00 UTC'}", true},
                                        {"{time: 'Tue 00:00-24:00 UTC'}", false},
                                        {"{time: 'Mon 07:00-08:00 UTC'}", false}}));
  INFO(row.when);
  Asker alice(allow_when(row.when));
  alice.source = "::ffff:10.20.1.1";
  CHECK(alice.ask(question).allowed == row.holds);
}

TEST_CASE("policy: knows a caller by each proven fact", "[policy][identity]") {
  struct Row {
    const char* principal;
    bool is_api_caller;
  };
  const Row row = GENERATE(values<Row>({{"api", true},
                                        {"domain", true},
                                        {"host", true},
                                        {"alice", true},
                                        {"officers", true},
                                        {"staff", true},
                                        {"both", true},
                                        {"carol", false},
                                        {"bob", false},
                                        {"'*'", true}}));
  INFO(row.principal);
  Asker caller(std::string("rules: [{id: r, allow: [sign], to: [") + row.principal +
               "], keys: ['k']}]\n");
  caller.spiffe = {"spiffe://prod.example/ns/billing/sa/api"};
  caller.dns = {"one.db.example"};
  CHECK(caller.may(Operation::Sign, "k") == row.is_api_caller);
}

TEST_CASE("policy: does not mistake similar identities", "[policy][identity]") {
  Asker caller("rules: [{id: r, allow: [sign], to: [api, host, carol, both], keys: ['k']}]\n");
  caller.spiffe = {
      "spiffe://prod.example/ns/billing/sa/api/x", "spiffe://prod.example/ns/billing/sa",
      "spiffe://other.example/ns/billing/sa/api",  "prod.example/ns/billing/sa/api",
      "https://prod.example/ns/billing/sa/api",    "spiffe://prod.example.org/ns/x"};
  caller.dns = {"a.b.db.example", "db.example", "xdb.example", "one.db.example.org"};
  caller.subject = "CN=carol,O=Example,C=DE";
  CHECK_FALSE(caller.may(Operation::Sign, "k"));
}

TEST_CASE("policy: a caller with nothing proven is nobody", "[policy][identity]") {
  Asker nobody("rules: [{id: r, allow: [read-metrics], to: ['*']}]\n");
  Question question;
  question.operation = Operation::ReadMetrics;
  CHECK(nobody.ask(question).allowed);
  nobody.spki = "";
  nobody.source = "127.0.0.1";
  CHECK_FALSE(nobody.ask(question).allowed);
}

TEST_CASE("policy: keys do not restrict operations without a key", "[policy][decision]") {
  const Asker alice("rules: [{id: r, allow: [use], to: [alice], keys: ['prod/**']}]\n");
  Question question;
  question.operation = Operation::Random;
  CHECK(alice.ask(question).allowed);
  CHECK_FALSE(alice.may(Operation::Wrap, "dev/a"));
}

TEST_CASE("policy: says whether a caller may do something on any key", "[policy][decision]") {
  const Asker alice(
      "rules:\n"
      "- {id: a, allow: [unwrap, wrap], to: [alice], keys: ['prod/*']}\n"
      "- {id: b, allow: [sign], to: [bob], keys: ['**']}\n"
      "- {id: d, deny: [wrap], to: [officers], keys: ['**']}\n"
      "- {id: e, deny: [unwrap], to: [officers], keys: ['prod/**']}\n");
  CHECK(alice.policy->may_anything(alice.facts(), Operation::Unwrap));
  CHECK_FALSE(alice.policy->may_anything(alice.facts(), Operation::Wrap));
  CHECK_FALSE(alice.policy->may_anything(alice.facts(), Operation::Sign));
}

TEST_CASE("policy: explains a denial by its near misses", "[policy][explain]") {
  Asker alice(
      "rules:\n"
      "- {id: a, allow: [wrap], to: [alice], keys: ['k'], when: {context: {tenant: '7'}}}\n"
      "- {id: b, allow: [sign], to: [officers], keys: ['*']}\n"
      "- {id: c, allow: [wrap], to: ['*'], keys: ['other/*']}\n"
      "- {id: d, allow: [wrap], to: [bob], keys: ['k']}\n");
  const Context context = context_of({{"tenant", "8"}});
  Question question = wrap_question();
  question.context = &context;
  const Explanation found = alice.policy->explain(alice.facts(), question);
  CHECK_FALSE(found.allowed);
  CHECK(found.rule.empty());
  CHECK(found.principals == std::vector<std::string>{"alice", "officers", "staff"});
  REQUIRE(found.near_misses.size() == 3);
  CHECK(found.near_misses[0].rule == "a");
  CHECK(found.near_misses[0].condition == "context.tenant");
  CHECK(found.near_misses[0].wanted == "'7'");
  CHECK(found.near_misses[0].found == "'8'");
  CHECK(found.near_misses[1].condition == "operation");
  CHECK(found.near_misses[1].wanted == "sign");
  CHECK(found.near_misses[2].condition == "keys");
  CHECK(found.near_misses[2].wanted == "other/*");
}

TEST_CASE("policy: explains a decision by its rule", "[policy][explain]") {
  const Asker alice(deny_when("{algorithm: [ed25519]}"));
  const Explanation found = alice.policy->explain(alice.facts(), wrap_question());
  CHECK(found.rule == "d");
  CHECK(found.near_misses.empty());
}

TEST_CASE("policy: lists who can, without those that a deny stops", "[policy][who-can]") {
  const Asker alice(
      "rules:\n"
      "- {id: a, allow: [sign], to: [staff], keys: ['k'], when: {state: [enabled]}}\n"
      "- {id: b, allow: [sign], to: [both], keys: ['k']}\n"
      "- {id: c, allow: [sign], to: [api], keys: ['other']}\n"
      "- {id: d, deny: [sign], to: [alice], keys: ['*']}\n"
      "- {id: e, deny: [sign], to: [bob], keys: ['*'], when: {state: [x]}}\n");
  const std::vector<Grant> grants = alice.policy->who_can(Operation::Sign, "k");
  REQUIRE(grants.size() == 2);
  CHECK(grants[0].principal == "bob");
  CHECK(grants[0].conditions == std::vector<std::string>{"state [enabled]"});
  CHECK(grants[1].principal == "carol");
  CHECK(alice.policy->who_can(Operation::Random, "").empty());
}

TEST_CASE("policy: keys that work in host memory are given only by a rule that names them",
          "[policy][decision]") {
  const Asker asker(
      "rules:\n"
      "  - {id: all, allow: [use, admin, read], to: [alice], keys: ['**']}\n"
      "  - {id: named, allow: [wrap, create], to: [alice], keys: ['host/*'],\n"
      "     when: {algorithm: [xaes-256-gcm, aes-256-gcm-host]}}\n"
      "  - {id: other, allow: [unwrap], to: [alice], keys: ['host/*'],\n"
      "     when: {algorithm: [xaes-256-gcm]}}\n"
      "  - {id: not, deny: [rewrap], to: [alice], keys: ['host/no']}\n");
  Question question;
  question.algorithm = "aes-256-gcm-host";
  question.key = "host/a";
  for (const Operation operation : {Operation::Wrap, Operation::Create}) {
    question.operation = operation;
    const Decision decision = asker.ask(question);
    CHECK(decision.allowed);
    CHECK(decision.rule == "named");
  }
  for (const Operation operation : {Operation::Unwrap, Operation::Rewrap, Operation::DataKey,
                                    Operation::Rotate, Operation::Import}) {
    question.operation = operation;
    CHECK_FALSE(asker.ask(question).allowed);
  }
  // Seeing it, and switching it off, need no such rule.
  for (const Operation operation : {Operation::Read, Operation::Disable, Operation::Destroy}) {
    question.operation = operation;
    CHECK(asker.ask(question).rule == "all");
  }
  question.operation = Operation::Unwrap;
  question.algorithm = "xaes-256-gcm";
  CHECK(asker.ask(question).allowed);

  question.algorithm = "aes-256-gcm-host";
  const Explanation why = asker.policy->explain(asker.facts(), question);
  const auto near = [&](std::string_view rule) {
    return std::any_of(why.near_misses.begin(), why.near_misses.end(), [&](const NearMiss& miss) {
      return miss.rule == rule && miss.condition == "algorithm";
    });
  };
  CHECK(near("all"));
  CHECK(near("other"));
}

}  // namespace kw::policy
