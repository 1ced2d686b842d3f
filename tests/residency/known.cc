// SPDX-License-Identifier: Apache-2.0
#include "tests/residency/known.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/owned.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/token.h"
#include "tests/residency/object_file.h"
#include "tests/support/expect.h"
#include "tests/support/kwp_oracle.h"
#include "tests/support/temp_dir.h"

namespace kw::residency {
namespace {

namespace fs = std::filesystem;

using Number = Owned<BIGNUM, BN_clear_free>;
using Numbers = Owned<BN_CTX, BN_CTX_free>;
using AnyKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using Group = Owned<EC_GROUP, EC_GROUP_free>;
using Point = Owned<EC_POINT, EC_POINT_free>;

constexpr const char* kSoftHsm = "/usr/lib/softhsm/libsofthsm2.so";

struct Part {
  const char* name;
  CK_ATTRIBUTE_TYPE type;
  const char* of_openssl;  // an RSA key's
};
constexpr Part kParts[] = {{"VALUE", CKA_VALUE, nullptr},
                           {"PRIVATE_EXPONENT", CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D},
                           {"PRIME_1", CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1},
                           {"PRIME_2", CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2},
                           {"EXPONENT_1", CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1},
                           {"EXPONENT_2", CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2},
                           {"COEFFICIENT", CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1}};

void make_readable(const fs::path& object) {
  for (const Flag& each : flags_of(object)) {
    const bool sensitive = each.name == "SENSITIVE";
    if (!sensitive && each.name != "EXTRACTABLE") continue;
    REQUIRE(each.value == sensitive);
    flip(object, each);
  }
}

std::string attribute_of(const CK_FUNCTION_LIST& call, CK_SESSION_HANDLE session,
                         CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  std::string value(1024, '\0');
  CK_ATTRIBUTE asked{type, value.data(), value.size()};
  if (call.C_GetAttributeValue(session, object, &asked, 1) != CKR_OK) return {};
  value.resize(asked.ulValueLen);
  return value;
}

std::vector<CK_OBJECT_HANDLE> objects_of(const CK_FUNCTION_LIST& call, CK_SESSION_HANDLE session,
                                         CK_OBJECT_CLASS kind) {
  CK_ATTRIBUTE wanted{CKA_CLASS, &kind, sizeof kind};
  std::vector<CK_OBJECT_HANDLE> found(1000);
  CK_ULONG count = 0;
  REQUIRE(call.C_FindObjectsInit(session, &wanted, 1) == CKR_OK);
  REQUIRE(call.C_FindObjects(session, found.data(), found.size(), &count) == CKR_OK);
  REQUIRE(call.C_FindObjectsFinal(session) == CKR_OK);
  found.resize(count);
  return found;
}

std::vector<KnownKey> read_keys(const CK_FUNCTION_LIST& call, CK_SESSION_HANDLE session) {
  std::vector<KnownKey> keys;
  for (const CK_OBJECT_CLASS kind : {CKO_SECRET_KEY, CKO_PRIVATE_KEY}) {
    for (const CK_OBJECT_HANDLE object : objects_of(call, session, kind)) {
      KnownKey key{attribute_of(call, session, object, CKA_LABEL), {}};
      for (const Part& part : kParts) {
        std::string value = attribute_of(call, session, object, part.type);
        if (!value.empty()) key.parts.emplace(part.name, std::move(value));
      }
      INFO(key.label);
      REQUIRE_FALSE(key.parts.empty());
      keys.push_back(std::move(key));
    }
  }
  return keys;
}

// OpenSSL's text of a key's number.
std::string number_of(const EVP_PKEY& key, const char* name) {
  BIGNUM* found = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &found) != 1) return {};
  const Number number(found);
  std::string text(static_cast<std::size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(text.data()));
  return text;
}

Number number_from(const std::string& text) {
  return Number(BN_bin2bn(as_bytes(text).data(), static_cast<int>(text.size()), nullptr));
}

AnyKey public_from(ByteView spki) {
  const unsigned char* at = spki.data();
  return AnyKey(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size())));
}

std::map<std::string, std::string> parts_of_pkcs8(ByteView pkcs8) {
  const unsigned char* at = pkcs8.data();
  const AnyKey key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(pkcs8.size())));
  REQUIRE(key);
  std::map<std::string, std::string> parts;
  for (const Part& part : kParts) {
    const char* const name =
        part.of_openssl != nullptr ? part.of_openssl : OSSL_PKEY_PARAM_PRIV_KEY;
    std::string value = number_of(*key, name);
    if (!value.empty()) parts.emplace(part.name, std::move(value));
  }
  return parts;
}

// With the key that opens it: RFC 5649 has a check value.
Bytes unwrapped(ByteView material, const std::vector<KnownKey>& keys) {
  for (const KnownKey& key : keys) {
    const auto value = key.parts.find("VALUE");
    if (value == key.parts.end() || value->second.size() != 32) continue;
    Bytes opened = test::kwp_oracle::unwrap(as_bytes(value->second), material);
    if (!opened.empty()) return opened;
  }
  FAIL("no key of the token opens what is wrapped");
  return {};
}

ByteView column(sqlite3_stmt* row, int number) {
  const auto* const bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(row, number));
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(row, number))};
}

bool is_rsa_pair(const KnownKey& key, const EVP_PKEY& published) {
  const Number modulus = number_from(number_of(published, OSSL_PKEY_PARAM_RSA_N));
  const Number public_exponent = number_from(number_of(published, OSSL_PKEY_PARAM_RSA_E));
  const Number exponent = number_from(key.parts.at("PRIVATE_EXPONENT"));
  const Number first = number_from(key.parts.at("PRIME_1"));
  const Number second = number_from(key.parts.at("PRIME_2"));
  const Numbers scratch(BN_CTX_new());
  const Number product(BN_new());
  const Number text(BN_new());
  const Number power(BN_new());
  BN_set_word(text.get(), 2);
  BN_mul(product.get(), first.get(), second.get(), scratch.get());
  BN_mod_exp(power.get(), text.get(), public_exponent.get(), modulus.get(), scratch.get());
  BN_mod_exp(power.get(), power.get(), exponent.get(), modulus.get(), scratch.get());
  return BN_cmp(product.get(), modulus.get()) == 0 && BN_cmp(power.get(), text.get()) == 0;
}

bool is_p256_pair(const std::string& value, ByteView spki) {
  const Group curve(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1));
  const Point point(EC_POINT_new(curve.get()));
  Bytes encoded(65);
  EC_POINT_mul(curve.get(), point.get(), number_from(value).get(), nullptr, nullptr, nullptr);
  EC_POINT_point2oct(curve.get(), point.get(), POINT_CONVERSION_UNCOMPRESSED, encoded.data(),
                     encoded.size(), nullptr);
  return std::ranges::equal(spki.last(encoded.size()), encoded);
}

bool is_ed25519_pair(const std::string& value, ByteView spki) {
  const AnyKey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, as_bytes(value).data(),
                                                value.size()));
  Bytes encoded(32);
  std::size_t size = encoded.size();
  EVP_PKEY_get_raw_public_key(key.get(), encoded.data(), &size);
  return std::ranges::equal(spki.last(size), encoded);
}

}  // namespace

std::vector<KnownKey> keys_of_token(const fs::path& tokens, const std::string& pin) {
  const test::TempDir scratch;
  fs::copy(tokens, scratch / "tokens", fs::copy_options::recursive);
  for (const fs::path& object : object_files(scratch / "tokens")) make_readable(object);
  REQUIRE_OK(write_file(scratch / "softhsm2.conf",
                        "directories.tokendir = " + (scratch / "tokens").string() +
                            "\nobjectstore.backend = file\nlog.level = ERROR\n"));
  ::setenv("SOFTHSM2_CONF", (scratch / "softhsm2.conf").c_str(), 1);
  const auto uri = pkcs11::TokenUri::of_label("keyward");
  auto module = REQUIRE_OK(pkcs11::Module::load(kSoftHsm));
  const auto token =
      REQUIRE_OK(pkcs11::Token::open(std::move(module), uri, Secret::copy_of(as_bytes(pin))));
  ::unsetenv("SOFTHSM2_CONF");
  const CK_FUNCTION_LIST& call = *token->module().cryptoki().call;
  CK_SESSION_HANDLE session = 0;
  const CK_SLOT_ID slot = REQUIRE_OK(pkcs11::find_token(token->module(), uri)).slot;
  REQUIRE(call.C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session) == CKR_OK);
  std::vector<KnownKey> keys = read_keys(call, session);
  REQUIRE(call.C_CloseSession(session) == CKR_OK);
  return keys;
}

std::vector<KnownKey> keys_of_catalog(const fs::path& catalog, const std::vector<KnownKey>& keys) {
  sqlite3* opened = nullptr;
  REQUIRE(sqlite3_open_v2(catalog.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr) == SQLITE_OK);
  const Owned<sqlite3, sqlite3_close> database(opened);
  sqlite3_stmt* prepared = nullptr;
  REQUIRE(sqlite3_prepare_v2(opened,
                             "SELECT name || '#' || number, wrapped_versions.algorithm, material "
                             "FROM wrapped_versions JOIN keys ON id = key",
                             -1, &prepared, nullptr) == SQLITE_OK);
  const Owned<sqlite3_stmt, sqlite3_finalize> rows(prepared);
  std::vector<KnownKey> found;
  while (sqlite3_step(prepared) == SQLITE_ROW) {
    const std::string algorithm(as_text(column(prepared, 1)));
    const Bytes value = unwrapped(column(prepared, 2), keys);
    const bool is_pair = algorithm.starts_with("rsa-") || algorithm.starts_with("ecdsa-");
    KnownKey key{std::string(as_text(column(prepared, 0))), {}};
    key.parts = is_pair
                    ? parts_of_pkcs8(value)
                    : std::map<std::string, std::string>{{"VALUE", std::string(as_text(value))}};
    found.push_back(std::move(key));
  }
  return found;
}

const KnownKey& find_known(const std::vector<KnownKey>& keys, const std::string& label) {
  const auto found = std::ranges::find(keys, label, &KnownKey::label);
  INFO(label);
  REQUIRE(found != keys.end());
  return *found;
}

bool is_pair(const KnownKey& key, ByteView public_key) {
  const AnyKey published = public_from(public_key);
  REQUIRE(published);
  switch (EVP_PKEY_get_base_id(published.get())) {
    case EVP_PKEY_RSA:
      return is_rsa_pair(key, *published);
    case EVP_PKEY_EC:
      return is_p256_pair(key.parts.at("VALUE"), public_key);
    default:
      return is_ed25519_pair(key.parts.at("VALUE"), public_key);
  }
}

}  // namespace kw::residency
