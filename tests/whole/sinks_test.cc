// SPDX-License-Identifier: Apache-2.0
// Audit records in other places than the log's folder, with real receivers (sink_receiver.py).
#include <csignal>
#include <iostream>
#include <regex>
#include <set>

#include "sandbox.h"
#include "scrape.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

// Receiver is one of sink_receiver.py, in the sandbox's folder. It can be ended and begun anew.
class Receiver {
 public:
  Receiver(const Sandbox& sandbox, std::string kind) : sandbox_(sandbox), kind_(std::move(kind)) {}

  void start(const std::string& behaviour = "good", const std::string& host = "127.0.0.1") {
    std::filesystem::remove(out() + ".ready");
    if (kind_ != "tls") std::filesystem::remove(socket());
    std::vector<std::string> words{KEYWARD_SINK_RECEIVER,
                                   kind_,
                                   kind_ == "tls" ? port_ : socket(),
                                   out(),
                                   "--behave",
                                   behaviour};
    if (kind_ == "tls") {
      const std::vector<std::string> files{"--host",        host,
                                           "--certificate", sandbox_.path("server.pem"),
                                           "--key",         sandbox_.path("server.key"),
                                           "--client-ca",   sandbox_.path("ca.pem")};
      words.insert(words.end(), files.begin(), files.end());
    }
    process_.emplace(Launch{words, {}, -1, -1, STDERR_FILENO, -1});
    REQUIRE(comes_true([this] { return std::filesystem::exists(out() + ".ready"); }));
    if (kind_ == "tls") port_ = REQUIRE_OK(read_file(out() + ".ready"));
  }
  void stop() {
    process_->signal(SIGKILL);
    (void)process_->wait();
    process_.reset();
  }

  std::string socket() const { return sandbox_.path("s." + kind_); }
  std::string port() const { return port_; }

  // The indices of the messages that came, in the order in which they came; each was whole JSON.
  std::vector<std::uint64_t> indices() const {
    std::vector<std::uint64_t> found;
    for (const std::string& line : messages()) {
      const std::size_t begin = line.find('{');
      const json record = json::parse(line.substr(begin == std::string::npos ? 0 : begin));
      found.push_back(record["index"]);
    }
    return found;
  }
  std::vector<std::string> messages() const {
    std::vector<std::string> lines;
    const auto text = read_file(out());
    if (!text) return lines;
    std::istringstream in(*text);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  bool has(std::uint64_t index) const {
    const auto all = indices();
    return std::find(all.begin(), all.end(), index) != all.end();
  }

 private:
  std::string out() const { return sandbox_.path("received." + kind_); }

  const Sandbox& sandbox_;
  const std::string kind_;
  std::string port_ = "0";
  std::optional<Process> process_;
};

// What the receivers got is in order, and without a gap: a record that came again is one that came.
void check_order(const std::vector<std::uint64_t>& indices) {
  REQUIRE_FALSE(indices.empty());
  std::uint64_t next = indices.front();
  for (const std::uint64_t index : indices) {
    CHECK(index <= next);
    next = std::max(next, index + 1);
  }
}

// A sandbox with a key, stopped, which begins with these sinks.
struct SinksFixture {
  SinksFixture() {
    sandbox.dev();
    sandbox.make_key("sink/k");
    REQUIRE(sandbox.stop() == 0);
  }

  void configure(const std::string& sinks) {
    sandbox.edit("keyward.yaml", "audit: {directory: audit}",
                 "audit: {directory: audit, sinks: [" + sinks + "]}");
  }
  std::string tls_sink(const std::string& port, const std::string& more = "") const {
    return "{name: siem, kind: syslog-tls, address: 'localhost:" + port +
           "', ca: ca.pem, certificate: clients/app.pem, key: clients/app.key" + more + "}";
  }

  Reply wrap() const {
    return sandbox.client("app").post("/v1/wrap", {{"key", "sink/k"}, {"plaintext", "AAAA"}});
  }
  bool wraps_become(int status) const {
    return comes_true([&] { return wrap().status == status; });
  }
  // The index of the record of a fresh request.
  std::uint64_t wrapped() const {
    const Reply reply = wrap();
    REQUIRE(reply.status == 200);
    return std::stoull(reply.receipt);
  }

  Sandbox sandbox{Sandbox::Server::None};
};

}  // namespace

TEST_CASE_METHOD(SinksFixture, "sinks: every kind gets every record, in order", "[sinks]") {
  Receiver journald(sandbox, "journald");
  Receiver stream(sandbox, "unix");
  Receiver tls(sandbox, "tls");
  for (Receiver* receiver : {&journald, &stream, &tls}) receiver->start();
  configure(
      "{name: journal, kind: journald, path: s.journald}, "
      "{name: stream, kind: unix, path: s.unix, acknowledge: true, require: true}, " +
      tls_sink(tls.port()));
  sandbox.dev();
  const std::uint64_t first = wrapped();
  for (int i = 0; i < 20; ++i) wrapped();
  const std::uint64_t last = wrapped();
  // It is required: it had the record before the answer came.
  CHECK(stream.has(last));
  for (const Receiver* receiver : {&journald, &stream, &tls}) {
    CHECK(comes_true([&] { return receiver->has(last); }));
    CHECK(receiver->has(first));
    check_order(receiver->indices());
  }
  // RFC 5424: facility 13, informational; the record's own time, a host, who, what.
  CHECK(std::regex_search(
      tls.messages().back(),
      std::regex("^<110>1 20[0-9T:.-]+Z [^ ]+ keyward - operation - \\{\"index\":")));
  const Scrape page = scrape(sandbox);
  CHECK(page["keyward_audit_sink_connected{sink=\"siem\"}"] == 1);
  CHECK(page["keyward_audit_sink_required{sink=\"stream\"}"] == 1);
  CHECK(page["keyward_audit_sink_behind_records{sink=\"stream\"}"] == 0);
  CHECK(page["keyward_audit_sink_sent_total{sink=\"journal\"}"] >= 22);
  CHECK(sandbox.stop() == 0);
  // The stop is a record too.
  for (const Receiver* receiver : {&journald, &stream, &tls}) {
    CHECK(receiver->messages().back().find("\"event\":\"stop\"") != std::string::npos);
  }
}

TEST_CASE_METHOD(SinksFixture, "sinks: one that is away delays nobody and gets all of it later",
                 "[sinks]") {
  Receiver tls(sandbox, "tls");
  tls.start();
  configure(tls_sink(tls.port()));
  sandbox.dev();
  wrapped();
  tls.stop();
  const std::uint64_t missed = wrapped();
  // Nor does a restart lose its place.
  CHECK(sandbox.stop() == 0);
  sandbox.dev();
  wrapped();
  CHECK(comes_true(
      [&] { return scrape(sandbox)["keyward_audit_sink_failures_total{sink=\"siem\"}"] >= 1; }));
  tls.start();
  const std::uint64_t last = wrapped();
  CHECK(comes_true([&] { return tls.has(last); }));
  CHECK(tls.has(missed));
  check_order(tls.indices());
  CHECK(sandbox.stop() == 0);
}

TEST_CASE_METHOD(SinksFixture, "sinks: a connection that breaks in the middle loses nothing",
                 "[sinks]") {
  const std::string kind = GENERATE("tls", "unix");
  Receiver receiver(sandbox, kind);
  receiver.start("reset");
  configure(kind == "tls" ? tls_sink(receiver.port())
                          : "{name: stream, kind: unix, path: s.unix, acknowledge: true}");
  sandbox.dev();
  std::uint64_t last = 0;
  for (int i = 0; i < 30; ++i) last = wrapped();
  CHECK(comes_true([&] { return receiver.has(last); }));
  check_order(receiver.indices());
  CHECK(sandbox.stop() == 0);
}

TEST_CASE_METHOD(SinksFixture, "sinks: one that is slow or hangs delays nobody", "[sinks]") {
  const std::string behaviour = GENERATE("slow", "hang");
  Receiver tls(sandbox, "tls");
  tls.start(behaviour);
  configure(tls_sink(tls.port()));
  sandbox.dev();
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) last = wrapped();
  if (behaviour == "slow") CHECK(comes_true([&] { return tls.has(last); }));
  CHECK(sandbox.stop() == 0);
}

TEST_CASE_METHOD(SinksFixture, "sinks: nothing is given free while a required one is away",
                 "[sinks]") {
  const std::string kind = GENERATE("tls", "unix");
  Receiver receiver(sandbox, kind);
  receiver.start();
  configure(kind == "tls" ? tls_sink(receiver.port(), ", require: true")
                          : "{name: siem, kind: unix, path: s.unix, acknowledge: true, "
                            "require: true}");
  sandbox.dev();
  wrapped();
  receiver.stop();
  if (kind == "unix") std::filesystem::remove(receiver.socket());
  REQUIRE(wraps_become(503));
  const Reply refused = wrap();
  CHECK(refused.status == 503);
  CHECK(refused.text.find("ciphertext") == std::string::npos);
  CHECK(sandbox.client("").get("/readyz").text.find("sink down") != std::string::npos);
  const auto begin = std::chrono::steady_clock::now();
  receiver.start();
  CHECK(wraps_become(200));
  std::cout
      << kind << ": 200 again "
      << std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count()
      << " ms after the receiver" << std::endl;
  const std::uint64_t last = wrapped();
  CHECK(comes_true([&] { return receiver.has(last); }));
  check_order(receiver.indices());
  CHECK(sandbox.stop() == 0);
  CHECK(run({keyward(), "audit", "verify", sandbox.path("audit")}).exit == 0);
  // On record, there and here.
  const Outcome shown = run({keyward(), "audit", "show", "--json", "--where",
                             "event=answers_withheld reason=sink_down", sandbox.path("audit")});
  REQUIRE_FALSE(shown.out.empty());
  const json event = json::parse(shown.out.substr(0, shown.out.find('\n')));
  CHECK(receiver.has(event["index"]));
  CHECK(event["refused"].get<std::uint64_t>() >= 1);
}

TEST_CASE_METHOD(SinksFixture, "sinks: a required one that does not acknowledge gets 503 for all",
                 "[sinks]") {
  Receiver receiver(sandbox, "unix");
  receiver.start("silent");
  sandbox.edit("keyward.yaml", "audit: {directory: audit}",
               "audit: {directory: audit, durable_within: 500ms, sinks: [{name: siem, kind: unix, "
               "path: s.unix, acknowledge: true, require: true}]}");
  sandbox.dev();
  CHECK(wrap().status == 503);
  receiver.stop();
  receiver.start();
  CHECK(wraps_become(200));
  CHECK(sandbox.stop() == 0);
}

TEST_CASE_METHOD(SinksFixture, "sinks: nothing goes to a TLS peer that is not the one", "[sinks]") {
  struct Case {
    const char* what;
    const char* from;
    const char* to;
    const char* said;
  };
  const auto c = GENERATE(
      Case{"the receiver's authority is not ours", "ca: ca.pem", "ca: other.pem",
           "certificate verify failed"},
      Case{"the receiver has another name", "localhost", "127.0.0.2", "certificate verify failed"},
      Case{"our authority is not the receiver's", "clients/app.", "other.",
           "does not take records"});
  INFO(c.what);
  Receiver tls(sandbox, "tls");
  tls.start("good", std::string(c.to) == "127.0.0.2" ? c.to : "127.0.0.1");
  REQUIRE(run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", sandbox.path("other.key"), "-out", sandbox.path("other.pem"),
               "-subj", "/CN=other", "-days", "2"})
              .exit == 0);
  configure(std::regex_replace(tls_sink(tls.port()), std::regex(c.from), c.to));
  sandbox.dev();
  CHECK(sandbox.says(c.said));
  CHECK(comes_true(
      [&] { return scrape(sandbox)["keyward_audit_sink_failures_total{sink=\"siem\"}"] >= 2; }));
  wrapped();
  CHECK(tls.messages().empty());
  CHECK(sandbox.stop() == 0);
}

TEST_CASE_METHOD(SinksFixture, "sinks: files that cannot be used are refused at the start",
                 "[sinks]") {
  configure(tls_sink("6514"));
  sandbox.edit("keyward.yaml", "key: clients/app.key", "key: clients/admin.key");
  const Outcome check =
      run({keyward(), "serve", "--check", "--config", sandbox.path("keyward.yaml")});
  CHECK(check.exit == 1);
  CHECK(check.err.find("holds no private key of the certificate") != std::string::npos);
}

}  // namespace kw::whole
