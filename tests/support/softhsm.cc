// SPDX-License-Identifier: Apache-2.0
#include "tests/support/softhsm.h"

#include <dlfcn.h>
#include <stdlib.h>

#include <fstream>

#include "base/file.h"
#include "pkcs11/provision.h"
#include "tests/support/expect.h"

namespace kw::test {
namespace {

Secret secret_of(std::string_view text) { return Secret::copy_of(as_bytes(text)); }

template <typename Function>
Function* find_shim_function(void* shim, const char* name) {
  REQUIRE(shim != nullptr);
  auto* const found = reinterpret_cast<Function*>(::dlsym(shim, name));
  REQUIRE(found != nullptr);
  return found;
}

}  // namespace

SoftHsm::SoftHsm() {
  std::filesystem::create_directory(token_directory());
  (void)REQUIRE_OK(
      write_file(configuration(), "directories.tokendir = " + token_directory().string() +
                                      "\nobjectstore.backend = file\nlog.level = ERROR\n"
                                      "slots.removable = false\nslots.mechanisms = ALL\n"
                                      "library.reset_on_fork = false\n"));
  ::setenv("SOFTHSM2_CONF", configuration().c_str(), 1);
  ::setenv("KEYWARD_SHIM_MODULE", kModule, 1);
  shim_ = ::dlopen(KEYWARD_SHIM_PATH, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(shim_ != nullptr);
  add_token(kLabel);
  clear();
  ::setenv("KEYWARD_SHIM_RECORD", record().c_str(), 1);  // read at the next load
}

SoftHsm::~SoftHsm() {
  clear();
  find_shim_function<void()>(shim_, "keyward_shim_flush")();
  ::dlclose(shim_);
  ::unsetenv("KEYWARD_SHIM_RECORD");
  if (const char* const kept = std::getenv("KEYWARD_TOKEN_CALLS")) {
    std::ifstream calls(record());
    std::ofstream(kept, std::ios::app) << calls.rdbuf();
  }
}

std::filesystem::path SoftHsm::module_path() const { return KEYWARD_SHIM_PATH; }

std::filesystem::path SoftHsm::configuration() const { return folder_ / "softhsm2.conf"; }

Secret SoftHsm::pin() const { return secret_of(kPin); }

std::shared_ptr<pkcs11::Module> SoftHsm::load() const {
  return REQUIRE_OK(pkcs11::Module::load(module_path()));
}

std::unique_ptr<pkcs11::Token> SoftHsm::open() const {
  return REQUIRE_OK(pkcs11::Token::open(load(), uri(), pin()));
}

void SoftHsm::add_token(std::string_view label) const {
  (void)REQUIRE_OK(pkcs11::initialise_token(load(), label, secret_of(kSoPin), pin()));
}

void SoftHsm::rules(std::string_view text) const {
  auto* const add = find_shim_function<int(const char*)>(shim_, "keyward_shim_rules");
  REQUIRE(add(std::string(text).c_str()) == 0);
}

void SoftHsm::clear() const { find_shim_function<void()>(shim_, "keyward_shim_clear")(); }

unsigned long SoftHsm::count(std::string_view function) const {
  auto* const counted = find_shim_function<unsigned long(const char*)>(shim_, "keyward_shim_count");
  return counted(std::string(function).c_str());
}

unsigned long SoftHsm::hanging() const {
  return find_shim_function<unsigned long()>(shim_, "keyward_shim_hanging")();
}

}  // namespace kw::test
