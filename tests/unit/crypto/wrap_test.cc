// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/wrap.h"

#include "pkcs11/profile.h"
#include "service/crypto/seal.h"
#include "wrap_fixture.h"

// Expected bytes: the C2SP vectors of XAES-256-GCM, and OpenSSL through
// tests/support/xaes_oracle.h.
namespace kw::crypto {

TEST_CASE_METHOD(test::TokenBench, "seal: gives the published XAES vectors in the token",
                 "[crypto][xaes][vectors]") {
  struct Vector {
    std::uint8_t key_byte;
    std::string_view k1, associated, sealed;
  };
  const auto vector =
      GENERATE(Vector{0x01, "e531954aca063d5b8d9c47a47d4cc6f0", "",
                      "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
               Vector{0x03, "23810ec50edb99f374409466ed1f4b7b", "c2sp.org/XAES-256-GCM",
                      "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"});
  const keys::Key key = import_wrap_key(Bytes(32, vector.key_byte));
  CHECK(to_hex(key.versions.front().check) == vector.k1);

  xaes::K1 k1{};
  xaes::Prefix prefix{};
  xaes::Suffix suffix{};
  std::ranges::copy(key.versions.front().check, k1.begin());
  std::ranges::copy(as_bytes("ABCDEFGHIJKL"), prefix.begin());
  std::ranges::copy(as_bytes("MNOPQRSTUVWX"), suffix.begin());
  const auto master = REQUIRE_OK(bench->keyring().find(key.id, Version{1}, *key.algorithm));
  const auto message_key = REQUIRE_OK(pkcs11::derive(bench->session(), pkcs11::Profile::MessageKey,
                                                     master, xaes::derivation_data(k1, prefix)));
  const Bytes sealed = REQUIRE_OK(seal(bench->session(), message_key.handle(), suffix,
                                       as_bytes("XAES-256-GCM"), as_bytes(vector.associated)));
  CHECK(to_hex(sealed) == vector.sealed);
}

TEST_CASE_METHOD(WrapFixture, "wrap: an independent implementation opens what it makes",
                 "[crypto][wrap]") {
  const Context bound = context({{"tenant", "acme"}});
  const Bytes canonical = REQUIRE_OK(decode_hex("0001000674656e616e74000461636d65"));
  for (const std::size_t size : {0u, 1u, 32u, 65536u}) {
    const std::string text(size, 'x');
    const Bytes blob = wrapped(text, bound);
    REQUIRE(blob.size() == 26 + 24 + size + 16);
    const auto plain = xaes_oracle::open(kKeyValue, nonce_of(blob), ByteView(blob).subspan(50),
                                         expected_associated(blob, canonical));
    REQUIRE(plain.has_value());
    CHECK(as_text(*plain) == text);
  }
}

TEST_CASE_METHOD(WrapFixture, "unwrap: opens what an independent implementation makes",
                 "[crypto][wrap]") {
  Nonce nonce{};
  for (const std::string_view text : {std::string_view(), kText}) {
    ++nonce[3];
    CHECK(text_of(foreign_blob(nonce, text)) == text);
  }
}

TEST_CASE_METHOD(WrapFixture, "wrap: works with keys that the token made", "[crypto][wrap]") {
  key = make_key("xaes-256-gcm");
  const Bytes blob = wrapped(kText);
  CHECK(text_of(blob) == kText);
  const auto other_session = open_bench();
  const Blob read = REQUIRE_OK(decode_blob(blob));
  const Opened outcome = REQUIRE_OK(unwrap(*other_session, key, version(), read, Context()));
  REQUIRE(std::holds_alternative<Secret>(outcome));
  CHECK(as_text(std::get<Secret>(outcome).reveal()) == kText);
}

TEST_CASE_METHOD(WrapFixture, "wrap: refuses more than 65,536 bytes", "[crypto][wrap]") {
  CHECK_CODE(wrap(*bench, key, version(), Secret(65537), Context()), Code::PayloadTooLarge);
}

TEST_CASE_METHOD(WrapFixture, "unwrap: refuses every flipped bit, truncation and context",
                 "[crypto][wrap]") {
  check_refuses_what_differs();
}

TEST_CASE_METHOD(WrapFixture, "unwrap: refuses a blob renamed to another key or version",
                 "[crypto][wrap]") {
  const keys::Key other = import_wrap_key(kKeyValue);  // even where the key bytes are the same
  Blob blob = REQUIRE_OK(decode_blob(wrapped(kText)));
  const Opened unnamed = REQUIRE_OK(unwrap(*bench, other, other.versions[0], blob, Context()));
  CHECK(std::get<OpenFailure>(unnamed) == OpenFailure::WrongKey);
  blob.header.key = other.id;
  const Opened renamed = REQUIRE_OK(unwrap(*bench, other, other.versions[0], blob, Context()));
  CHECK(std::get<OpenFailure>(renamed) == OpenFailure::NotAuthentic);

  blob.header.key = key.id;
  blob.header.version = Version{2};
  keys::KeyVersion second = version();
  second.number = Version{2};
  bench->keyring().adopt(key.id, Version{2},
                         REQUIRE_OK(bench->keyring().find(key.id, Version{1}, *key.algorithm)));
  CHECK(std::get<OpenFailure>(REQUIRE_OK(opened(blob))) == OpenFailure::WrongKey);
  const Opened raised = REQUIRE_OK(unwrap(*bench, key, second, blob, Context()));
  CHECK(std::get<OpenFailure>(raised) == OpenFailure::NotAuthentic);
}

TEST_CASE_METHOD(WrapFixture, "unwrap: takes a context's pairs in any order", "[crypto][wrap]") {
  const Bytes blob = wrapped(kText, context({{"b", "2"}, {"a", "1"}}));
  CHECK(text_of(blob, context({{"a", "1"}, {"b", "2"}})) == kText);
}

TEST_CASE_METHOD(WrapFixture, "unwrap: refuses another context", "[crypto][wrap]") {
  const Bytes blob = wrapped(kText, context({{"ab", "c"}}));
  CHECK(is_refused(blob, context({{"a", "bc"}})));
  CHECK(is_refused(blob, context({{"ab", "c"}, {"d", ""}})));
  CHECK(is_refused(blob, context({{"AB", "c"}})));
  CHECK(is_refused(blob));
  const Bytes unbound = wrapped(kText);
  CHECK(text_of(unbound, context({})) == kText);  // absent equals empty
  CHECK(is_refused(unbound, context({{"", ""}})));
}

TEST_CASE_METHOD(WrapFixture, "rewrap: moves a blob to another version and context",
                 "[crypto][wrap]") {
  keys::KeyVersion second = version();
  second.number = Version{2};
  bench->keyring().adopt(key.id, Version{2},
                         REQUIRE_OK(bench->keyring().find(key.id, Version{1}, *key.algorithm)));
  const Context old_context = context({{"a", "1"}});
  const Context new_context = context({{"a", "2"}});
  const Blob blob = REQUIRE_OK(decode_blob(wrapped(kText, old_context)));
  const Rewrapped moved =
      REQUIRE_OK(rewrap(*bench, key, {version(), second, blob, old_context, new_context}));
  const Blob made = REQUIRE_OK(decode_blob(std::get<Bytes>(moved)));
  CHECK(made.header.version == Version{2});
  const Opened outcome = REQUIRE_OK(unwrap(*bench, key, second, made, new_context));
  CHECK(as_text(std::get<Secret>(outcome).reveal()) == kText);
  const Rewrapped refused =
      REQUIRE_OK(rewrap(*bench, key, {version(), second, blob, new_context, new_context}));
  CHECK(std::get<OpenFailure>(refused) == OpenFailure::NotAuthentic);
}

TEST_CASE_METHOD(WrapFixture, "data key: comes with a blob that opens to it", "[crypto][wrap]") {
  for (const std::size_t size : {16u, 32u, 64u}) {
    const DataKey made = REQUIRE_OK(make_data_key(*bench, key, version(), size, Context()));
    CHECK(made.plaintext.size() == size);
    CHECK(text_of(made.blob) == as_text(made.plaintext.reveal()));
  }
  for (const std::size_t size : {0u, 15u, 24u, 65u}) {
    CHECK_CODE(make_data_key(*bench, key, version(), size, Context()), Code::InvalidArgument);
  }
}

TEST_CASE_METHOD(WrapFixture, "wrap: a token that fails anywhere is unavailable",
                 "[crypto][wrap][fault]") {
  const std::string function =
      GENERATE(as<std::string>{}, "C_GenerateRandom", "C_DeriveKey", "C_EncryptInit", "C_Encrypt");
  INFO(function);
  hsm.clear();
  hsm.rules("fail " + function + " 1 CKR_DEVICE_ERROR");
  CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::Unavailable);
  CHECK(hsm.count(function) == 1);  // not tried again
}

TEST_CASE_METHOD(WrapFixture, "unwrap: a token that fails anywhere is unavailable",
                 "[crypto][wrap][fault]") {
  const std::string function =
      GENERATE(as<std::string>{}, "C_DeriveKey", "C_DecryptInit", "C_Decrypt");
  INFO(function);
  const Blob blob = REQUIRE_OK(decode_blob(foreign_blob(Nonce{}, kText)));
  hsm.rules("fail " + function + " 1 CKR_DEVICE_ERROR");
  CHECK_CODE(opened(blob), Code::Unavailable);
}

TEST_CASE_METHOD(WrapFixture, "unwrap: an ambiguous failure is the caller's if it comes again",
                 "[crypto][wrap][fault]") {
  const std::string rv = GENERATE(as<std::string>{}, "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED",
                                  "CKR_ENCRYPTED_DATA_INVALID", "CKR_ENCRYPTED_DATA_LEN_RANGE");
  INFO(rv);
  const Bytes blob = wrapped(kText);
  hsm.rules("fail C_DecryptInit 1 " + rv);  // the second is the proof's
  CHECK(text_of(blob) == kText);
  CHECK(bench->usable());
  hsm.rules("fail C_DecryptInit 1 " + rv + "; fail C_DecryptInit 3 " + rv);
  CHECK(is_refused(blob));
  CHECK(bench->usable());
  CHECK(text_of(blob) == kText);
}

TEST_CASE_METHOD(WrapFixture, "unwrap: an ambiguous failure is the token's if the proof fails too",
                 "[crypto][wrap][fault]") {
  const Blob blob = REQUIRE_OK(decode_blob(wrapped(kText)));
  hsm.rules("fail C_Decrypt * CKR_GENERAL_ERROR");
  CHECK_CODE(opened(blob), Code::Unavailable);
  CHECK_FALSE(bench->usable());
}

TEST_CASE_METHOD(WrapFixture, "wrap: a stale handle is found again, once",
                 "[crypto][wrap][fault]") {
  key = make_key("xaes-256-gcm");
  const Bytes blob = wrapped(kText);
  hsm.rules("fail C_EncryptInit 1 CKR_KEY_HANDLE_INVALID");
  CHECK(prefix_of(wrapped(kText)) != prefix_of(blob));
  hsm.rules("fail C_DecryptInit 1 CKR_OBJECT_HANDLE_INVALID");
  CHECK(text_of(blob) == kText);
  bench->derived().forget(key.id);
  hsm.rules("fail C_DeriveKey 1 CKR_OBJECT_HANDLE_INVALID");
  CHECK(text_of(blob) == kText);
  hsm.rules("fail C_EncryptInit * CKR_KEY_HANDLE_INVALID");
  CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::Unavailable);
}

TEST_CASE_METHOD(WrapFixture, "wrap: a key that the token lost is unavailable, not missing",
                 "[crypto][wrap][fault]") {
  key = make_key("xaes-256-gcm");
  CHECK(REQUIRE_OK(destroy_version(*bench, key.id, Version{1})) == 1);
  CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::Unavailable);
}

TEST_CASE_METHOD(WrapFixture, "wrap: a version without its K1 is refused", "[crypto][wrap]") {
  key.versions.front().check.pop_back();
  CHECK_CODE(wrap(*bench, key, version(), secret(kText), Context()), Code::Internal);
}

}  // namespace kw::crypto
