// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <memory>
#include <string>

#include "pkcs11/token.h"
#include "service/crypto/create.h"
#include "service/crypto/workbench.h"
#include "tests/support/expect.h"

namespace kw::test {

// What tests/support/with_tpm put into the environment of the programs that it runs.
inline std::string tpm_setting(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  INFO(name << " is not set: run by tests/support/with_tpm");
  REQUIRE(value != nullptr);
  return value;
}

// TpmBench is a workbench at the TPM's token. The token is one for the whole program; the module is
// loaded anew for each, so that the TPM's slots are free again.
struct TpmBench {
  TpmBench() {
    auto module = REQUIRE_OK(pkcs11::Module::load(tpm_setting("KEYWARD_TPM_MODULE")));
    const std::string pin = tpm_setting("KEYWARD_TPM_PIN");
    token = REQUIRE_OK(pkcs11::Token::open(
        std::move(module), pkcs11::TokenUri::of_label(tpm_setting("KEYWARD_TPM_TOKEN")),
        Secret::copy_of(as_bytes(pin))));
    bench = std::make_unique<crypto::Workbench>(REQUIRE_OK(token->open_session()), pace);
  }

  keys::Key name_key(std::string_view algorithm, std::string_view name = "tests/tpm") {
    const keys::Algorithm* const found = keys::find_algorithm(algorithm);
    REQUIRE(found != nullptr);
    return {.id = KeyId::random(),
            .name = REQUIRE_OK(KeyName::parse(std::string(name))),
            .algorithm = found,
            .residency = keys::Residency::Token,
            .tags = {},
            .created = {},
            .rotate_every = std::nullopt,
            .versions = {}};
  }

  keys::Key make_key(std::string_view algorithm) {
    keys::Key key = name_key(algorithm);
    auto material = REQUIRE_OK(crypto::create_version(*bench, key, Version{1}));
    keys::KeyVersion version;
    version.number = Version{1};
    version.state = keys::State::Enabled;
    version.public_key = std::move(material.public_key);
    version.check = std::move(material.check);
    key.versions.push_back(std::move(version));
    return key;
  }

  pkcs11::Pace pace{{.symmetric = 1, .asymmetric = 1}};
  std::unique_ptr<pkcs11::Token> token;
  std::unique_ptr<crypto::Workbench> bench;
};

}  // namespace kw::test
