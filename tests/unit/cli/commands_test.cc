// SPDX-License-Identifier: Apache-2.0
// What the commands send is compared with the contract's API (request fields as JSON).
#include <nlohmann/json.hpp>

#include "call.h"
#include "fake_server.h"

namespace kw::test {
namespace {

using nlohmann::json;

FakeServer::Answer always(json body, int status = 200) {
  return [body = body.dump(), status](const FakeRequest&) { return FakeReply{status, body}; };
}

json sent(const FakeServer& server, std::size_t index = 0) {
  return json::parse(server.seen().at(index).body);
}

}  // namespace

TEST_CASE("wrap: sends plaintext and context, and prints the blob", "[cli][commands]") {
  const FakeServer server(always({{"key", "app/x"}, {"version", 1}, {"blob", "a3di"}}));
  const auto outcome =
      call(server.as_app({"wrap", "--key", "app/x", "--context", "b=2=3", "--context", "a=\"\\\n"}),
           "hi");
  CHECK(outcome.err.empty());
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "a3di\n");
  CHECK(server.seen().at(0).target == "/v1/wrap");
  CHECK(server.seen().at(0).peer == "app");
  CHECK(sent(server) == json::parse(R"({"key": "app/x", "plaintext": "aGk=",
                                        "context": {"a": "\"\\\n", "b": "2=3"}})"));
}

TEST_CASE("wrap: more than 64 KiB is refused before it is sent", "[cli][commands]") {
  const FakeServer server(always({}));
  CHECK(call(server.as_app({"wrap", "--key", "k"}), std::string(65537, 'x')).exit == 1);
  CHECK(server.seen().empty());
}

TEST_CASE("unwrap: writes the plaintext's bytes", "[cli][commands]") {
  const FakeServer server(always({{"key", "k"}, {"version", 1}, {"plaintext", "AP8K"}}));
  const auto outcome = call(server.as_app({"unwrap"}), "a3di\n");
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == std::string("\x00\xff\x0a", 3));
  CHECK(sent(server) == json::parse(R"({"blob": "a3di"})"));
}

TEST_CASE("unwrap: an input that is no blob is refused before it is sent", "[cli][commands]") {
  const FakeServer server(always({}));
  CHECK(call(server.as_app({"unwrap"}), "not a blob!").exit == 1);
  CHECK(server.seen().empty());
}

TEST_CASE("rewrap: sends both contexts", "[cli][commands]") {
  const FakeServer server(always({{"key", "k"}, {"version", 2}, {"blob", "bmV3"}}));
  const auto outcome = call(
      server.as_app({"rewrap", "--key", "k", "--context", "a=1", "--new-context", "a=2"}), "a3di");
  CHECK(outcome.out == "bmV3\n");
  CHECK(sent(server) == json::parse(R"({"key": "k", "blob": "a3di", "context": {"a": "1"},
                                        "new_context": {"a": "2"}})"));
}

TEST_CASE("data-key: does not ask for a key that has no place to go", "[cli][commands]") {
  const FakeServer server(always({{"key", "k"}, {"version", 1}, {"blob", "a3di"}}));
  CHECK(call(server.as_app({"data-key", "--key", "k"})).out == "a3di\n");
  CHECK(sent(server) == json::parse(R"({"key": "k", "bytes": 32, "plaintext": false})"));
}

TEST_CASE("data-key: puts the key into a file of its own", "[cli][commands]") {
  const FakeServer server(
      always({{"key", "k"}, {"version", 1}, {"plaintext", "AAEC"}, {"blob", "a3di"}}));
  const TempDir folder;
  const std::string path = (folder / "key").string();
  const auto words =
      server.as_app({"data-key", "--key", "k", "--bytes", "16", "--plaintext-out", path});
  CHECK(call(words).out == "a3di\n");
  CHECK(REQUIRE_OK(read_file(path)) == std::string("\x00\x01\x02", 3));
  CHECK(call(words).exit == 1);  // never over an older key
}

TEST_CASE("sign: sends the message in base64", "[cli][commands]") {
  const FakeServer server(always({{"key", "k"}, {"version", 1}, {"signature", "AQID"}}));
  const auto outcome = call(server.as_app({"sign", "--key", "k", "--encoding", "raw"}), "m");
  CHECK(outcome.out == "\x01\x02\x03");
  CHECK(sent(server) == json::parse(R"({"key": "k", "message": "bQ==", "encoding": "raw"})"));
}

TEST_CASE("sign: sends a digest instead of a message", "[cli][commands]") {
  const FakeServer server(always({{"key", "k"}, {"version", 1}, {"signature", "AQID"}}));
  CHECK(call(server.as_app({"sign", "--key", "k", "--digest", "00FF"})).exit == 0);
  CHECK(sent(server) == json::parse(R"({"key": "k", "digest": "AP8="})"));
}

TEST_CASE("sign: prints a JWS signature as text", "[cli][commands]") {
  const FakeServer server(always({{"key", "k"}, {"version", 1}, {"signature", "_-8"}}));
  CHECK(call(server.as_app({"sign", "--key", "k", "--encoding", "jws"}), "m").out == "_-8\n");
}

TEST_CASE("verify: ends with 0 or 1 as the signature holds", "[cli][commands]") {
  const bool valid = GENERATE(true, false);
  const FakeServer server(always({{"valid", valid}}));
  const TempDir folder;
  REQUIRE_OK(write_file(folder / "signature", "\x01\x02\x03"));
  const auto outcome = call(server.as_app({"verify", "--key", "k", "--version", "2", "--signature",
                                           (folder / "signature").string()}),
                            "m");
  CHECK(outcome.exit == (valid ? 0 : 1));
  CHECK(outcome.out == (valid ? "valid\n" : "not valid\n"));
  CHECK(sent(server) ==
        json::parse(R"({"key": "k", "version": 2, "message": "bQ==", "signature": "AQID"})"));
}

TEST_CASE("mac: computes one and checks one", "[cli][commands]") {
  const FakeServer server([](const FakeRequest& request) {
    return FakeReply{200,
                     request.target == "/v1/mac" ? R"({"mac": "AQID"})" : R"({"valid": true})"};
  });
  const TempDir folder;
  const std::string path = (folder / "mac").string();
  CHECK(call(server.as_app({"mac", "--key", "k", "--out", path}), "m").exit == 0);
  CHECK(call(server.as_app({"verify-mac", "--key", "k", "--mac", path}), "m").exit == 0);
  CHECK(sent(server, 1) == json::parse(R"({"key": "k", "message": "bQ==", "mac": "AQID"})"));
}

TEST_CASE("random: writes the token's bytes", "[cli][commands]") {
  const FakeServer server(always({{"random", "AQID"}}));
  CHECK(call(server.as_app({"random", "3"})).out == "\x01\x02\x03");
  CHECK(sent(server) == json::parse(R"({"bytes": 3})"));
}

TEST_CASE("batch: ends with 1 if one of its requests was refused", "[cli][commands]") {
  const int status = GENERATE(200, 403);
  const FakeServer server(
      always({{"results", json::array({{{"status", 200}}, {{"status", status}}})}}));
  const auto outcome = call(server.as_app({"batch", "-"}), R"({"requests": []})");
  CHECK(outcome.exit == (status == 200 ? 0 : 1));
  CHECK(json::parse(outcome.out).at("results").size() == 2);
  CHECK(server.seen().at(0).body == R"({"requests": []})");
}

TEST_CASE("key create: sends algorithm and tags", "[cli][commands]") {
  const FakeServer server(always({{"name", "app/x"}, {"state", "enabled"}}, 201));
  const auto outcome = call(server.as_app({"key", "create", "app/x", "--algorithm", "ed25519",
                                           "--tag", "team=pay", "--tag", "env=prod"}));
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "name: app/x\nstate: enabled\n");
  CHECK(sent(server) == json::parse(R"({"name": "app/x", "algorithm": "ed25519",
                                        "tags": {"team": "pay", "env": "prod"}})"));
}

TEST_CASE("key create: says where the key shall live", "[cli][commands]") {
  const FakeServer server(always({{"name", "app/x"}}, 201));
  const auto outcome = call(server.as_app(
      {"key", "create", "app/x", "--algorithm", "hmac-sha256", "--residency", "wrapped"}));
  CHECK(outcome.exit == 0);
  CHECK(sent(server).at("residency") == "wrapped");
  CHECK(
      call(server.as_app({"key", "create", "x", "--algorithm", "ed25519", "--residency", "cloud"}))
          .exit == 2);
}

TEST_CASE("key list: follows the pages", "[cli][commands]") {
  const FakeServer server([](const FakeRequest& request) {
    const bool second = request.target.find("after=a") != std::string::npos;
    return FakeReply{200, second ? R"({"keys": [{"name": "b", "algorithm": "x"}]})"
                                 : R"({"keys": [{"name": "a", "algorithm": "x", "primary": 1}],
                                       "next": "a"})"};
  });
  CHECK(call(server.as_app({"key", "list", "--prefix", "app/"})).out ==
        "a\tx\tenabled\nb\tx\tdisabled\n");
  CHECK(server.seen().at(1).target == "/v1/keys?limit=100&prefix=app/&after=a");
}

TEST_CASE("key list: a server whose pages go in circles is left", "[cli][commands]") {
  const FakeServer server(always({{"keys", json::array()}, {"next", "a"}}));
  CHECK(call(server.as_app({"key", "list"})).exit == 1);
  CHECK(server.seen().size() == 2);
}

TEST_CASE("key disable: names the version where one is given", "[cli][commands]") {
  const FakeServer server(always({{"name", "k"}}));
  CHECK(call(server.as_app({"key", "disable", "a/k", "--version", "3"})).exit == 0);
  CHECK(call(server.as_app({"key", "rotate", "a/k"})).exit == 0);
  CHECK(server.seen().at(0).target == "/v1/keys/a/k:disable");
  CHECK(sent(server, 0) == json::parse(R"({"version": 3})"));
  CHECK(server.seen().at(1).target == "/v1/keys/a/k:rotate");
  CHECK(sent(server, 1) == json::object());
}

TEST_CASE("key public: prints the format as it comes", "[cli][commands]") {
  const FakeServer server([](const FakeRequest&) {
    return FakeReply{200, "-----BEGIN PUBLIC KEY-----\n", "application/x-pem-file"};
  });
  CHECK(call(server.as_app({"key", "public", "k", "--version", "1"})).out ==
        "-----BEGIN PUBLIC KEY-----\n");
  CHECK(server.seen().at(0).target == "/v1/keys/k:public?format=pem&version=1");
}

TEST_CASE("whoami: --json prints the answer as it is", "[cli][commands]") {
  const FakeServer server(always({{"name", "app"}}));
  CHECK(call(server.as_app({"whoami", "--json"})).out == "{\"name\":\"app\"}\n");
}

TEST_CASE("commands: an answer that is not keyward's is an error", "[cli][commands]") {
  const auto body = GENERATE("", "hello", "[]", "{}", R"({"blob": 7})");
  const FakeServer server([body](const FakeRequest&) { return FakeReply{200, body}; });
  const auto outcome = call(server.as_app({"wrap", "--key", "k"}), "x");
  CHECK(outcome.exit == 1);
  CHECK(outcome.out.empty());
}

TEST_CASE("commands: no escape sequence of a server reaches the terminal", "[cli][commands]") {
  const FakeServer server(always({{"name\x1b[2J", "x\x1b]0;owned\x07"}}));
  const auto outcome = call(server.as_app({"whoami"}));
  CHECK(outcome.out.find('\x1b') == std::string::npos);
  CHECK(outcome.out.find('\x07') == std::string::npos);
}

}  // namespace kw::test
