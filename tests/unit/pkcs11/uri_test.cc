// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/uri.h"

#include "tests/support/expect.h"

namespace kw::pkcs11 {

TEST_CASE("uri: matches by each attribute that it names, and by all of them", "[pkcs11][uri]") {
  const TokenIdentity token{"my token", "SoftHSM project", "SoftHSM v2", "0123abcd"};
  CHECK(REQUIRE_OK(TokenUri::parse("pkcs11:token=my%20token")).matches(token));
  CHECK(REQUIRE_OK(TokenUri::parse("pkcs11:serial=0123abcd")).matches(token));
  CHECK(REQUIRE_OK(TokenUri::parse("pkcs11:token=my%20token;model=SoftHSM%20v2")).matches(token));
  CHECK_FALSE(REQUIRE_OK(TokenUri::parse("pkcs11:token=my")).matches(token));
  CHECK_FALSE(REQUIRE_OK(TokenUri::parse("pkcs11:token=my%20token;serial=ffff")).matches(token));
}

TEST_CASE("uri: of_label escapes what RFC 7512 reserves", "[pkcs11][uri]") {
  const TokenUri uri = TokenUri::of_label("a b;c=d/%");
  CHECK(uri.text() == "pkcs11:token=a%20b%3Bc%3Dd%2F%25");
  CHECK(REQUIRE_OK(TokenUri::parse(uri.text())).matches({"a b;c=d/%", "", "", ""}));
}

TEST_CASE("uri: refuses what is no URI or says more than a token's name", "[pkcs11][uri]") {
  const std::string text = GENERATE(
      "", "keyward", "http:token=a", "pkcs11:", "pkcs11:token=%zz", "pkcs11:token=a;token=b",
      "pkcs11:token=a?pin-value=1234", "pkcs11:token=a?pin-source=file:/etc/pin",
      "pkcs11:token=a;object=key", "pkcs11:token=a;id=%01", "pkcs11:token=a;type=private",
      "pkcs11:token=a;slot-id=0", "pkcs11:token=a?module-path=/tmp/evil.so",
      "pkcs11:token=a?module-name=x", "pkcs11:library-manufacturer=x;token=a",
      "pkcs11:library-version=1.0;token=a", "pkcs11:token=a;colour=red");
  INFO(text);
  CHECK_CODE(TokenUri::parse(text), Code::InvalidArgument);
}

TEST_CASE("uri: refuses a NUL", "[pkcs11][uri]") {
  CHECK_CODE(TokenUri::parse(std::string_view("pkcs11:token=a\0b", 16)), Code::InvalidArgument);
}

}  // namespace kw::pkcs11
