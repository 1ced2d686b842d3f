// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/secret.h"
#include "service/token_profile/token_profile.h"

namespace kw::core {

// TokenAccess is where a token is and how to log in to it. The PIN stays in locked memory for as
// long as the service may have to log in again.
struct TokenAccess {
  std::filesystem::path module;  // the PKCS#11 library
  std::string parameters = {};   // for C_Initialize; mostly empty
  std::string uri;               // RFC 7512
  Secret pin;
  // A soft token's folder, if given: guarded at login, synced after key creation.
  std::optional<std::filesystem::path> directory;
  // What keyward doctor found out about this token; without one every algorithm is tried.
  std::optional<token_profile::TokenProfile> profile = {};
};

}  // namespace kw::core
