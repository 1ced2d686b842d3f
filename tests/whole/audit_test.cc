// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

const std::string kSegment = "00000000000000000000.kwa";

struct Kept {
  std::string segment;
  std::string checkpoint;
  std::string verifier_key;
};

// The folder of a server that has stopped, as bytes, and a copy of it that a test may spoil.
struct StoppedLog {
  StoppedLog() {
    static const Kept kept = [] {
      Sandbox sandbox;
      sandbox.make_key("audit/k");
      Client app = sandbox.client("app");
      for (int i = 0; i < 5; ++i) {
        REQUIRE(app.post("/v1/wrap", {{"key", "audit/k"}, {"plaintext", ""}}).status == 200);
      }
      REQUIRE(sandbox.stop() == 0);
      return Kept{REQUIRE_OK(read_file(sandbox / ("audit/" + kSegment))),
                  REQUIRE_OK(read_file(sandbox / "audit/checkpoint")),
                  REQUIRE_OK(read_file(sandbox / "audit/checkpoint.vkey"))};
    }();
    bytes = kept.segment;
    put();
    REQUIRE_OK(write_file(folder / "checkpoint", kept.checkpoint));
    REQUIRE_OK(write_file(folder / "checkpoint.vkey", kept.verifier_key));
  }

  void put() const { REQUIRE_OK(write_file(folder / kSegment, bytes)); }

  Outcome verify(const std::vector<std::string>& options = {}) const {
    std::vector<std::string> words{keyward(), "audit", "verify", "--json", folder.path().string()};
    words.insert(words.end(), options.begin(), options.end());
    return run(words);
  }

  // Where a record's frame begins: lengths tell from one to the next.
  std::size_t frame(std::size_t index) const {
    std::size_t at = 64;
    for (std::size_t i = 0; i < index; ++i) at += 8 + length_at(at);
    return at;
  }

  std::size_t length_at(std::size_t at) const {
    std::size_t length = 0;
    for (const char byte : bytes.substr(at, 4)) {
      length = length << 8 | static_cast<unsigned char>(byte);
    }
    return length;
  }

  std::size_t frames() const {
    std::size_t count = 0;
    for (std::size_t at = 64; at < bytes.size(); at += 8 + length_at(at)) ++count;
    return count;
  }

  std::string bytes;
  test::TempDir folder;
};

}  // namespace

TEST_CASE_METHOD(StoppedLog, "audit: a stopped server's log is good", "[whole][audit]") {
  const Outcome verdict = verify();
  CHECK(verdict.exit == 0);
  const json said = json::parse(verdict.out);
  CHECK(said["verdict"] == "good");
  CHECK(said["records"] == frames());
  CHECK(said["signed_records"] == frames());
}

TEST_CASE_METHOD(StoppedLog, "audit: a flipped byte is tampering, and named",
                 "[whole][audit][negative]") {
  const std::size_t index = GENERATE(0u, 3u, 5u);
  const std::size_t at = frame(index);
  // A byte of the payload, of its checksum, of its length.
  for (const std::size_t offset : {at + 8 + length_at(at) / 2, at + 5, at + 3}) {
    StoppedLog flipped;
    flipped.bytes[offset] = static_cast<char>(flipped.bytes[offset] ^ 0x10);
    flipped.put();
    const Outcome verdict = flipped.verify();
    CHECK(verdict.exit == 1);
    const json said = json::parse(verdict.out);
    CHECK(said["verdict"] == "tampered");
    CHECK(said["index"] == index);
    CHECK(said["offset"] == at);
    CHECK(run({keyward(), "audit", "show", flipped.folder.path().string()}).exit == 1);
  }
}

TEST_CASE_METHOD(StoppedLog, "audit: a dropped, doubled or moved record is tampering (74)",
                 "[whole][audit][negative]") {
  const std::string second = bytes.substr(frame(2), frame(3) - frame(2));
  const std::string third = bytes.substr(frame(3), frame(4) - frame(3));
  SECTION("dropped") { bytes.erase(frame(2), second.size()); }
  SECTION("doubled") { bytes.insert(frame(2), second); }
  SECTION("moved") { bytes.replace(frame(2), second.size() + third.size(), third + second); }
  put();
  CHECK(verify().exit == 1);
}

TEST_CASE_METHOD(StoppedLog, "audit: a log without its beginning is truncated",
                 "[whole][audit][negative]") {
  SECTION("nothing is left") { std::filesystem::remove(folder / kSegment); }
  SECTION("a later segment is") {
    std::filesystem::rename(folder / kSegment, folder / "00000000000000000007.kwa");
  }
  const Outcome verdict = verify();
  CHECK(verdict.exit == 2);
  CHECK(json::parse(verdict.out)["verdict"] == "truncated");
}

TEST_CASE_METHOD(StoppedLog, "audit: a log that is cut at a record's end is truncated",
                 "[whole][audit][negative]") {
  for (std::size_t records = 1; records < frames(); ++records) {
    StoppedLog cut;
    cut.bytes.resize(frame(records));
    cut.put();
    CHECK(cut.verify().exit == 2);
    CHECK(cut.verify({"--unsigned"}).exit == 0);  // its records alone do not say so
  }
}

TEST_CASE_METHOD(StoppedLog, "audit: a last record that is cut is a torn tail",
                 "[whole][audit][negative]") {
  const std::size_t last = frame(frames() - 1);
  const std::size_t records = frames() - 1;
  const std::size_t left = GENERATE(5u, 9u, 60u);
  bytes.resize(last + left);
  put();
  const Outcome verdict = verify({"--unsigned"});
  CHECK(verdict.exit == 3);
  const json said = json::parse(verdict.out);
  CHECK(said["verdict"] == "torn tail");
  CHECK(verify().exit == 2);  // a record that was signed was durable: no crash tore it
  CHECK(said["records"] == records);
  CHECK(run({keyward(), "audit", "show", folder.path().string()}).exit == 0);
}

TEST_CASE("audit: verify's wrong usage ends with 4", "[whole][audit][negative]") {
  CHECK(run({keyward(), "audit", "verify"}).exit == 4);
  CHECK(run({keyward(), "audit", "verify", "--no-such-option", "/"}).exit == 4);
  CHECK(run({keyward(), "audit", "verify", "/no/such/folder"}).exit == 4);
}

TEST_CASE("audit: tail -f prints what comes while it follows", "[whole][audit]") {
  const Sandbox& sandbox = shared_sandbox();
  Client app = sandbox.client("app");
  const FileDescriptor out = memory_file();
  Process tail({{keyward(), "audit", "tail", "-f", "-n", "0", "--json", sandbox.path("audit")},
                {},
                -1,
                out.get(),
                -1,
                -1});
  std::set<std::string> ids;
  // It may begin later than the first of them: those it does not show.
  REQUIRE(comes_true([&] {
    ids.insert(app.post("/v1/random", {{"bytes", 1}}).request_id);
    return content_of(out).find('\n') != std::string::npos;
  }));
  CHECK(tail.is_running());
  const std::string shown = content_of(out);
  const json first = json::parse(shown.substr(0, shown.find('\n')));
  CHECK(ids.count(first["request_id"]) == 1);
  CHECK(first["operation"] == "random");
}

TEST_CASE("audit: tail and show print what they are asked for", "[whole][audit]") {
  const Sandbox& sandbox = shared_sandbox();
  const std::size_t before = sandbox.records().size();
  const Outcome tail =
      run({keyward(), "audit", "tail", "-n", "1", "--json", sandbox.path("audit")});
  const std::size_t last = json::parse(tail.out)["index"];
  CHECK(before - 1 <= last);  // the service has records of its own
  CHECK(last < sandbox.records().size());
  const Outcome show = run(
      {keyward(), "audit", "show", "--from", "1", "--count", "1", "--json", sandbox.path("audit")});
  CHECK(json::parse(show.out)["index"] == 1);
}

TEST_CASE("audit: no plaintext and no context comes into the log or the diagnostics (73)",
          "[whole][audit][negative]") {
  const std::string canary = "canary-7f3a9c";
  const Sandbox& sandbox = shared_sandbox();
  sandbox.make_key("audit/canary");
  Client app = sandbox.client("app");
  const json wrap = {
      {"key", "audit/canary"}, {"plaintext", base64(canary)}, {"context", {{canary, canary}}}};
  const Reply made = app.post("/v1/wrap", wrap);
  REQUIRE(made.status == 200);
  CHECK(app.post("/v1/unwrap", {{"blob", made.body["blob"]}}).status == 400);
  CHECK(app.post_text("/v1/wrap", R"({"key":")" + canary + R"( ","plaintext":")" + canary + "\"}")
            .text.find(canary) == std::string::npos);
  CHECK(app.post_text("/v1/wrap", "{\"" + canary + "!\":1}").text.find(canary) ==
        std::string::npos);
  const std::string log = REQUIRE_OK(read_file(sandbox / ("audit/" + kSegment)));
  for (const std::string& spelling :
       {canary, base64(canary), to_hex(as_bytes(canary)), base64(canary).substr(0, 12)}) {
    CHECK(log.find(spelling) == std::string::npos);
    CHECK(sandbox.log().find(spelling) == std::string::npos);
  }
}

}  // namespace kw::whole
