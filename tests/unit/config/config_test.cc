// SPDX-License-Identifier: Apache-2.0
#include "service/config/config.h"

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::config {
namespace {

using namespace std::chrono_literals;

// The example of docs/operations.md, with a list of revoked certificates.
constexpr const char* kExample = R"(listen: ["127.0.0.1:7443"]            # also unix:PATH
tls: {certificate: server.pem, key: server.key, client_ca: ca.pem, crl: revoked.pem}
token: {module: /usr/lib/softhsm/libsofthsm2.so, uri: "pkcs11:token=keyward", pin: "file:token/pin"}
catalog: "sqlite:catalog.db"          # or postgresql://…
audit: {directory: audit}
policy: policy.yaml
)";

constexpr const char* kShortest = R"(listen: [systemd]
tls: {certificate: c, key: k, client_ca: a}
token: {module: m, uri: 'pkcs11:', pin: env:PIN}
catalog: sqlite:d
audit: {directory: l}
policy: p
)";

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("config: the example is read whole", "[config]") {
  const Config config = REQUIRE_OK(Config::parse(kExample, "/etc/keyward"));
  REQUIRE(config.listen.size() == 1);
  CHECK(config.listen[0] == ListenAddress{ListenAddress::Kind::Tcp, "127.0.0.1", 7443, {}});
  CHECK(config.tls.certificate == "/etc/keyward/server.pem");
  CHECK(config.tls.key == "/etc/keyward/server.key");
  CHECK(config.tls.client_ca == "/etc/keyward/ca.pem");
  CHECK(config.tls.crl == std::filesystem::path("/etc/keyward/revoked.pem"));
  CHECK(config.token.module == "/usr/lib/softhsm/libsofthsm2.so");
  CHECK(config.token.uri == "pkcs11:token=keyward");
  CHECK(config.token.pin.source() == PinReference::Source::File);
  CHECK(config.token.pin.name() == "/etc/keyward/token/pin");
  CHECK(config.catalog == "/etc/keyward/catalog.db");
  CHECK(config.audit_directory == "/etc/keyward/audit");
  CHECK(config.policy == "/etc/keyward/policy.yaml");
}

TEST_CASE("config: what may be absent has defaults", "[config]") {
  const Config config = REQUIRE_OK(Config::parse(kShortest, ""));
  CHECK(config.listen[0].kind == ListenAddress::Kind::Systemd);
  CHECK_FALSE(config.tls.crl);
  CHECK_FALSE(config.token.directory);
  CHECK_FALSE(config.token.executors);
  CHECK_FALSE(config.token.allow_suite_3);
  CHECK(config.token.environment.empty());
  CHECK(config.token.parameters.empty());
  CHECK_FALSE(config.token.profile);
  CHECK(config.limits.request_deadline == 10s);
  CHECK(config.catalog == "d");
}

TEST_CASE("config: optional settings are read", "[config]") {
  const std::string yaml =
      replaced(kShortest, "pin: env:PIN",
               "pin: env:PIN, directory: token, executors: 3, allow_suite_3: true, "
               "environment: {SOFTHSM2_CONF: token/softhsm2.conf}, "
               "parameters: \"configdir='sql:db'\", profile: token.profile") +
      "limits: {request_deadline: 250ms, idle_timeout: 2m, connections: 10, queue: 20}\n";
  const Config config = REQUIRE_OK(Config::parse(yaml, "/srv"));
  CHECK(config.token.directory == std::filesystem::path("/srv/token"));
  CHECK(config.token.executors == 3u);
  CHECK(config.token.allow_suite_3);
  CHECK(config.token.environment.at("SOFTHSM2_CONF") == "/srv/token/softhsm2.conf");
  CHECK(config.token.parameters == "configdir='sql:db'");
  CHECK(config.token.profile == std::filesystem::path("/srv/token.profile"));
  CHECK(config.limits.request_deadline == 250ms);
  CHECK(config.limits.idle_timeout == 2min);
  CHECK(config.limits.connections == 10);
  CHECK(config.limits.queue == 20);
}

TEST_CASE("config: what the token likes and how long it may hang are read", "[config]") {
  const Config plain = REQUIRE_OK(Config::parse(kShortest, ""));
  CHECK_FALSE(plain.token.concurrency.symmetric);
  CHECK(plain.token.hung_after == 10s);
  CHECK(plain.token.most_hung == 4);
  CHECK_FALSE(plain.limits.queue_per_caller);
  const std::string yaml = replaced(kShortest, "pin: env:PIN",
                                    "pin: env:PIN, concurrency: {symmetric: 4, generate: 2}, "
                                    "hung_after: 3s, most_hung: 7") +
                           "limits: {queue: 20, queue_per_caller: 9}\n";
  const Config config = REQUIRE_OK(Config::parse(yaml, ""));
  CHECK(config.token.concurrency.symmetric == 4u);
  CHECK_FALSE(config.token.concurrency.asymmetric);
  CHECK(config.token.concurrency.generate == 2u);
  CHECK(config.token.hung_after == 3s);
  CHECK(config.token.most_hung == 7);
  CHECK(config.limits.queue_per_caller == 9u);
}

struct Bad {
  const char* from;  // in kShortest
  const char* to;
  const char* message;
};

TEST_CASE("config: a fault is told with its place", "[config][errors]") {
  const Bad bad = GENERATE(
      Bad{"policy: p", "policy: p\nmore: 1", "line 7, column 1: more: unknown key"},
      Bad{"policy: p", "policy: p\npolicy: q", "line 7, column 1: the key stands twice"},
      Bad{"policy: p", "policy: &a p", "line 6, column 9: anchors are not allowed"},
      Bad{"policy: p", "policy: !!str p", "line 6, column 9: tags are not allowed"},
      Bad{"policy: p", "policy: 7", "line 6, column 9: policy: expected a text"},
      Bad{"policy: p", "policy: ''", "line 6, column 9: policy: expected a text"},
      Bad{"policy: p", "policy: \"a\\0b\"", "line 6, column 9: policy: holds a NUL character"},
      Bad{"policy: p\n", "", "line 1, column 1: policy: missing"},
      Bad{"listen: [systemd]", "listen: systemd",
          "line 1, column 9: listen: expected a list of addresses"},
      Bad{"listen: [systemd]", "listen: []",
          "line 1, column 9: listen: expected a list of addresses"},
      Bad{"[systemd]", "[7443]", "line 1, column 10: listen: expected a text"},
      Bad{"[systemd]", "['[::1]:1', '[::1]:1']",
          "line 1, column 21: listen: the same address twice"},
      Bad{"[systemd]", "[':7443']",
          "line 1, column 10: listen: expected HOST:PORT, unix:PATH or systemd"},
      Bad{"tls: {certificate: c, key: k, client_ca: a}", "tls: on",
          "line 2, column 6: tls: expected a mapping"},
      Bad{"key: k,", "kye: k,", "line 2, column 23: tls.kye: unknown key"},
      Bad{", client_ca: a", "", "line 2, column 6: tls.client_ca: missing"},
      Bad{"client_ca: a", "client_ca: [a]", "line 2, column 42: tls.client_ca: expected a text"},
      Bad{"'pkcs11:'", "keyward", "line 3, column 25: token.uri: expected pkcs11:… (RFC 7512)"},
      Bad{"'pkcs11:'", "'pkcs11:token=a?pin-value=1234'",
          "line 3, column 25: token.uri: no PIN here: use token.pin"},
      Bad{"pin: env:PIN", "pin: 1234",
          "line 3, column 41: token.pin: expected file:PATH, env:NAME or credential:NAME; a PIN is "
          "never written here"},
      Bad{"pin: env:PIN", "pin: 'hunter2'",
          "line 3, column 41: token.pin: expected file:PATH, env:NAME or credential:NAME; a PIN is "
          "never written here"},
      Bad{", pin: env:PIN", "", "line 3, column 8: token.pin: missing"},
      Bad{"env:PIN}", "env:PIN, executors: 0}",
          "line 3, column 61: token.executors: expected a number from 1 to 256"},
      Bad{"env:PIN}", "env:PIN, executors: '2'}",
          "line 3, column 61: token.executors: expected a number from 1 to 256"},
      Bad{"env:PIN}", "env:PIN, allow_suite_3: 1}",
          "line 3, column 65: token.allow_suite_3: expected true or false"},
      Bad{"env:PIN}", "env:PIN, environment: {LD-X: a}}",
          "line 3, column 64: token.environment.LD-X: not the name of an environment variable"},
      Bad{"env:PIN}", "env:PIN, environment: [a]}",
          "line 3, column 63: token.environment: expected a mapping"},
      Bad{"sqlite:d", "postgresql://db/keyward",
          "line 4, column 10: catalog: PostgreSQL is not supported yet: use sqlite:PATH"},
      Bad{"sqlite:d", "'sqlite:'", "line 4, column 10: catalog: expected sqlite:PATH"},
      Bad{"sqlite:d", "catalog.db", "line 4, column 10: catalog: expected sqlite:PATH"},
      Bad{"directory: l", "directory: l, checkpoint_every: 2s",
          "line 5, column 41: audit.checkpoint_every: from 100ms to 1s"},
      Bad{"directory: l", "directory: l, checkpoint_every: 99ms",
          "line 5, column 41: audit.checkpoint_every: from 100ms to 1s"},
      Bad{"directory: l", "directory: l, sinks: {}",
          "line 5, column 30: audit.sinks: expected a list of sinks"},
      Bad{"directory: l", "directory: l, sinks: [{kind: unix, path: s}]",
          "line 5, column 31: audit.sinks[0].name: missing"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: unix}]",
          "line 5, column 31: audit.sinks[0].path: missing"},
      Bad{"directory: l", "directory: l, sinks: [{name: ../a, kind: unix, path: s}]",
          "line 5, column 38: audit.sinks[0].name: expected at most 32 lower-case letters, digits "
          "and '-'"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: kafka}]",
          "line 5, column 47: audit.sinks[0].kind: expected journald, syslog-tls or unix"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: journald, format: xml}]",
          "line 5, column 65: audit.sinks[0].format: expected json, cef or ocsf"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: journald, require: maybe}]",
          "line 5, column 66: audit.sinks[0].require: expected true or false"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: journald, ca: c}]",
          "line 5, column 61: audit.sinks[0].ca: not of this kind of sink"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: unix, path: s, require: true}]",
          "line 5, column 71: audit.sinks[0].require: a required unix sink must have acknowledge: "
          "true"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: syslog-tls, address: 'unix:s'}]",
          "line 5, column 68: audit.sinks[0].address: expected HOST:PORT"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: syslog-tls, address: 'a:6514'}]",
          "line 5, column 31: audit.sinks[0].ca: missing"},
      Bad{"directory: l",
          "directory: l, sinks: [{name: a, kind: journald}, {name: a, kind: journald}]",
          "line 5, column 65: audit.sinks[1].name: the same name twice"},
      Bad{"directory: l", "directory: l, sinks: [{name: a, kind: journald, colour: red}]",
          "line 5, column 57: audit.sinks[0].colour: unknown key"},
      Bad{"directory: l", "directory: l, durable_within: 61s",
          "line 5, column 39: audit.durable_within: from 100ms to 1m"},
      Bad{"directory: l", "directory: l, durable_within: 99ms",
          "line 5, column 39: audit.durable_within: from 100ms to 1m"},
      Bad{"policy: p", "policy: p\ntelemetry: '127.0.0.1:1'",
          "line 7, column 12: telemetry: expected a mapping"},
      Bad{"policy: p", "policy: p\ntelemetry: {}", "line 7, column 12: telemetry.listen: missing"},
      Bad{"policy: p", "policy: p\ntelemetry: {listen: a:1, tls: no}",
          "line 7, column 26: telemetry.tls: unknown key"},
      Bad{"policy: p", "policy: p\ntelemetry: {listen: ['a:1']}",
          "line 7, column 21: telemetry.listen: expected a text"},
      Bad{"policy: p", "policy: p\ntelemetry: {listen: '7444'}",
          "line 7, column 21: telemetry.listen: expected HOST:PORT, unix:PATH or systemd"},
      Bad{"policy: p", "policy: p\ntelemetry: {listen: systemd}",
          "line 7, column 21: telemetry.listen: expected HOST:PORT or unix:PATH"},
      Bad{"policy: p", "policy: p\nlimits: {queue: 4, queue_per_caller: 5}",
          "line 7, column 38: limits.queue_per_caller: expected a number from 1 to 4"},
      Bad{"pin: env:PIN", "pin: env:PIN, most_hung: 0",
          "line 3, column 61: token.most_hung: expected a number from 1 to 256"},
      Bad{"pin: env:PIN", "pin: env:PIN, concurrency: {wrap: 1}",
          "line 3, column 64: token.concurrency.wrap: unknown key"},
      Bad{"policy: p", "policy: p\nlimits: {queue: -1}",
          "line 7, column 17: limits.queue: expected a number from 1 to 1000000"});
  INFO(bad.to);
  const auto config = Config::parse(replaced(kShortest, bad.from, bad.to), "");
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().code() == Code::InvalidArgument);
  CHECK(config.error().detail() == bad.message);
}

TEST_CASE("config: witnesses are read, and how many must cosign", "[config][witness]") {
  const auto parse = [](const std::string& audit) {
    return Config::parse(replaced(kShortest, "audit: {directory: l}", "audit: " + audit), "/etc");
  };
  CHECK(REQUIRE_OK(parse("{directory: l}")).witnesses.empty());
  const std::string two = "[{url: 'https://a', key: k+1, ca: ca.pem}, {url: 'http://b', key: l}]";
  const Config config = REQUIRE_OK(parse("{directory: l, witnesses: " + two + "}"));
  REQUIRE(config.witnesses.size() == 2);
  CHECK(config.witnesses[0].url == "https://a");
  CHECK(config.witnesses[0].key == "k+1");
  CHECK(config.witnesses[0].ca == std::filesystem::path("/etc/ca.pem"));
  CHECK_FALSE(config.witnesses[1].ca);
  CHECK(config.witness_quorum == 2);
  CHECK(REQUIRE_OK(parse("{directory: l, witness_quorum: 1, witnesses: " + two + "}"))
            .witness_quorum == 1);
  for (const std::string& bad :
       {std::string("{directory: l, witnesses: []}"), std::string("{directory: l, witnesses: a}"),
        std::string("{directory: l, witness_quorum: 1}"),
        std::string("{directory: l, witnesses: [{url: 'https://a'}]}"),
        std::string("{directory: l, witnesses: [{key: k}]}"),
        std::string("{directory: l, witnesses: [{url: u, key: k, other: x}]}"),
        "{directory: l, witness_quorum: 3, witnesses: " + two + "}",
        "{directory: l, witness_quorum: 0, witnesses: " + two + "}"}) {
    INFO(bad);
    CHECK_CODE(parse(bad), Code::InvalidArgument);
  }
}

TEST_CASE("config: telemetry has an address of its own", "[config][telemetry]") {
  CHECK_FALSE(REQUIRE_OK(Config::parse(kShortest, "")).telemetry);
  const auto with = [](const std::string& address) {
    return Config::parse(replaced(kShortest, "[systemd]", "['a:1', 'a:0', 'unix:s']") +
                             "telemetry: {listen: '" + address + "'}\n",
                         "/run");
  };
  using Kind = ListenAddress::Kind;
  CHECK(REQUIRE_OK(with("127.0.0.1:7444")).telemetry ==
        ListenAddress{Kind::Tcp, "127.0.0.1", 7444, {}});
  CHECK(REQUIRE_OK(with("unix:t")).telemetry == ListenAddress{Kind::Unix, "", 0, "/run/t"});
  CHECK(REQUIRE_OK(with("a:0")).telemetry == ListenAddress{Kind::Tcp, "a", 0, {}});
  for (const char* taken : {"a:1", "unix:s"}) {
    const auto config = with(taken);
    REQUIRE_FALSE(config.has_value());
    CHECK(config.error().detail() ==
          "line 7, column 21: telemetry.listen: the same address as in listen");
  }
}

TEST_CASE("config: an error never repeats what may be a PIN", "[config][errors]") {
  const auto config = Config::parse(replaced(kShortest, "env:PIN", "hunter2"), "");
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().detail().find("hunter2") == std::string::npos);
}

TEST_CASE("config: an empty document is refused", "[config][errors]") {
  const std::string yaml = GENERATE("", "---\n", "[]\n", "text\n");
  CHECK_CODE(Config::parse(yaml, ""), Code::InvalidArgument);
}

TEST_CASE("config: a file's paths start at its folder", "[config][file]") {
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / "keyward.yaml", kShortest));
  const Config config = REQUIRE_OK(Config::load(folder / "keyward.yaml"));
  CHECK(config.policy == folder / "p");
  CHECK(config.catalog == folder / "d");
}

TEST_CASE("config: a file's faults are told with its name", "[config][file]") {
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / "keyward.yaml", "lisen: []\n"));
  const auto config = Config::load(folder / "keyward.yaml");
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().detail() ==
        (folder / "keyward.yaml").string() + ": line 1, column 1: lisen: unknown key");
  CHECK_CODE(Config::load(folder / "no.yaml"), Code::NotFound);
}

TEST_CASE("config: addresses are read in each form", "[config][listen]") {
  using Kind = ListenAddress::Kind;
  const auto parse = [](std::string_view text) {
    return REQUIRE_OK(ListenAddress::parse(text, "/run"));
  };
  CHECK(parse("localhost:0") == ListenAddress{Kind::Tcp, "localhost", 0, {}});
  CHECK(parse("[::1]:65535") == ListenAddress{Kind::Tcp, "::1", 65535, {}});
  CHECK(parse("unix:keyward.sock") == ListenAddress{Kind::Unix, "", 0, "/run/keyward.sock"});
  CHECK(parse("unix:/a/b") == ListenAddress{Kind::Unix, "", 0, "/a/b"});
  CHECK(parse("systemd") == ListenAddress{Kind::Systemd, "", 0, {}});
}

TEST_CASE("config: other addresses are refused", "[config][listen]") {
  const std::string text =
      GENERATE("", ":", "7443", "host", "host:", "host:65536", "host:-1", "host:+1", "host:01",
               "host:1x", "::1:7443", "[::1]", "[]:1", "[::1:1", "[a]b:1", "https://a:1", "a b:1",
               "unix:", "Systemd", "[localhost]:1");
  INFO(text);
  CHECK_CODE(ListenAddress::parse(text, ""), Code::InvalidArgument);
}

TEST_CASE("config: durations have a unit", "[config][duration]") {
  CHECK(REQUIRE_OK(parse_duration("1ms")) == 1ms);
  CHECK(REQUIRE_OK(parse_duration("10s")) == 10s);
  CHECK(REQUIRE_OK(parse_duration("5m")) == 5min);
  CHECK(REQUIRE_OK(parse_duration("999999999h")) == 999'999'999h);
}

TEST_CASE("config: other durations are refused", "[config][duration]") {
  const std::string text = GENERATE("", "s", "10", "0s", "-1s", "+1s", " 1s", "1s ", "1 s", "01s",
                                    "1.5s", "1S", "1d", "1s1ms", "1000000000s");
  INFO(text);
  CHECK_CODE(parse_duration(text), Code::InvalidArgument);
}

}  // namespace
}  // namespace kw::config
