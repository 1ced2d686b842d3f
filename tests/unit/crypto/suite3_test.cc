// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/suite3.h"

#include <map>
#include <set>
#include <sstream>

#include "base/file.h"
#include "service/crypto/mac.h"
#include "service/crypto/service_mac.h"
#include "tests/support/signature_oracle.h"
#include "tests/support/suite3_oracle.h"
#include "wrap_fixture.h"

// Expected bytes: docs/envelope-format.md, made with Python's `cryptography`, and OpenSSL's KBKDF
// and GCM through tests/support/suite3_oracle.h.
namespace kw::crypto {
namespace {

namespace suite3_oracle = test::suite3_oracle;

// The example of suite 3: what Python made.
std::map<std::string, std::string> suite3_example() {
  const std::string page = REQUIRE_OK(read_file(KW_DOCS_DIR "/envelope-format.md"));
  const std::size_t from = page.find("\nKDF input");
  REQUIRE(from != std::string::npos);
  std::istringstream lines(page.substr(from + 1, page.find("```", from) - from));
  std::map<std::string, std::string> fields;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t gap = line.find("  ");
    if (gap == std::string::npos) continue;
    fields[line.substr(0, gap)] = line.substr(line.find_first_not_of(' ', gap));
  }
  return fields;
}

// A token bench with one key of suite 3 whose value the test knows.
struct Suite3Fixture : SealingFixture {
  Suite3Fixture() {
    key = import_mac_key("aes-256-gcm-host", kKeyValue);
    key.versions.front().check = REQUIRE_OK(known_mac(*bench, key, version()));
  }
};

}  // namespace

TEST_CASE("suite 3: the page's example, step by step", "[crypto][suite3][vectors]") {
  const auto page = suite3_example();
  const auto bytes = [&](const char* name) {
    INFO(name);
    return REQUIRE_OK(decode_hex(page.at(name)));
  };
  const Bytes key =
      REQUIRE_OK(decode_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  const Blob blob = REQUIRE_OK(decode_blob(bytes("blob")));
  CHECK(blob.header.suite == Suite::HmacAes256Gcm);
  CHECK(encode(blob.header) == bytes("header"));
  CHECK(suite3::kdf_input(blob.nonce) == bytes("KDF input"));
  CHECK(suite3_oracle::derive_key(key, blob.nonce) == bytes("Km"));
  const Context bound = context({{"tenant", "acme"}, {"purpose", "backup"}});
  CHECK(associated_data(blob.header, bound) == bytes("associated"));
  CHECK(blob.sealed == bytes("sealed"));
  CHECK(suite3_oracle::seal(bytes("Km"), blob.nonce, as_bytes("a data key"), bytes("associated")) ==
        blob.sealed);
  CHECK(to_base64url(encode(blob)) == page.at("text"));
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: opens the page's example with the key in the token",
                 "[crypto][suite3][vectors]") {
  const auto page = suite3_example();
  Bytes value(32);
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<std::uint8_t>(i);
  const Bytes bytes = REQUIRE_OK(decode_hex(page.at("blob")));
  const Blob blob = REQUIRE_OK(decode_blob(bytes));
  keys::Key named = import_mac_key("aes-256-gcm-host", value);
  const auto handle = REQUIRE_OK(bench->keyring().find(named.id, Version{1}, *named.algorithm));
  named.id = blob.header.key;
  named.versions.front().number = Version{2};
  bench->keyring().adopt(named.id, Version{2}, handle);
  const Context bound = context({{"purpose", "backup"}, {"tenant", "acme"}});
  const Opened opened = REQUIRE_OK(unwrap(*bench, named, named.versions.front(), blob, bound));
  REQUIRE(std::holds_alternative<Secret>(opened));
  CHECK(as_text(std::get<Secret>(opened).reveal()) == "a data key");
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: an independent implementation opens what it makes",
                 "[crypto][suite3]") {
  const Context bound = context({{"tenant", "acme"}});
  const Bytes canonical = REQUIRE_OK(decode_hex("0001000674656e616e74000461636d65"));
  for (const std::size_t size : {0u, 1u, 32u, 65536u}) {
    const std::string text(size, 'x');
    const Bytes blob = wrapped(text, bound);
    REQUIRE(blob.size() == 26 + 24 + size + 16);
    CHECK(blob[4] == 3);
    const Nonce nonce = nonce_of(blob);
    const auto plain =
        suite3_oracle::open(suite3_oracle::derive_key(kKeyValue, nonce), nonce,
                            ByteView(blob).subspan(50), expected_associated(blob, canonical));
    REQUIRE(plain.has_value());
    CHECK(as_text(*plain) == text);
    CHECK(text_of(blob, bound) == text);
  }
  CHECK_CODE(wrap(*bench, key, version(), Secret(65537), Context()), Code::PayloadTooLarge);
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: opens what an independent implementation makes",
                 "[crypto][suite3]") {
  Blob blob{{Suite::HmacAes256Gcm, key.id, Version{1}}, {}, {}};
  for (const std::string_view text : {std::string_view(), kText}) {
    ++blob.nonce[13];
    blob.sealed = suite3_oracle::seal(suite3_oracle::derive_key(kKeyValue, blob.nonce), blob.nonce,
                                      as_bytes(text),
                                      expected_associated(encode(blob), Context().canonical()));
    CHECK(text_of(encode(blob)) == text);
  }
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: refuses every flipped bit, truncation and context",
                 "[crypto][suite3]") {
  check_refuses_what_differs();
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: a blob of one suite opens under no key of the other",
                 "[crypto][suite3]") {
  Blob blob = REQUIRE_OK(decode_blob(wrapped(kText)));
  const keys::Key in_token = import_wrap_key(kKeyValue);
  blob.header.key = in_token.id;
  CHECK(std::get<OpenFailure>(REQUIRE_OK(unwrap(*bench, in_token, in_token.versions[0], blob,
                                                Context()))) == OpenFailure::WrongKey);
  blob.header = {Suite::Xaes256Gcm, key.id, Version{1}};
  CHECK(std::get<OpenFailure>(REQUIRE_OK(opened(blob))) == OpenFailure::WrongKey);
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: no nonce comes twice", "[crypto][suite3]") {
  std::set<Nonce> nonces;
  std::set<Bytes> prefixes;
  for (int i = 0; i < 500; ++i) {
    const Bytes blob = wrapped("");
    nonces.insert(nonce_of(blob));
    prefixes.insert(prefix_of(blob));
  }
  CHECK(nonces.size() == 500);
  CHECK(prefixes.size() == 500);
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: a key made, rotated, rewrapped, and its data keys",
                 "[crypto][suite3]") {
  key = make_key("aes-256-gcm-host");
  auto material = REQUIRE_OK(create_version(*bench, key, Version{2}));
  keys::KeyVersion second = version();
  second.number = Version{2};
  second.check = std::move(material.check);
  (void)REQUIRE_OK(verify_version(*bench, key, version()));
  keys::KeyVersion another = second;
  another.check = version().check;
  CHECK_CODE(verify_version(*bench, key, another), Code::Internal);
  const Context before = context({{"a", "1"}});
  const Context after = context({{"a", "2"}});
  const Blob blob = REQUIRE_OK(decode_blob(wrapped(kText, before)));
  const Rewrapped moved = REQUIRE_OK(rewrap(*bench, key, {version(), second, blob, before, after}));
  const Blob made = REQUIRE_OK(decode_blob(std::get<Bytes>(moved)));
  CHECK(made.header == BlobHeader{Suite::HmacAes256Gcm, key.id, Version{2}});
  const Opened outcome = REQUIRE_OK(unwrap(*bench, key, second, made, after));
  CHECK(as_text(std::get<Secret>(outcome).reveal()) == kText);
  const Rewrapped refused =
      REQUIRE_OK(rewrap(*bench, key, {version(), second, blob, after, after}));
  CHECK(std::get<OpenFailure>(refused) == OpenFailure::NotAuthentic);
  for (const std::size_t size : {16u, 32u, 64u}) {
    const DataKey data_key = REQUIRE_OK(make_data_key(*bench, key, version(), size, Context()));
    CHECK(text_of(data_key.blob) == as_text(data_key.plaintext.reveal()));
  }
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: a token that fails anywhere is unavailable",
                 "[crypto][suite3][fault]") {
  const Blob good = REQUIRE_OK(decode_blob(wrapped(kText)));
  for (const std::string function : {"C_GenerateRandom", "C_SignInit", "C_Sign"}) {
    INFO(function);
    hsm.clear();
    hsm.rules("fail " + function + " 1 CKR_DEVICE_ERROR");
    CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::Unavailable);
    CHECK(hsm.count(function) == 1);
    bench->session().reinstate();
    if (function == "C_GenerateRandom") continue;
    hsm.clear();
    hsm.rules("fail " + function + " 1 CKR_DEVICE_ERROR");
    CHECK_CODE(opened(good), Code::Unavailable);
    bench->session().reinstate();
  }
  hsm.clear();
  // A blob that does not open, and then no answer to the probe: nobody's fault is proven.
  Blob bad = good;
  bad.sealed.front() ^= 1;
  hsm.rules("fail C_Sign 2 CKR_DEVICE_ERROR");
  CHECK_CODE(opened(bad), Code::Unavailable);
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: a token whose HMAC is another is sick, not the caller",
                 "[crypto][suite3][fault]") {
  const Blob blob = REQUIRE_OK(decode_blob(wrapped(kText)));
  const keys::Key other = import_mac_key("aes-256-gcm-host", Bytes(32, 0x77));
  bench->keyring().adopt(key.id, Version{1},
                         REQUIRE_OK(bench->keyring().find(other.id, Version{1}, *key.algorithm)));
  CHECK_CODE(opened(blob), Code::Unavailable);
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: a token that was sick for one call accuses nobody",
                 "[crypto][suite3][fault]") {
  const Bytes good = wrapped(kText);
  hsm.clear();
  hsm.rules("flip C_Sign 1");  // another message key; the known answer and the second try are right
  CHECK(text_of(good) == kText);
  CHECK(hsm.count("C_Sign") == 3);
  hsm.clear();
  hsm.rules("flip C_Sign */1");
  const Blob blob = REQUIRE_OK(decode_blob(good));
  CHECK_CODE(opened(blob), Code::Unavailable);
}

TEST_CASE_METHOD(Suite3Fixture, "suite 3: a stale handle is found again, once",
                 "[crypto][suite3][fault]") {
  key = make_key("aes-256-gcm-host");
  const Bytes blob = wrapped(kText);
  hsm.rules("fail C_SignInit 1 CKR_KEY_HANDLE_INVALID");
  CHECK(text_of(blob) == kText);
  CHECK(bench->refinds() == 1);  // who used it compares it with the catalog again
  hsm.rules("fail C_SignInit * CKR_KEY_HANDLE_INVALID");
  CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::Unavailable);
}

TEST_CASE_METHOD(test::TokenBench, "service mac: equals OpenSSL's HMAC with a key that MACs",
                 "[crypto][mac]") {
  const Bytes value(32, 0x3c);
  const keys::Key key = import_mac_key("hmac-sha256", value);
  const std::string message(70'000, 'm');
  const auto expected = [&](std::string_view label) {
    Bytes input = to_bytes(as_bytes(label));
    input.push_back(0);
    append(input, test::signature_oracle::hash("SHA256", as_bytes(message)));
    return test::signature_oracle::hmac("SHA256", value, input);
  };
  CHECK(REQUIRE_OK(service_mac(*bench, key, Version{1}, MacPurpose::Catalog, as_bytes(message))) ==
        expected("keyward/mac-key/v1/catalog"));
  CHECK(REQUIRE_OK(service_mac(*bench, key, Version{1}, MacPurpose::AuditContext,
                               as_bytes(message))) == expected("keyward/mac-key/v1/audit-context"));
  hsm.rules("fail C_Sign 1 CKR_DEVICE_ERROR");
  CHECK_CODE(service_mac(*bench, key, Version{1}, MacPurpose::Catalog, {}), Code::Unavailable);
}

}  // namespace kw::crypto
