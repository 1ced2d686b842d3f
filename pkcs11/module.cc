// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/module.h"

#include <dlfcn.h>

#include <utility>

#include "pkcs11/cryptoki.h"
#include "pkcs11/return_value.h"

namespace kw::pkcs11 {

Module::Module(std::filesystem::path path, std::shared_ptr<CallMeter> meter)
    : path_(std::move(path)), cryptoki_(std::make_unique<Cryptoki>()), meter_(std::move(meter)) {
  if (meter_ == nullptr) meter_ = std::make_shared<CallMeter>();
}

Module::~Module() {
  if (initialized_) {
    (void)cryptoki_->call->C_Finalize(nullptr);
  }
}

Result<std::shared_ptr<Module>> Module::load(const std::filesystem::path& path,
                                             const std::string& parameters,
                                             std::shared_ptr<CallMeter> meter, Leftover leftover) {
  std::shared_ptr<Module> module(new Module(path, std::move(meter)));
  TRY(module->find_functions());
  TRY(module->initialize(parameters, leftover));
  return module;
}

Result<void> Module::find_functions() {
  void* library = ::dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = ::dlerror();  // NOLINT(concurrency-mt-unsafe): glibc's is per thread
    return Error(Code::Unavailable, why != nullptr ? why : "dlopen failed");
  }
  const auto get_functions =
      reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  if (get_functions == nullptr) {
    return Error(Code::Unavailable, path_.string() + " is not a PKCS#11 module");
  }
  const CK_RV rv = get_functions(&cryptoki_->call);
  if (rv != CKR_OK) {
    return fail(rv, "C_GetFunctionList");
  }
  if (cryptoki_->call == nullptr || cryptoki_->call->version.major < 2) {
    return Error(Code::Unavailable, path_.string() + " offers no PKCS#11 2.x function list");
  }
  return {};
}

Result<void> Module::initialize(const std::string& parameters, Leftover leftover) {
  // NSS calls pReserved LibraryParameters, and has a pReserved of its own behind it.
  struct {
    CK_C_INITIALIZE_ARGS standard;
    void* behind;
  } arguments{};
  std::string text = parameters;
  arguments.standard.flags = CKF_OS_LOCKING_OK;
  arguments.standard.pReserved = text.empty() ? nullptr : text.data();
  CK_RV rv = cryptoki_->call->C_Initialize(&arguments);
  if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED && leftover == Leftover::Finalize) {
    (void)cryptoki_->call->C_Finalize(nullptr);
    rv = cryptoki_->call->C_Initialize(&arguments);
  }
  if (rv != CKR_OK) {
    return fail(rv, "C_Initialize");
  }
  initialized_ = true;
  CK_INFO info{};
  rv = cryptoki_->call->C_GetInfo(&info);
  if (rv != CKR_OK) {
    return fail(rv, "C_GetInfo");
  }
  identity_ = {
      padded_text(info.manufacturerID), padded_text(info.libraryDescription),
      std::to_string(info.libraryVersion.major) + "." + std::to_string(info.libraryVersion.minor)};
  return {};
}

}  // namespace kw::pkcs11
