// SPDX-License-Identifier: Apache-2.0
#include "tests/support/token_bench.h"

#include "pkcs11/cryptoki.h"
#include "pkcs11/profile.h"
#include "service/crypto/xaes.h"

namespace kw::test {
namespace {

keys::KeyVersion first_version() {
  keys::KeyVersion version;
  version.number = Version{1};
  version.state = keys::State::Enabled;
  return version;
}

// A session object, so that it goes with the bench.
pkcs11::ObjectTemplate imported(unsigned long key_type, ByteView value) {
  pkcs11::ObjectTemplate object;
  object.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, key_type)
      .flag(CKA_TOKEN, false)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_SENSITIVE, true)
      .flag(CKA_EXTRACTABLE, false)
      .secret(CKA_VALUE, Secret::copy_of(value));
  return object;
}

}  // namespace

keys::Key TokenBench::name_key(std::string_view algorithm) {
  const keys::Algorithm* const found = keys::find_algorithm(algorithm);
  REQUIRE(found != nullptr);
  return {KeyId::random(),
          REQUIRE_OK(KeyName::parse("tests/key")),
          found,
          keys::Residency::Token,
          {},
          WallTime{},
          std::nullopt,
          {}};
}

keys::Key TokenBench::make_key(std::string_view algorithm) {
  keys::Key key = name_key(algorithm);
  auto material = REQUIRE_OK(crypto::create_version(*bench, key, Version{1}));
  key.versions.push_back(first_version());
  key.versions.back().public_key = std::move(material.public_key);
  key.versions.back().check = std::move(material.check);
  return key;
}

keys::Key TokenBench::import_wrap_key(ByteView value) {
  keys::Key key = name_key("xaes-256-gcm");
  pkcs11::ObjectTemplate object = imported(CKK_AES, value);
  object.flag(CKA_DERIVE, true);
  const auto handle = REQUIRE_OK(bench->session().create_object(object));
  bench->keyring().adopt(key.id, Version{1}, handle);
  key.versions.push_back(first_version());
  const auto zero = REQUIRE_OK(pkcs11::derive_check_block(bench->session(), handle));
  key.versions.back().check = to_bytes(crypto::xaes::k1_of(zero));
  return key;
}

keys::Key TokenBench::import_counted_key(ByteView value) {
  keys::Key key = name_key("aes-256-gcm-counted");
  pkcs11::ObjectTemplate object = imported(CKK_AES, value);
  object.flag(CKA_ENCRYPT, true).flag(CKA_DECRYPT, true);
  const auto handle = REQUIRE_OK(bench->session().create_object(object));
  bench->keyring().adopt(key.id, Version{1}, handle);
  key.versions.push_back(first_version());
  return key;
}

keys::Key TokenBench::import_mac_key(std::string_view algorithm, ByteView value) {
  keys::Key key = name_key(algorithm);
  pkcs11::ObjectTemplate object = imported(CKK_GENERIC_SECRET, value);
  object.flag(CKA_SIGN, true);
  const auto handle = REQUIRE_OK(bench->session().create_object(object));
  bench->keyring().adopt(key.id, Version{1}, handle);
  key.versions.push_back(first_version());
  return key;
}

}  // namespace kw::test
