// SPDX-License-Identifier: Apache-2.0
#include "refusals.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

constexpr std::size_t kSuite = 4;
constexpr std::size_t kKeyId = 6;
constexpr std::size_t kVersion = 22;

// A blob of a key with two versions, and a client that may open it.
struct Specimen {
  Specimen() {
    static const bool made = [this] {
      for (const char* name : {"blob/a", "blob/b"}) {
        sandbox.make_key(name);
        REQUIRE(sandbox.client("admin")
                    .post(std::string("/v1/keys/") + name + ":rotate", json::object())
                    .status == 200);
      }
      return true;
    }();
    REQUIRE(made);
    const Reply wrapped = app.post(
        "/v1/wrap", {{"key", "blob/a"}, {"plaintext", base64("text")}, {"context", context}});
    REQUIRE(wrapped.status == 200);
    blob = from_base64url(wrapped.body["blob"]);
  }

  Reply open(const std::string& text) {
    return app.post("/v1/unwrap", {{"blob", text}, {"context", context}});
  }

  // Every one of them is refused with the same bytes, but for the request's id, and on record.
  void refuse_alike(const std::vector<std::string>& texts) {
    const Reply model = open(base64url(std::string(blob.size(), 'x')));
    REQUIRE(model.status == 400);
    Refusals refusals;
    for (const std::string& text : texts) {
      INFO(text);
      const Reply reply = open(text);
      refusals.expect(reply, 400);
      std::string expected = model.text;
      expected.replace(expected.find(model.request_id), 32, reply.request_id);
      CHECK(reply.text == expected);
    }
    refusals.check_recorded(sandbox, "app");
    CHECK(from_base64(open(base64url(blob)).body["plaintext"]) == "text");
  }

  const Sandbox& sandbox = shared_sandbox();
  Client app = sandbox.client("app");
  json context = {{"tenant", "7"}};
  std::string blob;
};

}  // namespace

TEST_CASE_METHOD(Specimen, "blob: each flipped bit is one and the same error (55)",
                 "[whole][blob][negative]") {
  std::vector<std::string> flipped;
  for (std::size_t bit = 0; bit < blob.size() * 8; ++bit) {
    std::string bytes = blob;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    flipped.push_back(base64url(bytes));
  }
  refuse_alike(flipped);
}

TEST_CASE_METHOD(Specimen, "blob: renamed to another key, version or suite it does not open (56)",
                 "[whole][blob][negative]") {
  const json other = sandbox.client("admin").get("/v1/keys/blob/b").body;
  const Bytes id = REQUIRE_OK(decode_hex(other["id"].get<std::string>()));
  std::vector<std::string> renamed;
  std::string bytes = blob;
  std::copy(id.begin(), id.end(), bytes.begin() + kKeyId);
  renamed.push_back(base64url(bytes));
  for (const char version : {'\0', '\1', '\3', '\xFF'}) {
    bytes = blob;
    bytes[kVersion + 3] = version;
    renamed.push_back(base64url(bytes));
  }
  for (const char suite : {'\0', '\2', '\3', '\4'}) {
    bytes = blob;
    bytes[kSuite] = suite;
    renamed.push_back(base64url(bytes));
  }
  refuse_alike(renamed);
}

TEST_CASE_METHOD(Specimen, "blob: cut at any length, or longer by a byte, it does not open (59)",
                 "[whole][blob][negative]") {
  std::vector<std::string> cut;
  for (std::size_t size = 0; size < blob.size(); ++size) {
    cut.push_back(base64url(blob.substr(0, size)));
  }
  cut.push_back(base64url(blob + '\0'));
  cut.push_back(base64url(blob + "x"));
  cut.push_back(base64url(blob + blob));
  refuse_alike(cut);
}

TEST_CASE_METHOD(Specimen, "blob: its text has one spelling (44)", "[whole][blob][negative]") {
  const std::string text = base64url(blob);
  std::string standard = base64(blob);
  refuse_alike({text + "=", text + "==", text + "\n", " " + text, text + "A", standard + "=", "",
                "=", "\xC3\xA4"});
}

TEST_CASE_METHOD(Specimen, "blob: another context or key is the same error (56, 57, 58)",
                 "[whole][blob][negative]") {
  const Reply model = open("nothing");
  Refusals refusals;
  for (const json& other : std::vector<json>{json::object(),
                                             {{"tenant", "8"}},
                                             {{"tenant", ""}},
                                             {{"tenant", "7"}, {"", ""}},
                                             {{"tenan", "t7"}},
                                             {{"7", "tenant"}}}) {
    INFO(other.dump());
    const Reply reply = app.post("/v1/unwrap", {{"blob", base64url(blob)}, {"context", other}});
    refusals.expect(reply, 400);
    CHECK(reply.but_for_id() == model.but_for_id());
  }
  const Reply other_key =
      app.post("/v1/unwrap", {{"blob", base64url(blob)}, {"context", context}, {"key", "blob/b"}});
  refusals.expect(other_key, 400);
  CHECK(other_key.but_for_id() == model.but_for_id());
  const Reply rewrapped =
      app.post("/v1/rewrap", {{"blob", base64url(blob)}, {"context", {{"tenant", "8"}}}});
  refusals.expect(rewrapped, 400);
  CHECK(rewrapped.but_for_id() == model.but_for_id());
  refusals.check_recorded(sandbox, "app");
}

}  // namespace kw::whole
