// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "call.h"
#include "fake_server.h"

namespace kw::test {
namespace {

using nlohmann::json;

// The least that a data-key service does: one key, one blob, opened only under the context it was
// made with.
FakeServer::Answer data_keys() {
  const auto context = std::make_shared<json>();
  return [context](const FakeRequest& request) {
    const json body = json::parse(request.body);
    const std::string key = to_base64(Bytes(32, 0x42));
    if (request.target == "/v1/data-key") {
      *context = body.at("context");
      return FakeReply{
          200, json{{"key", body.at("key")}, {"version", 1}, {"plaintext", key}, {"blob", "a3diAQ"}}
                   .dump()};
    }
    if (body.at("blob") != "a3diAQ" || body.at("context") != *context) {
      return FakeReply{400, R"({"code": "invalid_argument", "title": "cannot be unwrapped"})"};
    }
    return FakeReply{200, json{{"key", "k"}, {"version", 1}, {"plaintext", key}}.dump()};
  };
}

struct SealFixture {
  SealFixture() : server(data_keys()) {}

  std::string path(const std::string& name) const { return (folder / name).string(); }
  void write(const std::string& name, std::string_view content) const {
    REQUIRE_OK(write_file(folder / name, content));
  }
  std::string read(const std::string& name) const { return REQUIRE_OK(read_file(folder / name)); }
  bool exists(const std::string& name) const { return std::filesystem::exists(folder / name); }
  std::size_t files() const {
    const std::filesystem::directory_iterator all(folder.path());
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
  }
  Outcome run(const std::vector<std::string>& words, std::string_view input = {}) const {
    return call(server.as_app(words), input);
  }

  TempDir folder;
  FakeServer server;
};

}  // namespace

TEST_CASE_METHOD(SealFixture, "seal: makes FILE.sealed that open turns back", "[cli][seal]") {
  const std::string content(200'000, 'x');
  write("f", content);
  CHECK(run({"seal", path("f"), "--key", "k"}).exit == 0);
  CHECK(read("f.sealed").find("xxxxxxxx") == std::string::npos);
  std::filesystem::remove(folder / "f");
  const auto outcome = run({"open", path("f.sealed")});
  CHECK(outcome.err.empty());
  CHECK(outcome.exit == 0);
  CHECK((read("f") == content));
}

TEST_CASE_METHOD(SealFixture, "seal: binds the data key to the format", "[cli][seal]") {
  write("f", "x");
  CHECK(run({"seal", path("f"), "--key", "k", "--context", "a=1"}).exit == 0);
  const auto seen = server.seen();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].target == "/v1/data-key");
  CHECK(json::parse(seen[0].body) ==
        json::parse(R"({"key": "k", "bytes": 32, "context": {"a": "1", "keyward-seal": "1"}})"));
}

TEST_CASE_METHOD(SealFixture, "open: under another context fails", "[cli][seal]") {
  write("f", "x");
  CHECK(run({"seal", path("f"), "--key", "k", "--context", "a=1"}).exit == 0);
  const auto outcome = run({"open", path("f.sealed"), "-o", path("g"), "--context", "a=2"});
  CHECK(outcome.exit == 1);
  CHECK(outcome.err.find("cannot be unwrapped") != std::string::npos);
  CHECK_FALSE(exists("g"));
}

TEST_CASE_METHOD(SealFixture, "open: a changed byte anywhere leaves no file", "[cli][seal]") {
  write("f", "small");
  CHECK(run({"seal", path("f"), "--key", "k"}).exit == 0);
  const std::string good = read("f.sealed");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    write("bad.sealed", changed);
    INFO("byte " << i);
    CHECK(run({"open", path("bad.sealed")}).exit == 1);
    CHECK(files() == 3);
  }
}

TEST_CASE_METHOD(SealFixture, "open: a cut at a chunk's border leaves no file", "[cli][seal]") {
  write("f", std::string(2 * 65536, 'x'));
  CHECK(run({"seal", path("f"), "--key", "k"}).exit == 0);
  const std::string good = read("f.sealed");
  write("bad.sealed", good.substr(0, good.size() - 65536 - 16));
  CHECK(run({"open", path("bad.sealed")}).exit == 1);
  CHECK_FALSE(exists("bad"));
}

TEST_CASE_METHOD(SealFixture, "seal: works in a pipe", "[cli][seal]") {
  const auto sealed = run({"seal", "-", "--key", "k"}, "piped");
  CHECK(sealed.exit == 0);
  CHECK(run({"open", "-"}, sealed.out).out == "piped");
}

TEST_CASE_METHOD(SealFixture, "seal: keeps a file that is there unless forced", "[cli][seal]") {
  write("f", "x");
  write("f.sealed", "precious");
  CHECK(run({"seal", path("f"), "--key", "k"}).exit == 1);
  CHECK(read("f.sealed") == "precious");
  CHECK(run({"seal", path("f"), "--key", "k", "--force"}).exit == 0);
  CHECK(read("f.sealed").substr(0, 3) == "kws");
}

TEST_CASE_METHOD(SealFixture, "seal: a file that is not there makes none", "[cli][seal]") {
  CHECK(run({"seal", path("none"), "--key", "k"}).exit == 1);
  CHECK(files() == 0);
}

TEST_CASE_METHOD(SealFixture, "open: without .sealed wants to be told the output", "[cli][seal]") {
  write("f", "x");
  CHECK(run({"open", path("f")}).exit == 2);
  CHECK(server.seen().empty());
}

TEST_CASE_METHOD(SealFixture, "seal: the format's own context is not the caller's", "[cli][seal]") {
  write("f", "x");
  CHECK(run({"seal", path("f"), "--key", "k", "--context", "keyward-seal=2"}).exit == 2);
}

TEST_CASE("seal: a refusal of the service leaves no file", "[cli][seal]") {
  const FakeServer server([](const FakeRequest&) {
    return FakeReply{403, R"({"code": "permission_denied"})"};
  });
  const TempDir folder;
  REQUIRE_OK(write_file(folder / "f", "x"));
  CHECK(call(server.as_app({"seal", (folder / "f").string(), "--key", "k"})).exit == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "f.sealed"));
}

}  // namespace kw::test
