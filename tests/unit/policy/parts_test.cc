// SPDX-License-Identifier: Apache-2.0
#include "policy/address.h"
#include "policy/glob.h"
#include "policy/operation.h"
#include "policy/pattern.h"
#include "policy/time_window.h"
#include "tests/support/expect.h"

namespace kw::policy {

TEST_CASE("operation: every name leads back to its operation", "[policy][operation]") {
  for (std::size_t i = 0; i < kOperationCount; ++i) {
    const auto operation = static_cast<Operation>(i);
    CHECK(parse_operation(name_of(operation)) == operation);
  }
  CHECK(name_of(Operation::DataKey) == "data-key");
  CHECK(name_of(Operation::VerifyMac) == "verify-mac");
  CHECK(name_of(Operation::ReadMetrics) == "read-metrics");
}

TEST_CASE("operation: knows no other words", "[policy][operation]") {
  for (const auto* const word : {"", "Wrap", "wrap ", "data_key", "use", "admin", "*"}) {
    CHECK_FALSE(parse_operation(word).has_value());
  }
  CHECK_FALSE(parse_operations("all").has_value());
}

TEST_CASE("operation: groups hold what they say", "[policy][operation]") {
  const OperationSet use = parse_operations("use").value();
  const OperationSet admin = parse_operations("admin").value();
  CHECK(use.contains(Operation::Random));
  CHECK(use.contains(Operation::VerifyMac));
  CHECK(admin.contains(Operation::Import));
  CHECK((use & admin).empty());
  CHECK_FALSE((use | admin).contains(Operation::WritePolicy));
  CHECK(parse_operations("read").value() == OperationSet{Operation::Read});
}

TEST_CASE("pattern: agrees with its own segments", "[policy][pattern]") {
  const Pattern pattern = REQUIRE_OK(Pattern::parse_key("a/b*/*/**"));
  CHECK(pattern.matches("a/b/c/d"));
  CHECK(pattern.matches("a/bx/c/d/e"));
  CHECK_FALSE(pattern.matches("a/b/c"));
  CHECK_FALSE(pattern.matches("a/x/c/d"));
  CHECK(REQUIRE_OK(Pattern::parse_key("**")).is_everything());
  CHECK_FALSE(REQUIRE_OK(Pattern::parse_key("*/**")).is_everything());
}

TEST_CASE("glob: matches runs and single characters", "[policy][glob]") {
  struct Row {
    const char* glob;
    const char* value;
    bool matches;
  };
  const Row row = GENERATE(values<Row>({{"", "", true},
                                        {"", "a", false},
                                        {"*", "", true},
                                        {"?*", "", false},
                                        {"?*", "a", true},
                                        {"a*c", "abbc", true},
                                        {"a*c", "abbd", false},
                                        {"*a*b*", "xxaxxbxx", true},
                                        {"*a*b*", "xxbxxaxx", false},
                                        {"a?c", "abc", true},
                                        {"a?c", "ac", false},
                                        {"?", "\xC3\xBC", true},
                                        {"??", "\xC3\xBC", false},
                                        {"*?", "\xE2\x82\xAC", true},
                                        {"***", "abc", true},
                                        {"[a]", "a", false},
                                        {"\\*", "*", false}}));
  INFO(row.glob << " " << row.value);
  CHECK(Glob(row.glob).matches(row.value) == row.matches);
}

TEST_CASE("glob: stays cheap on a hostile value", "[policy][glob]") {
  std::string glob;
  for (int i = 0; i < 50; ++i) glob += "*a";
  CHECK_FALSE(Glob(glob + "*b").matches(std::string(8000, 'a')));
}

TEST_CASE("network: contains exactly its addresses", "[policy][address]") {
  struct Row {
    const char* network;
    const char* address;
    bool contains;
  };
  const Row row = GENERATE(values<Row>({{"10.20.0.0/16", "10.20.255.255", true},
                                        {"10.20.0.0/16", "10.21.0.0", false},
                                        {"10.20.0.0/15", "10.21.0.0", true},
                                        {"0.0.0.0/0", "255.1.2.3", true},
                                        {"0.0.0.0/0", "::1", false},
                                        {"::/0", "1.2.3.4", false},
                                        {"1.2.3.4", "1.2.3.4", true},
                                        {"1.2.3.4", "::ffff:1.2.3.4", true},
                                        {"1.2.3.4/32", "1.2.3.5", false},
                                        {"2001:db8::/33", "2001:db8:7fff::1", true},
                                        {"2001:db8::/33", "2001:db8:8000::1", false},
                                        {"::1", "::1", true}}));
  INFO(row.network << " " << row.address);
  const auto address = Address::parse(row.address);
  REQUIRE(address.has_value());
  CHECK(REQUIRE_OK(Network::parse(row.network)).contains(*address) == row.contains);
}

TEST_CASE("network: refuses what is no network", "[policy][address]") {
  for (const auto* const text :
       {"", "/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/33", "10.0.0.1/8",
        "2001:db8::1/32", "::/129", "10.0.0", "10.0.0.0.0", "010.0.0.0/8", "fe80::1%eth0"}) {
    INFO(text);
    CHECK_CODE(Network::parse(text), Code::InvalidArgument);
  }
  CHECK_FALSE(Address::parse(std::string_view("1.2.3.4\0", 8)).has_value());
  CHECK_FALSE(Address::parse("1.2.3.4:80").has_value());
}

TEST_CASE("time window: reads a moment", "[policy][time]") {
  // date -u -d 2026-02-28T23:59:59Z +%s
  CHECK(REQUIRE_OK(parse_time("2026-02-28T23:59:59Z")).time_since_epoch() ==
        std::chrono::seconds(1772323199));
  for (const auto* const text :
       {"2026-02-29T00:00:00Z", "2026-02-28T24:00:00Z", "2026-02-28 23:59:59Z",
        "2026-02-28T23:59:60Z", "2026-02-28T23:59:59+0", "", "2026-2-28T23:59:59ZZ"}) {
    INFO(text);
    CHECK_CODE(parse_time(text), Code::InvalidArgument);
  }
}

TEST_CASE("time window: wraps around the week's end", "[policy][time]") {
  const TimeWindow window = REQUIRE_OK(TimeWindow::parse("Sat-Mon 22:00-24:00 UTC"));
  CHECK(window.contains(REQUIRE_OK(parse_time("2026-01-03T22:00:00Z"))));        // Saturday
  CHECK(window.contains(REQUIRE_OK(parse_time("2026-01-05T23:59:59Z"))));        // Monday
  CHECK_FALSE(window.contains(REQUIRE_OK(parse_time("2026-01-06T22:00:00Z"))));  // Tuesday
  CHECK_FALSE(window.contains(REQUIRE_OK(parse_time("2026-01-03T21:59:59Z"))));
}

}  // namespace kw::policy
