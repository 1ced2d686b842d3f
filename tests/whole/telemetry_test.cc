// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <atomic>
#include <regex>
#include <thread>

#include "scrape.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

using http::test::Answer;
using http::test::connect_socket;
using http::test::kJsonType;
using http::test::request;
using http::test::TlsClient;

std::string ok(const std::string& operation) {
  return "keyward_requests_total{operation=\"" + operation + "\",code=\"ok\"}";
}

std::string refused(const std::string& operation, const std::string& code) {
  return "keyward_requests_total{operation=\"" + operation + "\",code=\"" + code + "\"}";
}

std::string decision(const std::string& operation, const std::string& what) {
  return "keyward_decisions_total{operation=\"" + operation + "\",decision=\"" + what + "\"}";
}

json wrap_of(const std::string& key) {
  return {
      {"key", key}, {"plaintext", base64("zz-plain-8831")}, {"context", {{"t", "zz-ctx-8831"}}}};
}

// How much a series grows, in time.
bool grows_by(const Sandbox& sandbox, const Scrape& before, const std::string& series,
              double more) {
  INFO(series);
  return comes_true([&] { return scrape(sandbox)[series] - before[series] >= more; });
}

std::set<std::string> names_in(const std::filesystem::path& file) {
  const std::string text = REQUIRE_OK(read_file(file));
  const std::regex name("\\b(keyward|process)_[a-z_]+\\b");
  std::set<std::string> names;
  for (std::sregex_iterator at(text.begin(), text.end(), name), end; at != end; ++at) {
    names.insert(at->str());
  }
  return names;
}

std::filesystem::path in_tree(const std::string& name) {
  return std::filesystem::path(KEYWARD_TREE) / name;
}

}  // namespace

TEST_CASE("telemetry: a scrape is the format that Prometheus reads", "[whole][telemetry]") {
  const Sandbox& sandbox = shared_sandbox();
  const Answer answer = ask_plain(telemetry_address(sandbox), plain_request("/metrics"));
  REQUIRE(answer.status == 200);
  CHECK(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  const Scrape page(answer.body);
  for (const auto& [family, type] : page.types) {
    INFO(family);
    CHECK(family.ends_with("_total") == (type == "counter"));
  }
  CHECK(page["keyward_token_up"] == 1);
  CHECK(page["keyward_token_sign_of_life_age_seconds"] < kPatienceSeconds);
  CHECK(page["keyward_audit_state{state=\"open\"}"] == 1);
  CHECK(page["keyward_audit_disk_free_bytes"] > 0);
  CHECK(page["keyward_certificate_expiry_timestamp_seconds"] > page["process_start_time_seconds"]);
  CHECK(page["keyward_policy_changed_timestamp_seconds"] >= page["process_start_time_seconds"]);
  CHECK(page["process_resident_memory_bytes"] > 0);
  CHECK(page["process_open_fds"] > 3);
  if (std::string(KEYWARD_PROMTOOL).ends_with("promtool")) {
    const Outcome checked = run({KEYWARD_PROMTOOL, "check", "metrics"}, {}, answer.body);
    INFO(checked.out << checked.err);
    CHECK(checked.exit == 0);
    CHECK((checked.out + checked.err).empty());
  } else {
    WARN("promtool is not installed: only this test's own parser read the page");
  }
}

TEST_CASE("telemetry: requests and decisions are counted", "[whole][telemetry]") {
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("telemetry/counted");
  const Scrape before = scrape(sandbox);
  Client app = sandbox.client("app");
  for (int i = 0; i < 3; ++i)
    REQUIRE(app.post("/v1/wrap", wrap_of("telemetry/counted")).status == 200);
  REQUIRE(sandbox.client("auditor").post("/v1/wrap", wrap_of("telemetry/counted")).status == 403);
  REQUIRE(app.post("/v1/wrap", {{"key", 1}}).status == 400);
  REQUIRE(app.post("/v1/wrap", wrap_of("telemetry/none")).status == 404);
  REQUIRE(app.get("/v1/none").status == 404);
  REQUIRE(sandbox.client("").get("/v1/keys").status == 401);
  const json random = {{"op", "random"}, {"bytes", 8}};
  REQUIRE(app.post("/v1/batch", {{"requests", {random, random}}}).status == 200);
  CHECK(grows_by(sandbox, before, ok("batch"), 1));
  const Scrape after = scrape(sandbox);
  const auto growth = [&](const std::string& series) { return after[series] - before[series]; };
  CHECK(growth(ok("wrap")) == 3);
  CHECK(growth(refused("wrap", "permission_denied")) == 1);
  CHECK(growth(refused("wrap", "invalid_argument")) == 1);
  CHECK(growth(refused("wrap", "not_found")) == 1);
  CHECK(growth(refused("unknown", "not_found")) == 1);
  CHECK(growth("keyward_request_duration_seconds_count{operation=\"wrap\"}") == 6);
  CHECK(growth("keyward_request_duration_seconds_sum{operation=\"wrap\"}") > 0);
  CHECK(growth(decision("wrap", "allowed")) == 4);
  CHECK(growth(decision("wrap", "denied")) == 1);
  CHECK(growth(decision("random", "allowed")) == 2);
  CHECK(growth("keyward_unauthenticated_requests_total") == 1);
  // The service's own upkeep calls the token and writes records as well.
  CHECK(growth("keyward_token_call_duration_seconds_count{call=\"encrypt\"}") >= 3);
  CHECK(growth("keyward_audit_records_durable_total") >= 9);
  CHECK(growth("keyward_audit_batch_records_sum") >= 9);
  CHECK(growth("keyward_audit_commit_duration_seconds_count") > 0);
}

TEST_CASE("telemetry: connections and failed handshakes are counted", "[whole][telemetry]") {
  const Sandbox& sandbox = shared_sandbox();
  const Scrape before = scrape(sandbox);
  const TlsClient open(sandbox.address(), sandbox.files("app"));
  REQUIRE(open.is_connected());
  (void)ask_plain(sandbox.address(), "GET / HTTP/1.1\r\n\r\n");
  CHECK(grows_by(sandbox, before, "keyward_tls_handshakes_failed_total", 1));
  CHECK(grows_by(sandbox, before, "keyward_connections_accepted_total", 2));
  CHECK(scrape(sandbox)["keyward_connections"] >= 1);
}

TEST_CASE("telemetry: nothing of a caller, a key or a request is in a scrape",
          "[whole][telemetry][negative]") {
  const Sandbox& sandbox = shared_sandbox();
  const std::string name = "zz-key-8831";
  sandbox.make_key(name);
  Client app = sandbox.client("app");
  const Reply wrapped = app.post("/v1/wrap", wrap_of(name));
  REQUIRE(wrapped.status == 200);
  REQUIRE(app.get("/zz-path-8831?zz=8831").status == 404);
  const Scrape before = scrape(sandbox);
  REQUIRE(app.post("/v1/unwrap", {{"blob", wrapped.body["blob"]}}).status == 400);
  CHECK(grows_by(sandbox, before, refused("unwrap", "invalid_argument"), 1));
  const std::string page =
      ask_plain(telemetry_address(sandbox), plain_request("/metrics?zz-query-8831")).body;
  for (const char* outside :
       {"8831", "zz", "spiffe", "keyward.dev", "127.0.0.1", "softhsm", "SoftHSM", "pkcs11:"}) {
    INFO(outside);
    CHECK(page.find(outside) == std::string::npos);
  }
  // The closed lists are known, so that one that opens is seen: each value is a word of ours.
  const Scrape read(page);
  CHECK(read.label_values.size() < 80);
  for (const std::string& value : read.label_values) {
    INFO(value);
    CHECK(std::regex_match(value, std::regex("[a-z][a-z_-]*|[0-9.]+")));
  }
}

TEST_CASE("telemetry: what is no GET or HEAD of its three paths is refused",
          "[whole][telemetry][negative]") {
  struct Bad {
    std::string bytes;
    int status;
  };
  const std::string address = telemetry_address(shared_sandbox());
  const std::string long_head = "GET /metrics HTTP/1.1\r\nHost: a\r\nX: " + std::string(5000, 'x');
  const auto bad = GENERATE_COPY(
      Bad{plain_request("/"), 404}, Bad{plain_request("/v1/keys"), 404},
      Bad{plain_request("/v1/whoami"), 404}, Bad{plain_request("/openapi.json"), 404},
      Bad{plain_request("/metrics/"), 400}, Bad{plain_request("/metrics%20"), 400},
      Bad{plain_request("/../metrics"), 400}, Bad{plain_request("http://a/metrics"), 400},
      Bad{plain_request("/metrics", "POST"), 405}, Bad{plain_request("/metrics", "PUT"), 405},
      Bad{plain_request("/metrics", "DELETE"), 405}, Bad{plain_request("/metrics", "OPTIONS"), 405},
      Bad{plain_request("/metrics", "TRACE"), 405}, Bad{plain_request("/metrics", "BREW"), 501},
      Bad{"GET /metrics HTTP/1.0\r\n\r\n", 505}, Bad{"GET /metrics HTTP/1.1\r\n\r\n", 400},
      Bad{"GET /metrics\r\n\r\n", 400}, Bad{"\x16\x03\x01\n\n", 400},
      Bad{"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", 400},
      Bad{"GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
      Bad{plain_request("/" + std::string(300, 'a')), 414}, Bad{long_head, 431});
  INFO(bad.bytes);
  const Answer answer = ask_plain(address, bad.bytes);
  CHECK(answer.status == bad.status);
  CHECK(answer.header("Allow") == (bad.status == 405 ? "GET, HEAD" : ""));
  CHECK(ask_plain(address, plain_request("/healthz")).status == 200);
}

TEST_CASE("telemetry: HEAD is answered with the head that GET would get", "[whole][telemetry]") {
  const Sandbox& sandbox = shared_sandbox();
  const std::string address = telemetry_address(sandbox);
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    INFO(path);
    const Answer head = ask_plain(address, plain_request(path, "HEAD"));
    CHECK(head.status == 200);
    CHECK(std::stoi(head.header("Content-Length")) > 10);
    CHECK(head.body.empty());
  }
  // The API takes no HEAD, and says so in the same way as before.
  const Reply api =
      reply_of(TlsClient(sandbox.address(), sandbox.files("app")).ask(request("HEAD", "/healthz")));
  CHECK(api.status == 405);
}

TEST_CASE("telemetry: the service lives on when it is not ready", "[whole][telemetry]") {
  Sandbox sandbox;
  sandbox.make_key("telemetry/k");
  const std::string address = telemetry_address(sandbox);
  const auto status = [&](const char* path) {
    return ask_plain(address, plain_request(path)).status;
  };
  CHECK(status("/readyz") == 200);
  std::filesystem::rename(sandbox / "audit", sandbox / "elsewhere");
  CHECK(sandbox.client("app").post("/v1/wrap", wrap_of("telemetry/k")).status == 503);
  CHECK(comes_true([&] { return status("/readyz") == 503; }));
  CHECK(status("/healthz") == 200);
  CHECK(comes_true([&] { return scrape(sandbox)["keyward_audit_state{state=\"blocked\"}"] == 1; }));
  CHECK(scrape(sandbox)["keyward_audit_undurable_bytes"] > 0);
  CHECK(sandbox.client("").get("/readyz").status == 503);
  std::filesystem::rename(sandbox / "elsewhere", sandbox / "audit");
  CHECK(comes_true([&] { return status("/readyz") == 200; }));
  CHECK(comes_true([&] { return scrape(sandbox)["keyward_audit_state{state=\"open\"}"] == 1; }));
  CHECK(sandbox.stop() == 0);
}

TEST_CASE("telemetry: a flood on it leaves the API as it was", "[whole][telemetry][negative]") {
  constexpr int kCalls = 200;
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("telemetry/flooded");
  const std::string address = telemetry_address(sandbox);
  // Every seat is taken by who never ends a head; more come and are closed.
  std::vector<FileDescriptor> slow;
  for (int i = 0; i < 40; ++i) {
    slow.emplace_back(connect_socket(address));
    (void)::send(slow.back().get(), "GET /metrics", 12, MSG_NOSIGNAL);
  }
  std::atomic<bool> over = false;
  std::atomic<int> scrapes = 0;
  std::vector<std::thread> flood;
  for (int i = 0; i < 4; ++i) {
    flood.emplace_back([&] {
      while (!over) {
        const FileDescriptor socket(connect_socket(address));
        const std::string bytes = plain_request("/metrics");
        (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        ++scrapes;
      }
    });
  }
  Client app = sandbox.client("app");
  int good = 0;
  for (int i = 0; i < kCalls; ++i) {
    if (app.post("/v1/wrap", wrap_of("telemetry/flooded")).status == 200) ++good;
  }
  const bool new_one = sandbox.client("app").get("/v1/whoami").status == 200;
  over = true;
  for (std::thread& each : flood) each.join();
  CHECK(good == kCalls);
  CHECK(new_one);
  CHECK(scrapes > 0);
  // Who never ends its head is cut, and scrapes go on.
  CHECK(comes_true([&] { return ask_plain(address, plain_request("/metrics")).status == 200; }));
}

TEST_CASE("telemetry: listens on a unix socket too", "[whole][telemetry]") {
  Sandbox sandbox;
  REQUIRE(sandbox.stop() == 0);
  sandbox.edit("keyward.yaml", "{listen: \"127.0.0.1:0\"}", "{listen: \"unix:metrics\"}");
  sandbox.serve();
  REQUIRE(sandbox.says("telemetry on unix:" + sandbox.path("metrics")));
  const Answer answer = ask_plain("unix:" + sandbox.path("metrics"), plain_request("/metrics"));
  CHECK(answer.status == 200);
  CHECK(Scrape(answer.body)["keyward_token_up"] == 1);
  CHECK(sandbox.stop() == 0);
}

TEST_CASE("telemetry: without the setting nothing listens", "[whole][telemetry]") {
  Sandbox sandbox;
  REQUIRE(sandbox.stop() == 0);
  sandbox.edit("keyward.yaml", "telemetry: {listen: \"127.0.0.1:0\"}\n", "");
  sandbox.dev();
  CHECK_FALSE(std::filesystem::exists(sandbox / "metrics_url"));
  CHECK(sandbox.log().find("/metrics") == std::string::npos);
}

TEST_CASE("telemetry: an address in use is refused at the start", "[whole][telemetry][negative]") {
  Sandbox sandbox;
  const std::string taken = telemetry_address(shared_sandbox());
  REQUIRE(sandbox.stop() == 0);
  sandbox.edit("keyward.yaml", "telemetry: {listen: \"127.0.0.1:0\"}",
               "telemetry: {listen: \"" + taken + "\"}");
  const Outcome outcome = run({keyward(), "serve", "--config", sandbox.path("keyward.yaml")});
  CHECK(outcome.exit == 1);
  CHECK(outcome.err.find(taken + ": bind: ") != std::string::npos);
}

TEST_CASE("telemetry: alerts, dashboard and documents name what a scrape serves",
          "[whole][telemetry][docs]") {
  const Scrape page = scrape(shared_sandbox());
  std::set<std::string> families;
  std::set<std::string> names;
  for (const auto& [family, type] : page.types) {
    families.insert(family);
    names.insert(family);
    if (type != "histogram") continue;
    for (const char* part : {"_bucket", "_sum", "_count"}) names.insert(family + part);
  }
  for (const char* file :
       {"deploy/prometheus/alerts.yaml", "deploy/grafana/keyward.json", "docs/telemetry.md"}) {
    for (const std::string& name : names_in(in_tree(file))) {
      INFO(file << ": " << name);
      CHECK(names.count(name) == 1);
    }
  }
  const std::set<std::string> documented = names_in(in_tree("docs/telemetry.md"));
  for (const std::string& family : families) {
    INFO(family);
    CHECK(documented.count(family) == 1);
  }
  const json dashboard =
      json::parse(REQUIRE_OK(read_file(in_tree("deploy/grafana/keyward.json"))), nullptr, false);
  REQUIRE(dashboard.is_object());
  CHECK(dashboard["panels"].size() > 10);
  // Every alert has its line in the document.
  const std::string rules = REQUIRE_OK(read_file(in_tree("deploy/prometheus/alerts.yaml")));
  const std::string document = REQUIRE_OK(read_file(in_tree("docs/telemetry.md")));
  const std::regex alert("- alert: (\\w+)");
  int alerts = 0;
  for (std::sregex_iterator at(rules.begin(), rules.end(), alert), end; at != end; ++at, ++alerts) {
    const std::string name = (*at)[1];
    INFO(name);
    CHECK(document.find("`" + name + "`") != std::string::npos);
  }
  CHECK(alerts > 10);
}

}  // namespace kw::whole
