// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/filter.h"

#include "a_record.h"
#include "service/audit_verify/print.h"

namespace kw::test {
namespace {

using audit_read::Filter;

constexpr std::int64_t kNow = 1'767'225'600;  // 2026-01-01T00:00:00Z

bool matches(std::string_view filter, const audit::Record& record) {
  const Read read(record, {at_second(kNow), std::chrono::microseconds(12)});
  return REQUIRE_OK(Filter::parse(filter, at_second(kNow + 3600))).matches(read.decoded);
}

std::string fault_of(std::string_view filter) {
  const auto parsed = Filter::parse(filter, at_second(kNow));
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().code() == Code::InvalidArgument);
  return parsed.error().detail();
}

audit::Record a_refused_unwrap() {
  audit::Record record = a_wrap();
  record.operation = "unwrap";
  record.outcome = audit::Outcome::PermissionDenied;
  record.reason = audit::Reason::NoRuleAllows;
  record.rule = "";
  record.bytes_out.reset();
  return record;
}

}  // namespace

TEST_CASE("filter: an empty one lets everything through", "[audit_read]") {
  CHECK(matches("", a_wrap()));
  CHECK(matches(" \t\n ", a_wrap()));
  CHECK(matches("", audit::system_record(audit::Event::Start)));
}

TEST_CASE("filter: terms on different fields must all hold", "[audit_read]") {
  CHECK(matches("op=wrap outcome=ok", a_wrap()));
  CHECK_FALSE(matches("op=wrap outcome=ok", a_refused_unwrap()));
  CHECK_FALSE(matches("op=unwrap outcome=ok", a_refused_unwrap()));
  CHECK(
      matches("caller=spiffe://example.org/app op=unwrap outcome=permission_denied "
              "since=2026-01-01T00:00:00Z until=2026-01-01T00:00:01Z",
              a_refused_unwrap()));
}

TEST_CASE("filter: = terms on one field are alternatives, others must all hold", "[audit_read]") {
  CHECK(matches("op=sign op=wrap", a_wrap()));
  CHECK(matches("op=sign operation=wrap outcome=ok", a_wrap()));
  CHECK_FALSE(matches("op=sign op=mac", a_wrap()));
  CHECK_FALSE(matches("op!=sign op!=wrap", a_wrap()));
  CHECK(matches("latency>100 latency<1000", a_wrap()));
  CHECK_FALSE(matches("latency>100 latency<850", a_wrap()));
}

TEST_CASE("filter: every field of the format page can be asked for", "[audit_read]") {
  const audit::Record wrap = a_wrap();
  for (const std::string& term : {std::string("index=0"),
                                  std::string("kind=operation"),
                                  std::string("phase=single"),
                                  std::string("proof=mtls"),
                                  std::string("source=192.0.2.7:*"),
                                  std::string("operation=wrap"),
                                  std::string("key=payments/*"),
                                  std::string("version=3"),
                                  std::string("outcome=ok"),
                                  std::string("rule=app-wraps"),
                                  std::string("bytes_in=32"),
                                  std::string("bytes_out=101"),
                                  std::string("latency=850"),
                                  std::string("since_start=12"),
                                  std::string("time=2026-01-01T00:00:00Z"),
                                  "key_id=" + wrap.key_id->text(),
                                  "request_id=" + wrap.request_id->text(),
                                  "context_mac=" + to_hex(*wrap.context_mac),
                                  "policy_hash=" + to_hex(*wrap.policy_hash),
                                  std::string("previous_leaf=00*"),
                                  std::string("leaf=*")}) {
    INFO(term);
    CHECK(matches(term, wrap));
    const std::size_t equals = term.find('=');
    std::string opposite = term;
    opposite.insert(equals, "!");
    CHECK_FALSE(matches(opposite, wrap));
  }
  audit::Record event = audit::system_record(audit::Event::PolicyLoaded);
  event.count = 7;
  event.digest = sha256(as_bytes("policy"));
  CHECK(matches("event=\"policy loaded\" count>=7 digest=" + to_hex(*event.digest), event));
  CHECK(matches("reason=\"no rule allows\"", a_refused_unwrap()));
}

TEST_CASE("filter: a star is any run of bytes, in text, words and hashes alike", "[audit_read]") {
  CHECK(matches("caller=spiffe://*/app", a_wrap()));
  CHECK(matches("caller=*", a_wrap()));
  CHECK(matches("caller=**org*", a_wrap()));
  CHECK(matches("caller=spiffe://example.org/app*", a_wrap()));
  CHECK_FALSE(matches("caller=spiffe://*/ap", a_wrap()));
  CHECK_FALSE(matches("caller=a*a", a_wrap("a")));
  CHECK(matches("caller=ab*ab*ab", a_wrap("abxababab")));
  CHECK_FALSE(matches("caller=ab*ab*ab", a_wrap("abab")));
  CHECK(matches("outcome=perm*", a_refused_unwrap()));
  CHECK(matches("reason=no_*", a_refused_unwrap()));
  CHECK(matches("reason=\"no *\"", a_refused_unwrap()));
  const std::string mac = to_hex(*a_wrap().context_mac);
  CHECK(matches("context_mac=" + mac.substr(0, 8) + "*" + mac.substr(60), a_wrap()));
}

TEST_CASE("filter: words with blanks may be written with underscores", "[audit_read]") {
  CHECK(matches("reason=no_rule_allows", a_refused_unwrap()));
  CHECK(matches("event=token_lost", audit::system_record(audit::Event::TokenLost)));
}

TEST_CASE("filter: != is true of just what = is not, a missing field too", "[audit_read]") {
  const audit::Record start = audit::system_record(audit::Event::Start);
  CHECK_FALSE(matches("outcome=ok", start));
  CHECK(matches("outcome!=ok", start));
  CHECK_FALSE(matches("outcome=* outcome!=ok", start));
  CHECK(matches("outcome=* outcome!=ok", a_refused_unwrap()));
  CHECK(matches("caller!=*", start));
  CHECK_FALSE(matches("caller!=*", a_wrap()));
  CHECK_FALSE(matches("latency<5", start));
  CHECK_FALSE(matches("latency>=0", start));
  CHECK(matches("latency!=5", start));
}

TEST_CASE("filter: since is inclusive, until is not, and both take ages", "[audit_read]") {
  CHECK(matches("since=2026-01-01T00:00:00Z", a_wrap()));
  CHECK_FALSE(matches("since=2026-01-01T00:00:00.000001Z", a_wrap()));
  CHECK_FALSE(matches("until=2026-01-01T01:00:00+01:00", a_wrap()));
  CHECK(matches("since=1h", a_wrap()));
  CHECK_FALSE(matches("since=3599s", a_wrap()));
  CHECK(matches("until=59m", a_wrap()));
  CHECK_FALSE(matches("until=1h", a_wrap()));
  CHECK(matches("time>=2026-01-01T00:00:00Z time<=2026-01-01T00:00:00Z", a_wrap()));
}

TEST_CASE("filter: quotation marks hold blanks, a backslash holds what means something",
          "[audit_read]") {
  CHECK(matches("caller=\"CN=a b,O=x\" op=wrap", a_wrap("CN=a b,O=x")));
  CHECK(matches(R"(caller="say \"hi\" \\")", a_wrap(R"(say "hi" \)")));
  CHECK(matches(R"(caller=a\*b)", a_wrap("a*b")));
  CHECK_FALSE(matches(R"(caller=a\*b)", a_wrap("axb")));
  CHECK(matches(R"(caller="a\x0ab\x1b[2J")", a_wrap("a\nb\x1b[2J")));
  CHECK(matches(R"(caller="\u{202e}x\u{e9}\u{1f511}")", a_wrap("\u202ex\u00e9\U0001f511")));
  CHECK(matches(R"(caller=\xff*)", a_wrap("\xff\xfe")));
}

// Whatever a record says, the filter that is made of its printed line finds it.
TEST_CASE("filter: takes a value as audit show prints it", "[audit_read]") {
  for (const std::string& caller :
       {std::string("a\n\"\\\x1b\xff\u202e\U000e0041"), std::string("\"\"\""), std::string("\\x0a"),
        std::string("op=wrap since=1h"), std::string("\0x", 2)}) {
    const Read read(a_wrap(caller));
    const std::string shown = audit_verify::escape_for_terminal(caller);
    INFO(shown);
    CHECK(matches("caller=\"" + shown + "\"", a_wrap(caller)));
    CHECK_FALSE(matches("caller=\"" + shown + "\"", a_wrap(caller + "x")));
  }
}

TEST_CASE("filter: names the term that is wrong, and what is wrong with it", "[audit_read]") {
  CHECK(fault_of("op=wrap colour=red") == "colour=red: there is no such field");
  CHECK(fault_of("op=wrap outcome=fine key=k") ==
        "outcome=fine: no such word in docs/audit-format.md");
  CHECK(fault_of("bytes_in>many") == "bytes_in>many: a whole number is wanted");
  CHECK(fault_of("since=yesterday").find("since=yesterday: ") == 0);
  CHECK(fault_of("request_id=abc").find("32 hexadecimal digits") != std::string::npos);
  CHECK(fault_of("key<k").find("< and > are for numbers and times") != std::string::npos);
  CHECK(fault_of("caller=\"a") == "caller=\\\"a: the quotation marks are not closed");
}

TEST_CASE("filter: refuses what is no term", "[audit_read]") {
  for (const std::string_view filter :
       {"op",
        "op wrap",
        "=wrap",
        "op =wrap",
        "op= wrap",
        "op=",
        "op=\"\"",
        "op==",
        "op!wrap",
        "op=\"wrap\"x",
        "op=wr\"ap",
        "op=a\\b",
        "op=a\\",
        "op=\\x4",
        "op=\\xg0",
        "op=\\u{}",
        "op=\\u{110000}",
        "op=\\u{41",
        "op=\\u",
        "since>1h",
        "since=*",
        "until!=1h",
        "time=1*",
        "version=3*",
        "version=-1",
        "version=18446744073709551616",
        "latency<*",
        "index=0x1",
        "kind=",
        "kind=opera",
        "event=none",
        "leaf=0*0*zz",
        "Op=wrap",
        "op=a, key",
        "context_mac=00000000000000000000000000000000000000000000000000000000000000000*"}) {
    INFO(filter);
    const std::string fault = fault_of(filter);
    CHECK(fault.find('\n') == std::string::npos);
  }
}

TEST_CASE("filter: a fault's text lets nothing act on a terminal", "[audit_read]") {
  CHECK(fault_of("\x1b[2J=x").find('\x1b') == std::string::npos);
  CHECK(fault_of("\xff\n=x").find('\xff') == std::string::npos);
}

}  // namespace kw::test
