// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pkcs11/cryptoki.h"
#include "pkcs11/session.h"
#include "pkcs11/token.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

namespace kw::test {

// A fresh token, logged in, and one session of it.
struct TokenFixture {
  TokenFixture() : token(hsm.open()), session(REQUIRE_OK(token->open_session())) {}

  // A session key of known value, for comparison with OpenSSL.
  pkcs11::ObjectHandle import_key(CK_KEY_TYPE type, ByteView value,
                                  std::initializer_list<CK_ATTRIBUTE_TYPE> uses) {
    pkcs11::ObjectTemplate key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, type)
        .flag(CKA_TOKEN, false)
        .flag(CKA_SENSITIVE, true)
        .secret(CKA_VALUE, Secret::copy_of(value));
    for (const CK_ATTRIBUTE_TYPE use : uses) {
      key.flag(use, true);
    }
    return REQUIRE_OK(session.create_object(key));
  }

  const CK_FUNCTION_LIST& call() const { return *token->module().cryptoki().call; }

  SoftHsm hsm;
  std::unique_ptr<pkcs11::Token> token;
  pkcs11::Session session;
};

}  // namespace kw::test
