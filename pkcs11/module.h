// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "pkcs11/call_meter.h"

namespace kw::pkcs11 {

struct Cryptoki;

// ModuleIdentity is what C_GetInfo says.
struct ModuleIdentity {
  std::string manufacturer;
  std::string description;
  std::string library_version;  // "MAJOR.MINOR"
};

// Module is one initialized PKCS#11 library. Tokens and sessions keep it alive; with the last of
// them it is finalized. The library stays mapped until the process ends, because a library that
// leaves threads or thread-local destructors behind must not vanish under them. Safe for concurrent
// use. Never fork while one lives.
class Module {
 public:
  // What to do about a library that is initialized already.
  enum class Leftover { Refuse, Finalize };

  // Loads the library and initializes it with CKF_OS_LOCKING_OK and, where not empty, `parameters`
  // as pReserved: a text that some libraries (NSS softokn, Kryoptic) cannot do without. Its
  // sessions count in `meter`, which may have counted those of an earlier one; without it a meter
  // of its own. Where an earlier Module of this process may not have got it finalized, and none
  // lives, it is finalized first.
  // Errors: Unavailable (cannot be loaded or initialized), FailedPrecondition (it is initialized
  // already: one Module per library and process at a time).
  static Result<std::shared_ptr<Module>> load(const std::filesystem::path& path,
                                              const std::string& parameters = {},
                                              std::shared_ptr<CallMeter> meter = nullptr,
                                              Leftover leftover = Leftover::Refuse);

  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  ~Module();

  const std::filesystem::path& path() const noexcept { return path_; }
  const ModuleIdentity& identity() const noexcept { return identity_; }

  // What its sessions count.
  CallMeter& meter() const noexcept { return *meter_; }

  // For this room, its tests, and service/doctor.
  const Cryptoki& cryptoki() const noexcept { return *cryptoki_; }

 private:
  Module(std::filesystem::path path, std::shared_ptr<CallMeter> meter);
  Result<void> find_functions();
  Result<void> initialize(const std::string& parameters, Leftover leftover);

  std::filesystem::path path_;
  std::unique_ptr<Cryptoki> cryptoki_;
  std::shared_ptr<CallMeter> meter_;
  ModuleIdentity identity_;
  bool initialized_ = false;
};

}  // namespace kw::pkcs11
