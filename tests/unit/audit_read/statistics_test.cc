// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/statistics.h"

#include "a_record.h"

namespace kw::test {
namespace {

using audit_read::parse_columns;
using audit_read::Statistics;

void add(Statistics& statistics, const audit::Record& record, std::int64_t second) {
  const Read read(record, {at_second(second), {}});
  REQUIRE_OK(statistics.add(read.decoded));
}

Statistics by(std::string_view fields) { return Statistics(REQUIRE_OK(parse_columns(fields))); }

}  // namespace

TEST_CASE("statistics: count uses and refusals, and know the first and the last", "[audit_read]") {
  Statistics statistics = by("caller,key");
  audit::Record refused = a_wrap("b");
  refused.outcome = audit::Outcome::PermissionDenied;
  add(statistics, a_wrap("b"), 20);
  add(statistics, refused, 30);
  add(statistics, a_wrap("b"), 10);
  add(statistics, a_wrap("a"), 5);
  const auto groups = statistics.groups();
  REQUIRE(groups.size() == 2);
  CHECK(cells_of(groups[0], statistics.by()) ==
        std::vector<std::string>{"b", "payments/card", "3", "1", "1970-01-01T00:00:10.000000Z",
                                 "1970-01-01T00:00:30.000000Z"});
  CHECK(to_json(groups[1], statistics.by()) ==
        R"({"caller":"a","key":"payments/card","records":1,"refused":0,)"
        R"("first":"1970-01-01T00:00:05.000000Z","last":"1970-01-01T00:00:05.000000Z"})");
}

TEST_CASE("statistics: an intent does not count beside its outcome", "[audit_read]") {
  Statistics statistics = by("op");
  audit::Record change = a_wrap();
  change.phase = audit::Phase::Intent;
  change.outcome.reset();
  add(statistics, change, 1);
  CHECK(statistics.groups().empty());
  change.phase = audit::Phase::Outcome;
  change.outcome = audit::Outcome::Ok;
  add(statistics, change, 2);
  CHECK(statistics.groups().size() == 1);
}

TEST_CASE("statistics: a record with none of the fields is left out, with one of them it is not",
          "[audit_read]") {
  Statistics statistics = by("caller,version");
  add(statistics, audit::system_record(audit::Event::Start), 1);
  CHECK(statistics.groups().empty());
  audit::Record nobody = a_wrap("");
  add(statistics, nobody, 1);
  REQUIRE(statistics.groups().size() == 1);
  CHECK(cells_of(statistics.groups()[0], statistics.by())[0] == "-");
  CHECK(to_json(statistics.groups()[0], statistics.by()).find(R"({"caller":null,"version":3,)") ==
        0);
}

TEST_CASE("statistics: hostile text stays in its cell and its JSON string", "[audit_read]") {
  Statistics statistics = by("caller");
  add(statistics, a_wrap("a\t\n\"\x1b"), 1);
  const auto groups = statistics.groups();
  CHECK(cells_of(groups[0], statistics.by())[0] == "a\\x09\\x0a\\\"\\x1b");
  CHECK(to_json(groups[0], statistics.by()).find("{\"caller\":\"a\\u0009\\u000a\\\"\\u001b\"") ==
        0);
}

TEST_CASE("statistics: refuse to grow without end", "[audit_read]") {
  Statistics statistics = by("index");
  Read read(a_wrap());
  for (std::size_t i = 0; i < Statistics::kMaxGroups; ++i) {
    read.decoded.index = i;
    if (!statistics.add(read.decoded)) FAIL("refused group " << i);
  }
  read.decoded.index = 0;
  REQUIRE_OK(statistics.add(read.decoded));
  read.decoded.index = Statistics::kMaxGroups;
  CHECK_CODE(statistics.add(read.decoded), Code::ResourceExhausted);
}

}  // namespace kw::test
