// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/suite2.h"

#include <map>
#include <set>
#include <sstream>

#include "base/file.h"
#include "pkcs11/profile.h"
#include "service/crypto/random.h"
#include "tests/support/gcm_oracle.h"
#include "wrap_fixture.h"

// Expected bytes: docs/envelope-format.md, made with Python's `cryptography`, and OpenSSL's GCM.
namespace kw::crypto {
namespace {

namespace gcm_oracle = test::gcm_oracle;

// The example of suite 2: what Python made.
std::map<std::string, std::string> suite2_example() {
  const std::string page = REQUIRE_OK(read_file(KW_DOCS_DIR "/envelope-format.md"));
  const std::size_t from = page.find("\nfixed field    ");
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

// Numbers that go up, from a memory alone.
class PlainCount final : public CountedNonces {
 public:
  Result<CountedNonce> draw(const KeyId&, Version) override {
    if (next > last) return refusal(Code::FailedPrecondition, "no more");
    return make(field, next++);
  }
  FixedField field{0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7};
  MessageNumber next = 1;
  MessageNumber last = kMostMessages;
};

// A token bench with one key of suite 2 whose value the test knows.
struct Suite2Fixture : SealingFixture {
  Suite2Fixture() {
    bench = std::make_unique<Workbench>(REQUIRE_OK(token->open_session()), pace, DerivedLimits{},
                                        WorkingKeyOptions{}, &count);
    key = import_counted_key(kKeyValue);
    key.versions.front().check = REQUIRE_OK(suite2::known_tag(*bench, key, version()));
  }

  PlainCount count;
};

}  // namespace

TEST_CASE("suite 2: the page's example, step by step", "[crypto][suite2][vectors]") {
  const auto page = suite2_example();
  const auto bytes = [&](const char* name) {
    INFO(name);
    return REQUIRE_OK(decode_hex(page.at(name)));
  };
  const Bytes key =
      REQUIRE_OK(decode_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
  PlainCount count;
  const CountedNonce nonce = REQUIRE_OK(count.draw(KeyId(), Version{1}));
  CHECK(to_bytes(nonce.bytes()) == bytes("nonce"));
  const Blob blob = REQUIRE_OK(decode_blob(bytes("blob")));
  CHECK(blob.header.suite == Suite::CountedAes256Gcm);
  CHECK(encode(blob.header) == bytes("header"));
  CHECK(encode(blob) == bytes("blob"));
  const Context bound = context({{"tenant", "acme"}, {"purpose", "backup"}});
  CHECK(associated_data(blob.header, bound) == bytes("associated"));
  CHECK(blob.sealed == bytes("sealed"));
  CHECK(gcm_oracle::seal(key, bytes("nonce"), as_bytes("a data key"), bytes("associated")) ==
        blob.sealed);
  CHECK(gcm_oracle::seal(key, Bytes(12), {}, as_bytes("keyward/check/v1")) == bytes("check value"));
  CHECK(to_base64url(encode(blob)) == page.at("text"));
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: makes and opens the page's example in the token",
                 "[crypto][suite2][vectors]") {
  const auto page = suite2_example();
  Bytes value(32);
  for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<std::uint8_t>(i);
  const Bytes bytes = REQUIRE_OK(decode_hex(page.at("blob")));
  const Blob blob = REQUIRE_OK(decode_blob(bytes));
  keys::Key named = import_counted_key(value);
  const auto handle = REQUIRE_OK(bench->keyring().find(named.id, Version{1}, *named.algorithm));
  CHECK(REQUIRE_OK(suite2::known_tag(bench->session(), handle)) ==
        REQUIRE_OK(decode_hex(page.at("check value"))));
  named.id = blob.header.key;
  named.versions.front().number = Version{2};
  bench->keyring().adopt(named.id, Version{2}, handle);
  const Context bound = context({{"purpose", "backup"}, {"tenant", "acme"}});
  const Opened opened = REQUIRE_OK(unwrap(*bench, named, named.versions.front(), blob, bound));
  REQUIRE(std::holds_alternative<Secret>(opened));
  CHECK(as_text(std::get<Secret>(opened).reveal()) == "a data key");
  CHECK(REQUIRE_OK(wrap(*bench, named, named.versions.front(), secret(kText), bound)) == bytes);
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: an independent implementation opens what it makes",
                 "[crypto][suite2]") {
  const Context bound = context({{"tenant", "acme"}});
  const Bytes canonical = REQUIRE_OK(decode_hex("0001000674656e616e74000461636d65"));
  MessageNumber number = 0;
  for (const std::size_t size : {0u, 1u, 32u, 65536u}) {
    const std::string text(size, 'x');
    const Bytes blob = wrapped(text, bound);
    REQUIRE(blob.size() == 26 + 12 + size + 16);
    CHECK(blob[4] == 2);
    const ByteView nonce = ByteView(blob).subspan(26, 12);
    CHECK(read_u32(nonce.last(4)) == ++number);
    const auto plain = gcm_oracle::open(kKeyValue, nonce, ByteView(blob).subspan(38),
                                        expected_associated(blob, canonical));
    REQUIRE(plain.has_value());
    CHECK(as_text(*plain) == text);
    CHECK(text_of(blob, bound) == text);
  }
  CHECK_CODE(wrap(*bench, key, version(), Secret(65537), Context()), Code::PayloadTooLarge);
  CHECK(count.next == number + 1);
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: opens what an independent implementation makes",
                 "[crypto][suite2]") {
  Blob blob{{Suite::CountedAes256Gcm, key.id, Version{1}}, {}, {}};
  for (const std::string_view text : {std::string_view(), kText}) {
    ++blob.nonce[3];  // a reader takes every nonce
    blob.sealed = gcm_oracle::seal(kKeyValue, ByteView(blob.nonce).first(12), as_bytes(text),
                                   expected_associated(encode(blob), Context().canonical()));
    CHECK(text_of(encode(blob)) == text);
  }
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: refuses every flipped bit, truncation and context",
                 "[crypto][suite2]") {
  check_refuses_what_differs();
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: a blob of one suite opens under no key of another",
                 "[crypto][suite2]") {
  const Suite other = GENERATE(Suite::Xaes256Gcm, Suite::HmacAes256Gcm);
  Blob blob = REQUIRE_OK(decode_blob(wrapped(kText)));
  const keys::Key another = other == Suite::Xaes256Gcm
                                ? import_wrap_key(kKeyValue)
                                : import_mac_key("aes-256-gcm-host", kKeyValue);
  blob.header.key = another.id;
  CHECK(std::get<OpenFailure>(REQUIRE_OK(unwrap(*bench, another, another.versions[0], blob,
                                                Context()))) == OpenFailure::WrongKey);
  blob.header = {other, key.id, Version{1}};
  CHECK(std::get<OpenFailure>(REQUIRE_OK(opened(blob))) == OpenFailure::WrongKey);
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: a key made, rotated, rewrapped, and its data keys",
                 "[crypto][suite2]") {
  key = make_key("aes-256-gcm-counted");
  auto material = REQUIRE_OK(create_version(*bench, key, Version{2}));
  keys::KeyVersion second = version();
  second.number = Version{2};
  second.check = std::move(material.check);
  CHECK(second.check.size() == 16);
  (void)REQUIRE_OK(verify_version(*bench, key, version()));
  keys::KeyVersion another = second;
  another.check = version().check;
  CHECK_CODE(verify_version(*bench, key, another), Code::Internal);
  const Context before = context({{"a", "1"}});
  const Context after = context({{"a", "2"}});
  const Blob blob = REQUIRE_OK(decode_blob(wrapped(kText, before)));
  const Rewrapped moved = REQUIRE_OK(rewrap(*bench, key, {version(), second, blob, before, after}));
  const Blob made = REQUIRE_OK(decode_blob(std::get<Bytes>(moved)));
  CHECK(made.header == BlobHeader{Suite::CountedAes256Gcm, key.id, Version{2}});
  const Opened outcome = REQUIRE_OK(unwrap(*bench, key, second, made, after));
  CHECK(as_text(std::get<Secret>(outcome).reveal()) == kText);
  const MessageNumber used = count.next;
  const Rewrapped refused =
      REQUIRE_OK(rewrap(*bench, key, {version(), second, blob, after, after}));
  CHECK(std::get<OpenFailure>(refused) == OpenFailure::NotAuthentic);
  CHECK(count.next == used);  // what cannot be opened costs no number
  for (const std::size_t size : {16u, 32u, 64u}) {
    const DataKey data_key = REQUIRE_OK(make_data_key(*bench, key, version(), size, Context()));
    CHECK(text_of(data_key.blob) == as_text(data_key.plaintext.reveal()));
  }
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: the last number seals, and then nothing does",
                 "[crypto][suite2]") {
  count.next = kMostMessages;
  const Bytes blob = wrapped(kText);
  CHECK(to_hex(ByteView(blob).subspan(34, 4)) == "80000000");
  hsm.clear();
  CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::FailedPrecondition);
  CHECK(hsm.count("C_EncryptInit") == 0);
  CHECK(text_of(blob) == kText);
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: where nobody counts nothing is sealed",
                 "[crypto][suite2]") {
  const auto handle = REQUIRE_OK(bench->keyring().find(key.id, Version{1}, *key.algorithm));
  const auto another = open_bench();
  another->keyring().adopt(key.id, Version{1}, handle);
  hsm.clear();
  CHECK_CODE(wrap(*another, key, version(), secret(kText), Context()), Code::Internal);
  CHECK(hsm.count("C_EncryptInit") == 0);
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: a number that failed is never used again",
                 "[crypto][suite2][fault]") {
  const Blob good = REQUIRE_OK(decode_blob(wrapped(kText)));
  std::set<MessageNumber> starts{count.next};
  for (const std::string rule :
       {"fail C_EncryptInit 1 CKR_DEVICE_ERROR", "fail C_Encrypt 1 CKR_DEVICE_ERROR after"}) {
    INFO(rule);
    hsm.clear();
    hsm.rules(rule);
    CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::Unavailable);
    CHECK(starts.insert(count.next).second);
    bench->session().reinstate();
  }
  for (const std::string rule :
       {"fail C_DecryptInit 1 CKR_DEVICE_ERROR", "fail C_Decrypt 1 CKR_DEVICE_ERROR after"}) {
    INFO(rule);
    hsm.clear();
    hsm.rules(rule);
    CHECK_CODE(opened(good), Code::Unavailable);
    bench->session().reinstate();
  }
  hsm.clear();
  CHECK(text_of(encode(good)) == kText);
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: a token whose AES-GCM is another is sick, not the caller",
                 "[crypto][suite2][fault]") {
  const Blob blob = REQUIRE_OK(decode_blob(wrapped(kText)));
  const keys::Key other = import_counted_key(Bytes(32, 0x77));
  bench->keyring().adopt(key.id, Version{1},
                         REQUIRE_OK(bench->keyring().find(other.id, Version{1}, *key.algorithm)));
  CHECK_CODE(opened(blob), Code::Unavailable);
}

TEST_CASE_METHOD(Suite2Fixture,
                 "suite 2: a failure that may be the caller's is told from a sick token's",
                 "[crypto][suite2][fault]") {
  const Bytes good = wrapped(kText);
  const std::string code = GENERATE("CKR_GENERAL_ERROR", "CKR_ENCRYPTED_DATA_INVALID");
  INFO(code);
  hsm.clear();
  hsm.rules("fail C_Decrypt 1 " + code + " after");  // well for the proof and for the second try
  CHECK(text_of(good) == kText);
  CHECK(hsm.count("C_Decrypt") == 3);
  bench->session().reinstate();
  hsm.clear();
  hsm.rules("fail C_Decrypt */1 " + code + " after");  // and now for nothing
  const Blob blob = REQUIRE_OK(decode_blob(good));
  CHECK_CODE(opened(blob), Code::Unavailable);
  bench->session().reinstate();
  hsm.clear();
  hsm.rules("flip C_Encrypt */1");  // the known tag is another
  Blob bad = blob;
  bad.sealed.front() ^= 1;
  CHECK_CODE(opened(bad), Code::Unavailable);
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: a stale handle is found again, once",
                 "[crypto][suite2][fault]") {
  key = make_key("aes-256-gcm-counted");
  const Bytes blob = wrapped(kText);
  hsm.rules("fail C_DecryptInit 1 CKR_KEY_HANDLE_INVALID");
  CHECK(text_of(blob) == kText);
  CHECK(bench->refinds() == 1);  // who used it compares it with the catalog again
  const MessageNumber before = count.next;
  hsm.rules("fail C_EncryptInit 1 CKR_KEY_HANDLE_INVALID");
  const Bytes another = wrapped(kText);
  CHECK(read_u32(ByteView(another).subspan(34, 4)) == before + 1);  // its second attempt's own
  hsm.rules("fail C_EncryptInit * CKR_KEY_HANDLE_INVALID");
  CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::Unavailable);
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: its key does one thing", "[crypto][suite2]") {
  key = make_key("aes-256-gcm-counted");
  const auto handle = REQUIRE_OK(bench->keyring().find(key.id, Version{1}, *key.algorithm));
  pkcs11::Session& session = bench->session();
  CHECK_FALSE(pkcs11::derive_check_block(session, handle));
  CHECK_FALSE(session.sign(pkcs11::Mechanism::sha256_hmac(), handle, Bytes{1}));
  CHECK_FALSE(
      session.encrypt(pkcs11::Mechanism::aes_ecb_encrypt_data(Bytes(16)), handle, Bytes(16)));
}

TEST_CASE_METHOD(Suite2Fixture, "suite 2: fixed fields differ", "[crypto][suite2]") {
  std::set<FixedField> fields;
  for (int i = 0; i < 500; ++i) fields.insert(REQUIRE_OK(draw_fixed_field(*bench)));
  CHECK(fields.size() == 500);
  hsm.rules("fail C_GenerateRandom 1 CKR_DEVICE_ERROR");
  CHECK_CODE(draw_fixed_field(*bench), Code::Unavailable);
}

}  // namespace kw::crypto
