// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "service/crypto/create.h"
#include "service/crypto/workbench.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

#include <memory>
#include <string_view>

namespace kw::test {

// TokenBench is a workbench at a fresh SoftHSM, behind the shim.
struct TokenBench {
  SoftHsm hsm;
  std::unique_ptr<pkcs11::Token> token = hsm.open();
  pkcs11::Pace pace{{.symmetric = 1, .asymmetric = 2}};
  std::unique_ptr<crypto::Workbench> bench = open_bench();

  std::unique_ptr<crypto::Workbench> open_bench(crypto::DerivedLimits limits = {}) {
    return std::make_unique<crypto::Workbench>(REQUIRE_OK(token->open_session()), pace, limits);
  }

  // A key that has no version yet.
  static keys::Key name_key(std::string_view algorithm);

  // A key with version 1 made in the token.
  keys::Key make_key(std::string_view algorithm);

  // A key whose version 1 has this value, known to `bench` alone: what an oracle needs.
  keys::Key import_wrap_key(ByteView value);
  keys::Key import_counted_key(ByteView value);
  keys::Key import_mac_key(std::string_view algorithm, ByteView value);
};

}  // namespace kw::test
