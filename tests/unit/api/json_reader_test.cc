// SPDX-License-Identifier: Apache-2.0
#include "service/api/json_reader.h"

#include "tests/support/expect.h"
#include "tests/support/json_oracle.h"

namespace kw::api {
namespace {

using namespace std::string_literals;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string object_of(std::size_t members) {
  std::string out = "{";
  for (std::size_t i = 0; i < members; ++i) {
    out += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  }
  return out + "}";
}

// A document together with the text that it is a view of.
struct Parsed {
  explicit Parsed(std::string body)
      : text(std::move(body)), document(REQUIRE_OK(JsonDocument::parse(as_bytes(text)))) {}
  JsonValue root() const { return document.root(); }

  std::string text;
  JsonDocument document;
};

void check_refused(const std::string& text) {
  INFO(text.substr(0, 120));
  const auto parsed = JsonDocument::parse(as_bytes(text));
  CHECK_CODE(parsed, Code::InvalidArgument);
  if (!parsed) CHECK(parsed.error().advice().starts_with("body: "));
}

}  // namespace

TEST_CASE("json_reader: whatever it accepts, nlohmann reads with the same values", "[api][json]") {
  const std::string text =
      GENERATE("0", "-0", "-1", "1.5", "1E+2", "18446744073709551615", "18446744073709551616",
               "true", "false", "null", "\"\"", "[]", "{}", " \t\r\n{ \"a\" : [ 1 , 2 ] } ",
               R"({"a":{"b":[true,false,null,"x"],"c":{}},"d":"\"\\\/\b\f\n\r\t"})",
               R"(["\u0000\u001f\u007f\u00e9\u20ac\ud83d\ude00","é€😀"])", R"({"":1,"\u0000":2})",
               R"({"a":{"x":1},"b":{"x":1}})", R"([[[[[[[[]]]]]]]])", R"(["\uFFFF\uD7FF\uE000"])");
  INFO(text);
  const Parsed parsed(text);
  CHECK(kw::test::nlohmann_agrees(parsed.text, parsed.document));
}

TEST_CASE("json_reader: takes 8 levels and 128 members", "[api][json]") {
  const std::string text = GENERATE(std::string("[[[[[[[[0]]]]]]]]"), object_of(128));
  const Parsed parsed(text);
  CHECK(kw::test::nlohmann_agrees(parsed.text, parsed.document));
}

TEST_CASE("json_reader: refuses on purpose what nlohmann lets pass", "[api][json]") {
  const std::string text =
      GENERATE(R"({"a":1,"a":1})"s, R"({"a":1,"\u0061":1})"s, R"({"\u0061":1,"a":1})"s,
               R"([{"x":{"a":1,"b":2,"a":3}}])"s, R"({"":1,"":2})"s, R"({"\n":1,"\u000a":2})"s,
               "{}\0"s, "\xEF\xBB\xBF{}"s, "[[[[[[[[[]]]]]]]]]"s, object_of(129));
  check_refused(text);
  CHECK(nlohmann::json::accept(text));
}

TEST_CASE("json_reader: refuses what is no single JSON text", "[api][json]") {
  const std::string text = GENERATE(
      ""s, " "s, "{}{}"s, "{} x"s, "\0{}"s, "{},"s, "[1,]"s, "[,1]"s, "[1 2]"s, "{\"a\":1,}"s,
      "{,}"s, "{\"a\" 1}"s, "{\"a\":}"s, "{\"a\"}"s, "{a:1}"s, "{'a':1}"s, "{1:1}"s, "'a'"s,
      "// x\n{}"s, "{}/**/"s, "{/**/}"s, "NaN"s, "Infinity"s, "-Infinity"s, "undefined"s, "True"s,
      "nul"s, "truee"s, "tru"s, "["s, "{"s, "]"s, "}"s, "[}"s, "{]"s, "\"a"s, "{\"a"s, "[\"a\""s,
      "\v{}"s, "{}\f"s, "\u00a0{}"s, "\"\t\""s, "\"\x01\""s, "\"\n\""s);
  check_refused(text);
  CHECK_FALSE(nlohmann::json::accept(text));
}

TEST_CASE("json_reader: refuses numbers in other spellings", "[api][json]") {
  const std::string text = GENERATE("-", "+1", "01", "-01", "00", ".5", "1.", "1.e1", "1e", "1e+",
                                    "0x1", "1_000", "1e1.0", "--1", "1-1", "0-", "٣");
  check_refused(text);
  CHECK_FALSE(nlohmann::json::accept(text));
}

TEST_CASE("json_reader: refuses half surrogates and escapes that do not exist", "[api][json]") {
  const std::string inside =
      GENERATE(R"(\ud800)", R"(\udc00)", R"(\ud800\ud800)", R"(\ud800x)", R"(\ud800\n)",
               R"(\udc00\ud800)", R"(\ud83d\u0041)", R"(\x41)", R"(\a)", R"(\u)", R"(\u12)",
               R"(\u12g4)", R"(\u-123)", R"(\u+123)", R"(\u 123)", R"(\U0041)", R"(\)");
  check_refused("\"" + inside + "\"");
  check_refused("{\"" + inside + "\":1}");
  check_refused("\"" + inside);
}

TEST_CASE("json_reader: refuses invalid UTF-8 wherever it stands", "[api][json]") {
  const std::string bytes =
      GENERATE("\x80"s, "\xC3"s, "\xC0\x80"s, "\xC1\xBF"s, "\xE0\x80\x80"s, "\xED\xA0\x80"s,
               "\xF0\x80\x80\x80"s, "\xF4\x90\x80\x80"s, "\xF5\x80\x80\x80"s, "\xFE"s, "\xFF"s);
  check_refused("\"" + bytes + "\"");
  check_refused("{\"" + bytes + "\":1}");
  check_refused("{}" + bytes);
}

TEST_CASE("json_reader: refuses deep nesting at its ninth bracket", "[api][json]") {
  const std::string opener = GENERATE("[", "{\"\":", "[{\"a\":");
  const std::string text = repeated(opener, 100'000);
  const auto parsed = JsonDocument::parse(as_bytes(text));
  CHECK_CODE(parsed, Code::InvalidArgument);
  CHECK(parsed.error().advice().find("nested too deeply") != std::string::npos);
}

TEST_CASE("json_reader: says at which byte it stopped", "[api][json]") {
  const auto parsed = JsonDocument::parse(as_bytes(R"({"a":1, "b":tru})"));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().advice() == "body: byte 12: not a value");
}

TEST_CASE("json_reader: never quotes a value back", "[api][json]") {
  const auto parsed = JsonDocument::parse(as_bytes(R"({"plaintext":"c2VjcmV0" "x"})"));
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().advice().find("c2VjcmV0") == std::string::npos);
  CHECK(parsed.error().detail().find("c2VjcmV0") == std::string::npos);
}

TEST_CASE("json_reader: takes an integer only as plain digits in range", "[api][json]") {
  const Parsed good("[1,4294967295,18446744073709551615,0]");
  const auto values = REQUIRE_OK(good.root().as_array(4));
  CHECK(REQUIRE_OK(values[0].as_integer(1, 1)) == 1);
  CHECK(REQUIRE_OK(values[1].as_integer(1, 4294967295)) == 4294967295);
  CHECK(REQUIRE_OK(values[2].as_integer(0, kMost)) == kMost);
  CHECK_CODE(values[3].as_integer(1, 4294967295), Code::InvalidArgument);
  const std::string text = GENERATE("4294967297"s, "4294967296"s, "-1"s, "-0"s, "1.0"s, "1e0"s,
                                    "1E0"s, "1e400"s, "true"s, "\"1\""s, "null"s, "[]"s, "{}"s,
                                    "18446744073709551616"s, repeated("9", 10'000));
  INFO(text.substr(0, 30));
  CHECK_CODE(Parsed(text).root().as_integer(0, 4294967295), Code::InvalidArgument);
}

TEST_CASE("json_reader: takes nothing for a string, a boolean, an array or an object but such",
          "[api][json]") {
  const std::string text = GENERATE("1", "null", "\"x\"", "true", "[]", "{}");
  INFO(text);
  const Parsed parsed(text);
  const JsonValue value = parsed.root();
  CHECK(value.as_string().has_value() == (text == "\"x\""));
  CHECK(value.as_bool().has_value() == (text == "true"));
  CHECK(value.as_array(1).has_value() == (text == "[]"));
  CHECK(value.as_members().has_value() == (text == "{}"));
  CHECK(JsonFields::of(value).has_value() == (text == "{}"));
  CHECK_FALSE(value.as_bytes(Base64Alphabet::Standard).has_value());
}

TEST_CASE("json_reader: refuses an array longer than the caller asks for", "[api][json]") {
  const Parsed parsed("[1,[2,2,2],3]");
  CHECK(REQUIRE_OK(parsed.root().as_array(3)).size() == 3);
  CHECK_CODE(parsed.root().as_array(2), Code::InvalidArgument);
}

TEST_CASE("json_reader: decodes base64 in one spelling only", "[api][json]") {
  const auto standard = Base64Alphabet::Standard;
  // RFC 4648, section 10.
  CHECK(REQUIRE_OK(Parsed("\"Zm9vYg==\"").root().as_bytes(standard)) == to_bytes(as_bytes("foob")));
  CHECK(REQUIRE_OK(Parsed("\"\"").root().as_bytes(standard)).empty());
  CHECK(REQUIRE_OK(Parsed(R"("\/+8=")").root().as_bytes(standard)) == Bytes{0xFF, 0xEF});
  CHECK(REQUIRE_OK(Parsed("\"_-8\"").root().as_bytes(Base64Alphabet::Url)) == Bytes{0xFF, 0xEF});
  const Secret secret = REQUIRE_OK(Parsed(R"("Zm9v\u0059g==")").root().as_secret(standard));
  CHECK(as_text(secret.reveal()) == "foob");
  const std::string text =
      GENERATE(R"("Zm9v\nYg==")", R"("Zm9v Yg==")", R"("Zm9vYg")", R"("Zm9vYg=")", R"("Zm9vYg===")",
               R"("Zm9vYh==")", R"("Zm8=Zm8=")", R"("_-8=")", R"("Z")", R"("=")", R"("====")",
               R"(" ")", R"("Zm9v\u0000")", R"("é")", "1", "null", "[]");
  INFO(text);
  CHECK_CODE(Parsed(text).root().as_bytes(standard), Code::InvalidArgument);
  CHECK_CODE(Parsed(text).root().as_secret(standard), Code::InvalidArgument);
}

TEST_CASE("json_reader: refuses padding and the standard alphabet in base64url", "[api][json]") {
  const std::string text = GENERATE("\"_-8=\"", "\"/+8\"", "\"_-9\"", "\"_\"", "\"_-8 \"");
  INFO(text);
  CHECK_CODE(Parsed(text).root().as_bytes(Base64Alphabet::Url), Code::InvalidArgument);
}

TEST_CASE("json_reader: finds every field once, by its decoded name", "[api][json]") {
  const Parsed parsed(R"({"\u0061":"x","b":{"c":[1,{"d":2}]},"e":true})");
  JsonFields fields = REQUIRE_OK(JsonFields::of(parsed.root()));
  CHECK(fields.has("a"));
  CHECK_FALSE(fields.has("c"));
  const JsonValue value = REQUIRE_OK(fields.need("a"));
  CHECK(REQUIRE_OK(value.as_string()) == "x");
  CHECK_FALSE(fields.take("c").has_value());
  CHECK(fields.take("b").has_value());
  CHECK_CODE(fields.finish(), Code::InvalidArgument);
  CHECK(fields.take("e").has_value());
  CHECK(fields.finish().has_value());
}

TEST_CASE("json_reader: names a missing field", "[api][json]") {
  const Parsed parsed("{}");
  JsonFields fields = REQUIRE_OK(JsonFields::of(parsed.root()));
  const auto missing = fields.need("key");
  REQUIRE_FALSE(missing);
  CHECK(missing.error().advice() == "field \"key\" missing");
}

TEST_CASE("json_reader: quotes an unknown field's name only if it is plain", "[api][json]") {
  const auto refusal_of = [](const std::string& text) {
    const Parsed parsed(text);
    const auto finished = REQUIRE_OK(JsonFields::of(parsed.root())).finish();
    REQUIRE_FALSE(finished);
    return finished.error().advice();
  };
  CHECK(refusal_of(R"({"contxt":{}})") == "unknown field \"contxt\"");
  CHECK(refusal_of(R"({"<b>\r\nX: y":1})") == "unknown field");
  CHECK(refusal_of("{\"" + repeated("a", 41) + "\":1}") == "unknown field");
}

}  // namespace kw::api
