// SPDX-License-Identifier: Apache-2.0
#include "service/keys/algorithm.h"

#include <set>
#include <string>

#include "tests/support/expect.h"

namespace kw::keys {
namespace {

struct Row {
  const char* name;
  Purpose purpose;
  Family family;
  Hash hash;
  int bits;
  const char* jose;
};

TEST_CASE("algorithm: each name of the contract has its row", "[keys][algorithm]") {
  // JOSE names: RFC 7518, section 3.1; RFC 8037, section 3.1.
  const Row row = GENERATE(
      Row{"xaes-256-gcm", Purpose::Wrap, Family::Aes, Hash::None, 256, ""},
      Row{"aes-256-gcm-counted", Purpose::Wrap, Family::Aes, Hash::None, 256, ""},
      Row{"aes-256-gcm-host", Purpose::Wrap, Family::Hmac, Hash::Sha256, 256, ""},
      Row{"hmac-sha256", Purpose::Mac, Family::Hmac, Hash::Sha256, 256, "HS256"},
      Row{"hmac-sha512", Purpose::Mac, Family::Hmac, Hash::Sha512, 512, "HS512"},
      Row{"rsa-2048-pss-sha256", Purpose::Sign, Family::RsaPss, Hash::Sha256, 2048, "PS256"},
      Row{"rsa-3072-pss-sha256", Purpose::Sign, Family::RsaPss, Hash::Sha256, 3072, "PS256"},
      Row{"rsa-4096-pss-sha256", Purpose::Sign, Family::RsaPss, Hash::Sha256, 4096, "PS256"},
      Row{"rsa-2048-pkcs1-sha256", Purpose::Sign, Family::RsaPkcs1, Hash::Sha256, 2048, "RS256"},
      Row{"rsa-3072-pkcs1-sha256", Purpose::Sign, Family::RsaPkcs1, Hash::Sha256, 3072, "RS256"},
      Row{"rsa-4096-pkcs1-sha256", Purpose::Sign, Family::RsaPkcs1, Hash::Sha256, 4096, "RS256"},
      Row{"ecdsa-p256-sha256", Purpose::Sign, Family::Ecdsa, Hash::Sha256, 256, "ES256"},
      Row{"ecdsa-p384-sha384", Purpose::Sign, Family::Ecdsa, Hash::Sha384, 384, "ES384"},
      Row{"ecdsa-p521-sha512", Purpose::Sign, Family::Ecdsa, Hash::Sha512, 521, "ES512"},
      Row{"ed25519", Purpose::Sign, Family::Ed25519, Hash::None, 256, "EdDSA"});
  INFO(row.name);
  const Algorithm* found = find_algorithm(row.name);
  REQUIRE(found != nullptr);
  CHECK(found->name == row.name);
  CHECK(found->purpose == row.purpose);
  CHECK(found->family == row.family);
  CHECK(found->hash == row.hash);
  CHECK(found->bits == row.bits);
  CHECK(found->jose == row.jose);
}

TEST_CASE("algorithm: the registry has no other rows", "[keys][algorithm]") {
  std::set<std::string_view> names;
  for (const Algorithm& row : algorithms()) names.insert(row.name);
  CHECK(names.size() == 15);
  CHECK(algorithms().size() == 15);
}

TEST_CASE("algorithm: one works in host memory, one counts its messages", "[keys][algorithm]") {
  for (const Algorithm& row : algorithms()) {
    CHECK(works_on_host(row) == (row.name == "aes-256-gcm-host"));
    CHECK((row.sealing == Sealing::Counted) == (row.name == "aes-256-gcm-counted"));
    CHECK((row.sealing == Sealing::None) == (row.purpose != Purpose::Wrap));
  }
}

TEST_CASE("algorithm: a name in any other spelling is unknown", "[keys][algorithm]") {
  const std::string name =
      GENERATE("", "XAES-256-GCM", "xaes-256-gcm ", "xaes-256", "rsa-1024-pss-sha256",
               "aes-256-gcm", "ed448", "ml-dsa-65", "none", "HS256");
  INFO(name);
  CHECK(find_algorithm(name) == nullptr);
}

TEST_CASE("algorithm: a name with a NUL behind it is unknown", "[keys][algorithm]") {
  CHECK(find_algorithm(std::string_view("ed25519\0", 8)) == nullptr);
}

TEST_CASE("algorithm: purposes have the API's words", "[keys][algorithm]") {
  CHECK(name_of(Purpose::Wrap) == "wrap");
  CHECK(name_of(Purpose::Mac) == "mac");
  CHECK(name_of(Purpose::Sign) == "sign");
}

}  // namespace
}  // namespace kw::keys
