// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "scrape.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

// Witness is a `keyward witness` in a folder of its own. It is up when this returns.
class Witness {
 public:
  Witness(const Sandbox& sandbox, std::string name, bool is_tls = false)
      : sandbox_(sandbox), name_(std::move(name)), is_tls_(is_tls) {
    start("127.0.0.1:0");
  }

  void start(const std::string& listen) {
    std::filesystem::remove(folder_ / "url");
    std::vector<std::string> words{keyward(),  "witness", "--dir", folder_.path().string(),
                                   "--listen", listen,    "--log", log_key(),
                                   "--name",   name_};
    if (is_tls_) {
      words.insert(words.end(), {"--tls-certificate", sandbox_.path("server.pem"), "--tls-key",
                                 sandbox_.path("server.key")});
    }
    log_ = memory_file();
    process_.emplace(Launch{words, {}, -1, -1, log_.get(), -1});
    if (!comes_true([&] { return std::filesystem::exists(folder_ / "url"); })) FAIL(log());
    url_ = REQUIRE_OK(read_file(folder_ / "url"));
    url_.pop_back();
  }
  // Where it was before.
  void restart() { start(address()); }
  void kill() {
    process_->signal(SIGKILL);
    (void)process_->wait();
  }

  std::string address() const { return url_.substr(url_.find("//") + 2); }
  std::string vkey() const {
    std::string text = REQUIRE_OK(read_file(folder_ / "vkey"));
    text.pop_back();
    return text;
  }
  std::string log() const { return content_of(log_); }
  std::string name() const { return name_; }
  // A line of the service's configuration.
  std::string setting() const {
    return "    - {url: \"" + url_ + "\", key: \"" + vkey() + "\"" +
           (is_tls_ ? ", ca: ca.pem" : "") + "}\n";
  }
  // The checkpoint that it holds, over HTTP in the clear.
  std::string newest() const {
    const std::string origin = REQUIRE_OK(read_file(log_key()));
    const std::string hash = to_hex(sha256(as_bytes(origin.substr(0, origin.find('+')))));
    return ask_plain(address(), plain_request("/" + hash + "/checkpoint")).body;
  }

 private:
  std::string log_key() const { return sandbox_.path("audit/checkpoint.vkey"); }

  const Sandbox& sandbox_;
  const std::string name_;
  const bool is_tls_;
  test::TempDir folder_;
  FileDescriptor log_;
  std::optional<Process> process_;
  std::string url_;
};

void configure(const Sandbox& sandbox, const std::vector<const Witness*>& witnesses,
               std::size_t quorum) {
  std::string audit = "audit:\n  directory: audit\n  witness_quorum: " + std::to_string(quorum) +
                      "\n  witnesses:\n";
  for (const Witness* const witness : witnesses) audit += witness->setting();
  sandbox.edit("keyward.yaml", "audit: {directory: audit}\n", audit);
}

// 0 for what is no checkpoint: a witness that does not know the log yet says so in one line.
std::uint64_t size_in(const std::string& note) {
  const std::string rest = note.substr(std::min(note.size(), note.find('\n') + 1));
  return rest.empty() ? 0 : std::stoull(rest);
}

// What an independent implementation makes of a note: the size that this witness cosigned, 0 if it
// did not.
std::uint64_t cosigned_size(const Sandbox& sandbox, const Witness& witness,
                            const std::string& note) {
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / "note", note));
  const Outcome outcome =
      run({"python3", KEYWARD_PROOF_ORACLE, "cosigned", sandbox.path("audit/checkpoint.vkey"),
           witness.vkey(), (folder / "note").string()});
  return outcome.exit == 0 ? std::stoull(outcome.out) : 0;
}

double series(const Sandbox& sandbox, const std::string& name, const Witness& witness) {
  return scrape(sandbox)[name + "{witness=\"" + witness.name() + "\"}"];
}

void replace_audit(const Sandbox& sandbox, const std::filesystem::path& with) {
  std::filesystem::remove_all(sandbox / "audit");
  std::filesystem::copy(with, sandbox / "audit", std::filesystem::copy_options::recursive);
}

// A service with one witness that has seen more than a copy of the log, which the service is to go
// on with.
struct OlderLog {
  OlderLog() : witness(sandbox, "w.example/only") {
    REQUIRE(sandbox.stop() == 0);
    configure(sandbox, {&witness}, 1);
    sandbox.dev();
    wait_until_known(1);
    REQUIRE(sandbox.stop() == 0);
    std::filesystem::copy(sandbox / "audit", kept / "old",
                          std::filesystem::copy_options::recursive);
    sandbox.dev();
    make_records(20);
    wait_until_known(records());
    newest = witness.newest();
    REQUIRE(sandbox.stop() == 0);
    replace_audit(sandbox, kept / "old");
  }

  void make_records(int count) {
    Client app = sandbox.client("app");
    for (int i = 0; i < count; ++i) REQUIRE(app.post("/v1/random", {{"bytes", 1}}).status == 200);
  }
  std::uint64_t records() {
    const std::string receipt = sandbox.client("app").post("/v1/random", {{"bytes", 1}}).receipt;
    return std::stoull(receipt) + 1;
  }
  void wait_until_known(std::uint64_t size) const {
    REQUIRE(comes_true([&] { return size_in(witness.newest()) >= size; }));
  }

  // The service found it out, said it everywhere, and goes on serving.
  void check_that_it_is_found() {
    CHECK(comes_true([&] { return series(sandbox, "keyward_witness_dispute", witness) == 2; }));
    const Reply ready = sandbox.client("").get("/readyz");
    CHECK(ready.status == 503);
    CHECK(ready.text.find("a witness proves that the audit log was rolled back or forked") !=
          std::string::npos);
    CHECK(sandbox.says("<1>keyward: the witness w.example/only disputes the audit log"));
    std::vector<json> disputes;
    CHECK(comes_true([&] {
      for (const json& record : sandbox.records()) {
        if (record.value("event", "") == "witness dispute") disputes.push_back(record);
      }
      return !disputes.empty();
    }));
    CHECK(disputes.front()["source"] == "w.example/only");
    CHECK(disputes.front()["count"] == size_in(newest));
    CHECK(disputes.front()["digest"] == to_hex(sha256(as_bytes(newest))));
    CHECK(comes_true([&] {
      const auto evidence = read_file(sandbox / "audit/checkpoint.conflicting");
      return evidence && *evidence == newest;
    }));
    make_records(1);
    // The witness has not changed its mind, and an auditor who asks it finds the same.
    CHECK(size_in(witness.newest()) == size_in(newest));
    REQUIRE_OK(write_file(kept / "witnessed", newest));
    const Outcome verified =
        run({keyward(), "audit", "verify", sandbox.path("audit"), "--trusted-checkpoint",
             (kept / "witnessed").string(), "--witness", witness.vkey()});
    INFO(verified.out << verified.err);
    CHECK((verified.exit == 1 || verified.exit == 2));
  }

  Sandbox sandbox;
  Witness witness;
  test::TempDir kept;
  std::string newest;
};

}  // namespace

TEST_CASE("witness: two cosign, one goes and comes back, and the service waits for none",
          "[whole][witness]") {
  Sandbox sandbox;
  Witness one(sandbox, "w.example/one", true);
  Witness two(sandbox, "w.example/two");
  REQUIRE(sandbox.stop() == 0);
  configure(sandbox, {&one, &two}, 1);
  CHECK(run({keyward(), "serve", "--check", "--config", sandbox.path("keyward.yaml")}).exit == 0);
  sandbox.dev();
  Client app = sandbox.client("app");
  Client auditor = sandbox.client("auditor");
  const auto covers = [&](const Witness& witness, const std::string& receipt) {
    return comes_true([&] {
      const std::string note = auditor.get("/v1/audit/checkpoint").text;
      return cosigned_size(sandbox, witness, note) > std::stoull(receipt);
    });
  };
  const auto receipt = [&] { return app.post("/v1/random", {{"bytes", 1}}).receipt; };
  const std::string mine = receipt();
  REQUIRE(covers(one, mine));
  REQUIRE(covers(two, mine));

  const std::string proof = (sandbox / "mine.tlog-proof").string();
  const std::string key = sandbox.path("audit/checkpoint.vkey");
  CHECK(sandbox
            .keyward("auditor", {"audit", "prove", "--receipt", mine, "--key", key, "--witness",
                                 one.vkey(), "--witness", two.vkey(), "--out", proof})
            .exit == 0);
  const auto prove_offline = [&](const std::string& witness) {
    return run({keyward(), "audit", "prove", "--receipt", mine, "--key", key, "--proof", proof,
                "--witness", witness})
        .exit;
  };
  CHECK(prove_offline(one.vkey()) == 0);
  const Witness stranger(sandbox, "w.example/stranger");
  CHECK(prove_offline(stranger.vkey()) == 1);

  two.kill();
  const double failures = series(sandbox, "keyward_witness_failures_total", two);
  const std::string later = receipt();
  CHECK(covers(one, later));
  CHECK(comes_true(
      [&] { return series(sandbox, "keyward_witness_failures_total", two) > failures; }));
  CHECK(sandbox.client("").get("/readyz").status == 200);
  CHECK(series(sandbox, "keyward_witness_dispute", two) == 0);
  two.restart();
  const std::string last = receipt();
  CHECK(covers(two, last));

  REQUIRE(sandbox.stop() == 0);
  const auto verify = [&](const std::string& witness) {
    return run(
        {keyward(), "audit", "verify", "--json", sandbox.path("audit"), "--witness", witness});
  };
  const Outcome verified = verify(one.vkey());
  CHECK(verified.exit == 0);
  CHECK(json::parse(verified.out)["cosigned"]["w.example/one"]["size"] > std::stoull(last));
  CHECK(verify(stranger.vkey()).exit == 2);
  std::string forged = REQUIRE_OK(read_file(sandbox / "audit/checkpoint.cosigned"));
  const std::size_t at = forged.find("\u2014 w.example/one ") + 60;
  forged[at] = forged[at] == 'A' ? 'B' : 'A';
  sandbox.write("audit/checkpoint.cosigned", forged);
  CHECK(verify(one.vkey()).exit == 1);
}

TEST_CASE_METHOD(OlderLog, "witness: a log that was rolled back is found", "[whole][witness]") {
  sandbox.dev();
  check_that_it_is_found();
}

TEST_CASE_METHOD(OlderLog, "witness: a log that was forked is found, grown or not",
                 "[whole][witness]") {
  witness.kill();
  sandbox.dev();
  make_records(static_cast<int>(size_in(newest)));
  witness.restart();
  check_that_it_is_found();
  CHECK(witness.log().find("which do not continue the") != std::string::npos);
}

TEST_CASE("witness: speaks as the text says over HTTP", "[whole][witness][negative]") {
  const Sandbox& sandbox = shared_sandbox();
  const Witness witness(sandbox, "w.example/http");
  const auto status = [&](const std::string& target, const std::string& method) {
    return ask_plain(witness.address(), plain_request(target, method)).status;
  };
  CHECK(status("/add-checkpoint", "GET") == 405);
  CHECK(status("/", "GET") == 404);
  CHECK(status("/" + std::string(64, '0') + "/checkpoint", "GET") == 404);
  CHECK(witness.newest() == "no such checkpoint\n");
  const auto add = [&](const std::string& body, const std::string& type) {
    return ask_plain(witness.address(),
                     "POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + type +
                         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  };
  const std::string note = REQUIRE_OK(read_file(sandbox / "audit/checkpoint"));
  for (const char* const type : {"", "Content-Type: application/octet-stream\r\n"}) {
    CHECK(add("old 0\n" + note, type).status == 400);
  }
  const auto cosigned = add("old 0\n\n" + note, "");
  CHECK(cosigned.status == 200);
  CHECK(cosigned_size(sandbox, witness, note + cosigned.body) == size_in(note));
  const auto conflict = add("old 0\n\n" + note, "");
  CHECK(conflict.status == 409);
  CHECK(conflict.header("Content-Type") == "text/x.tlog.size");
  CHECK(conflict.body == std::to_string(size_in(note)) + "\n");
  CHECK(add(std::string(65 << 10, 'x'), "").status == 413);
}

TEST_CASE("witness: what is no setting is told so", "[whole][witness][negative]") {
  Sandbox sandbox(Sandbox::Server::None);
  const auto witness = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {keyward(), "witness"});
    return run(words).exit;
  };
  const std::string dir = sandbox.path("w");
  CHECK(witness({"--dir", dir, "--listen", "127.0.0.1:0"}) != 0);
  CHECK(witness({"--dir", dir, "--listen", "127.0.0.1:0", "--log", "/nonexistent"}) == 1);
  sandbox.write("vkey", "none\n");
  CHECK(witness({"--dir", dir, "--listen", "127.0.0.1:0", "--log", sandbox.path("vkey"), "--name",
                 "w"}) == 1);
  CHECK(witness({"--dir", dir, "--listen", "127.0.0.1:0", "--log", sandbox.path("vkey"), "--name",
                 "w", "--tls-key", "x"}) == 2);
}

}  // namespace kw::whole
