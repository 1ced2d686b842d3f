// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "pkcs11/module.h"
#include "pkcs11/token.h"
#include "tests/support/temp_dir.h"

namespace kw::test {

// SoftHsm is a SoftHSM with one fresh token, "keyward", in a folder that goes with it. SoftHSM
// reads its configuration when it is initialized, and once per process: a Module must have ended
// before the next SoftHsm is made, and outlives none. The shim stands in front of it; where
// KEYWARD_TOKEN_CALLS names a file, each call is noted there, in the form of docs/shim.md.
class SoftHsm {
 public:
  SoftHsm();
  SoftHsm(const SoftHsm&) = delete;
  SoftHsm& operator=(const SoftHsm&) = delete;
  ~SoftHsm();

  static constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
  static constexpr std::string_view kLabel = "keyward";
  static constexpr std::string_view kPin = "1234-keyward";
  static constexpr std::string_view kSoPin = "so-keyward";

  std::filesystem::path module_path() const;    // the shim's
  std::filesystem::path configuration() const;  // softhsm2.conf
  std::filesystem::path token_directory() const { return folder_ / "tokens"; }
  std::filesystem::path record() const { return folder_ / "calls"; }  // what the shim recorded
  pkcs11::TokenUri uri() const { return pkcs11::TokenUri::of_label(kLabel); }
  Secret pin() const;

  // Each ends the test on failure. `load` may be called when no Module lives.
  std::shared_ptr<pkcs11::Module> load() const;
  std::unique_ptr<pkcs11::Token> open() const;   // load, then log in
  void add_token(std::string_view label) const;  // when no Module lives

  // The shim at run time (docs/shim.md says what a rule is). Counts since the last clear.
  void rules(std::string_view text) const;
  void clear() const;
  unsigned long count(std::string_view function) const;
  unsigned long hanging() const;  // calls that hang at this moment

 private:
  TempDir folder_;
  void* shim_ = nullptr;
};

}  // namespace kw::test
