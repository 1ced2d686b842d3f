// SPDX-License-Identifier: Apache-2.0
#include "base/context.h"
#include "base/names.h"
#include "base/secret.h"
#include "base/task.h"
#include "tests/support/expect.h"

namespace kw {

TEST_CASE("key name: takes the one spelling", "[base][names]") {
  for (const std::string& name :
       {std::string("a"), std::string("0"), std::string("a.b_c-d"), std::string("a/b/c/d/e/f/g/h"),
        std::string(63, 'x'), std::string("a..b"), std::string("list")}) {
    INFO(name);
    CHECK(REQUIRE_OK(KeyName::parse(name)).text() == name);
  }
}

TEST_CASE("key name: refuses every other", "[base][names]") {
  for (const std::string& name : {std::string(""),
                                  std::string("/"),
                                  std::string("a/"),
                                  std::string("/a"),
                                  std::string("a//b"),
                                  std::string("."),
                                  std::string(".."),
                                  std::string("a/../b"),
                                  std::string("a/./b"),
                                  std::string("A"),
                                  std::string("-a"),
                                  std::string("_a"),
                                  std::string("a b"),
                                  std::string("a\n"),
                                  std::string("a%2fb"),
                                  std::string("a\\b"),
                                  std::string("a\0b", 3),
                                  std::string("\xC3\xBC"),
                                  std::string("a\xE2\x80\x8D"),
                                  std::string("\xEF\xBD\x81"),
                                  std::string(64, 'x'),
                                  std::string("a/b/c/d/e/f/g/h/i")}) {
    INFO(name);
    CHECK_CODE(KeyName::parse(name), Code::InvalidArgument);
    CHECK_FALSE(KeyName::is_valid(name));
  }
}

TEST_CASE("key id: is random and survives its bytes", "[base][names]") {
  const KeyId id = KeyId::random();
  CHECK(id != KeyId::random());
  CHECK(REQUIRE_OK(KeyId::decode(id.bytes())) == id);
  CHECK(id.text().size() == 32);
  CHECK_CODE(KeyId::decode(Bytes(15)), Code::InvalidArgument);
  CHECK_CODE(KeyId::decode(Bytes(17)), Code::InvalidArgument);
  CHECK(RequestId::random().text() != RequestId::random().text());
}

// By hand after the contract: u16 count, then u16 length and bytes of key and value, by raw key
// bytes.
TEST_CASE("context: has one canonical form", "[base][context]") {
  const Context context =
      REQUIRE_OK(Context::from_pairs({{"b", "2"}, {"\xC3\xBC", ""}, {"a", "one"}, {"B", "x"}}));
  CHECK(to_hex(context.canonical()) ==
        "0004"
        "0001"
        "42"
        "0001"
        "78"
        "0001"
        "61"
        "0003"
        "6f6e65"
        "0001"
        "62"
        "0001"
        "32"
        "0002"
        "c3bc"
        "0000");
  CHECK(to_hex(Context().canonical()) == "0000");
  CHECK(Context().empty());
}

TEST_CASE("context: does not normalise", "[base][context]") {
  const Context context = REQUIRE_OK(Context::from_pairs({{"\xC3\xBC", "1"}, {"u\xCC\x88", "2"}}));
  CHECK(context.pairs().size() == 2);
}

TEST_CASE("context: finds a value by its key", "[base][context]") {
  const Context context = REQUIRE_OK(Context::from_pairs({{"b", "2"}, {"a", "1"}}));
  REQUIRE(context.find("b") != nullptr);
  CHECK(*context.find("b") == "2");
  CHECK(context.find("c") == nullptr);
  CHECK(context.find("") == nullptr);
}

TEST_CASE("context: refuses what is not one", "[base][context]") {
  CHECK_CODE(Context::from_pairs({{"a", "1"}, {"a", "2"}}), Code::InvalidArgument);
  CHECK_CODE(Context::from_pairs({{"a", "\xFF"}}), Code::InvalidArgument);
  CHECK_CODE(Context::from_pairs({{"\xC0\x80", "1"}}), Code::InvalidArgument);
}

TEST_CASE("context: holds at most 64 pairs", "[base][context]") {
  std::vector<Context::Pair> pairs;
  for (int i = 0; i < 64; ++i) pairs.emplace_back("k" + std::to_string(i), "v");
  CHECK(Context::from_pairs(pairs).has_value());
  pairs.emplace_back("one more", "v");
  CHECK_CODE(Context::from_pairs(pairs), Code::InvalidArgument);
}

TEST_CASE("context: holds at most 8192 bytes", "[base][context]") {
  const std::size_t overhead = 2 + 4 + 1;  // the count, two lengths, a key of one byte
  const Context full = REQUIRE_OK(Context::from_pairs({{"k", std::string(8192 - overhead, 'v')}}));
  CHECK(full.canonical().size() == 8192);
  CHECK_CODE(Context::from_pairs({{"k", std::string(8193 - overhead, 'v')}}),
             Code::InvalidArgument);
}

TEST_CASE("secret: owns a copy", "[base][secret]") {
  Bytes bytes = {1, 2, 3};
  const Secret secret = Secret::copy_of(bytes);
  bytes[0] = 9;
  CHECK(to_hex(secret.reveal()) == "010203");
  CHECK(Secret(4).size() == 4);
  CHECK(to_hex(Secret(2).reveal()) == "0000");
  CHECK(Secret().empty());
}

TEST_CASE("secret: moves whole", "[base][secret]") {
  Secret one = Secret::copy_of(Bytes{1, 2, 3});
  Secret two = std::move(one);
  CHECK(one.empty());  // NOLINT(bugprone-use-after-move): the contract
  Secret three = Secret::copy_of(Bytes{7});
  three = std::move(two);
  CHECK(to_hex(three.reveal()) == "010203");
}

TEST_CASE("secret: wipes what it gives up", "[base][secret]") {
  Secret secret = Secret::copy_of(Bytes{1, 2, 3, 4});
  const std::uint8_t* const memory = secret.reveal().data();
  secret.shrink(1);
  CHECK(secret.size() == 1);
  CHECK(memory[0] == 1);
  CHECK((memory[1] | memory[2] | memory[3]) == 0);  // still its memory: capacity stays
}

TEST_CASE("secret: wipe overwrites", "[base][secret]") {
  std::string text = "secret";
  wipe(std::span(text.data(), text.size()));
  CHECK(text == std::string(6, '\0'));
}

TEST_CASE("task: calls what it owns", "[base][task]") {
  Secret secret = Secret::copy_of(Bytes{5});
  Task<int(int)> task = [owned = std::move(secret)](int more) { return owned.reveal()[0] + more; };
  Task<int(int)> moved = std::move(task);
  CHECK(moved(2) == 7);
  CHECK(static_cast<bool>(moved));
  CHECK_FALSE(static_cast<bool>(Task<void()>()));
}

}  // namespace kw
