// SPDX-License-Identifier: Apache-2.0
// What filters, tables and counts mean is tested where they live; here: the commands.
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "log_fixture.h"

namespace kw::test {
namespace {

constexpr std::string_view kHostile = "a\tb\nCEF:0|x\r\x1b[2J=\\\"\xff\u202e";

}  // namespace

TEST_CASE_METHOD(LogFixture, "audit show: prints what passes the filter", "[cli][audit]") {
  write(20);
  write(3, a_refusal("spiffe://example.org/other"));
  REQUIRE(segments().size() > 2);
  CHECK(lines_of(audit("show", {"--where", "op=unwrap"}).out).size() == 3);
  CHECK(lines_of(audit("show", {"--where", "op=unwrap", "--count", "2"}).out).size() == 2);
  CHECK(lines_of(audit("show", {"--where", "op=unwrap op=wrap"}).out).size() == 23);
  const auto both = audit("show", {"--where", "op=*", "--where", "outcome!=ok since=1h"});
  CHECK(lines_of(both.out).size() == 3);
  const auto none = audit("show", {"--where", "op=sign"});
  CHECK(none.exit == 0);
  CHECK(none.out.empty());
}

TEST_CASE_METHOD(LogFixture, "audit show: makes a table of columns", "[cli][audit]") {
  write(1);
  const auto table =
      audit("show", {"--columns", "caller,op,key,outcome,event", "--where", "kind!=seal"});
  CHECK(table.out ==
        "caller\top\tkey\toutcome\tevent\n"
        "-\t-\t-\t-\tstart\n"
        "spiffe://example.org/app\twrap\tpayments/card\tok\t-\n"
        "-\t-\t-\t-\tstop\n");
}

TEST_CASE_METHOD(LogFixture, "audit show: JSON lines pass the filter too", "[cli][audit]") {
  write(2);
  const auto lines = lines_of(audit("show", {"--json", "--where", "op=wrap"}).out);
  REQUIRE(lines.size() == 2);
  CHECK(nlohmann::json::parse(lines[1])["key"] == "payments/card");
}

TEST_CASE_METHOD(LogFixture, "audit tail: shows the last records that pass", "[cli][audit]") {
  write(12);
  write(1, a_refusal("x"));
  CHECK(lines_of(audit("tail", {"--where", "op=wrap"}).out).size() == 10);
  const auto last =
      audit("tail", {"-n", "1", "--where", "op=wrap op=unwrap", "--columns", "caller"});
  CHECK(last.out == "caller\nx\n");
}

TEST_CASE_METHOD(LogFixture, "audit stats: says who used which key how often", "[cli][audit]") {
  write(20);
  write(3, a_refusal("spiffe://example.org/other"));
  const auto table = lines_of(audit("stats").out);
  REQUIRE(table.size() == 3);
  CHECK(table[0].find("caller                      key            records  refused  first") == 0);
  CHECK(table[1].find("spiffe://example.org/app    payments/card  20       0        20") == 0);
  CHECK(table[2].find("spiffe://example.org/other  payments/card  3        3        20") == 0);
  const auto json =
      lines_of(audit("stats", {"--by", "outcome", "--json", "--where", "op=unwrap"}).out);
  REQUIRE(json.size() == 1);
  const auto group = nlohmann::json::parse(json[0]);
  CHECK(group["outcome"] == "permission_denied");
  CHECK(group["records"] == 3);
  CHECK(group["refused"] == 3);
}

TEST_CASE_METHOD(LogFixture, "audit export: writes a line a record in each format",
                 "[cli][audit]") {
  write(20);
  write(2, a_refusal("spiffe://example.org/other"));
  const auto jsonl = audit("export", {"--format", "jsonl"});
  CHECK(jsonl.exit == 0);
  CHECK(jsonl.out == audit("show", {"--json"}).out);
  const auto cef = lines_of(audit("export", {"--format", "cef", "--where", "op=unwrap"}).out);
  REQUIRE(cef.size() == 2);
  CHECK(cef[0].find("CEF:0|keyward|keyward|1|unwrap|unwrap|6|rt=") == 0);
  const auto ocsf = lines_of(audit("export", {"--format", "ocsf", "--from", "3"}).out);
  CHECK(ocsf.size() == lines_of(jsonl.out).size() - 3);
  CHECK(nlohmann::json::parse(ocsf[0])["class_uid"] == 6003);
}

TEST_CASE_METHOD(LogFixture, "audit readers: each wrong argument is wrong usage, and named",
                 "[cli][audit]") {
  write(1);
  for (const std::string verb : {"show", "tail"}) {
    const auto term = audit(verb, {"--where", "op=wrap colour=red"});
    CHECK(term.exit == 2);
    CHECK(term.err.find("colour=red: there is no such field") != std::string::npos);
    CHECK(audit(verb, {"--where", "since=x"}).exit == 2);
    CHECK(audit(verb, {"--where", "op=wrap", "--where", "latency>x"}).exit == 2);
    CHECK(audit(verb, {"--columns", "time,colour"}).exit == 2);
    CHECK(audit(verb, {"--columns", "time", "--json"}).exit == 2);
    CHECK(audit(verb, {"more"}).exit == 2);
    CHECK(call({"audit", verb}).exit == 2);
  }
  CHECK(audit("show", {"--count", "0"}).exit == 2);
  CHECK(audit("show", {"--from", "x"}).exit == 2);
  CHECK(audit("tail", {"-n", "-1"}).exit == 2);
  CHECK(audit("stats", {"--where", "op"}).exit == 2);
  CHECK(audit("stats", {"--by", "colour"}).exit == 2);
  CHECK(audit("stats", {"--by", ""}).exit == 2);
  CHECK(audit("stats", {"--columns", "time"}).exit == 2);
  CHECK(audit("export").exit == 2);
  CHECK(audit("export", {"--format", "xml"}).exit == 2);
  CHECK(audit("export", {"--format", "cef", "--from", "x"}).exit == 2);
  CHECK(audit("export", {"--format", "cef", "--where", "op"}).exit == 2);
}

TEST_CASE_METHOD(LogFixture, "audit readers: no text of a record breaks a line", "[cli][audit]") {
  write(1, a_refusal(std::string(kHostile)));
  const std::vector<std::vector<std::string>> all = {{"show"},
                                                     {"show", "--json"},
                                                     {"show", "--columns", "caller,key"},
                                                     {"tail"},
                                                     {"stats"},
                                                     {"stats", "--json", "--by", "caller"},
                                                     {"export", "--format", "jsonl"},
                                                     {"export", "--format", "cef"},
                                                     {"export", "--format", "ocsf"}};
  for (const auto& words : all) {
    INFO(words.back());
    const auto outcome = audit(words[0], {words.begin() + 1, words.end()});
    CHECK(outcome.exit == 0);
    CHECK(outcome.out.find_first_of("\x1b\r\xff") == std::string::npos);
    CHECK(outcome.out.find("\u202e") == std::string::npos);
    CHECK(outcome.out.find("\nCEF:0|x") == std::string::npos);
    CHECK(is_utf8(outcome.out));
  }
  const std::string json = lines_of(audit("stats", {"--json", "--by", "caller"}).out).at(0);
  CHECK(nlohmann::json::parse(json)["caller"].get<std::string>().find("a\tb\nCEF:0|x\r\x1b") == 0);
}

TEST_CASE_METHOD(LogFixture, "audit readers: a damaged log is an error that says where",
                 "[cli][audit]") {
  write(20);
  damage(1);
  for (const std::string verb : {"show", "tail", "stats"}) {
    const auto outcome = audit(verb);
    INFO(verb);
    CHECK(outcome.exit == 1);
    CHECK(outcome.err.find(segments().at(1).filename().string() + ", byte ") != std::string::npos);
  }
  CHECK(lines_of(audit("show").out).size() > 5);
  CHECK(audit("stats").out.empty());
}

TEST_CASE_METHOD(LogFixture, "audit readers: a folder that is none is an error", "[cli][audit]") {
  write(1);
  for (const std::string verb : {"show", "tail", "stats"}) {
    CHECK(call({"audit", verb, "/nonexistent"}).exit == 1);
    CHECK(call({"audit", verb, (dir / "lock").string()}).exit == 1);
  }
  CHECK(call({"audit", "export", "/nonexistent", "--format", "ocsf"}).exit == 1);
  CHECK(audit("show", {"--archive", "/nonexistent"}).exit == 1);
  CHECK(audit("stats", {"--archive", "/nonexistent"}).exit == 1);
  std::filesystem::remove(segments().front());
  std::filesystem::create_directory(dir / "00000000000000000000.kwa");
  CHECK(audit("show").exit == 1);
}

}  // namespace kw::test
