// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/secret.h"
#include "service/doctor/report.h"

namespace kw::doctor {

struct Options {
  std::filesystem::path module;
  std::string parameters;  // for C_Initialize; mostly empty
  std::string token_uri;   // RFC 7512
  Secret pin;
  std::optional<std::filesystem::path> token_directory;  // a soft token's folder, guarded at login
  std::chrono::duration<double> slice{0.3};              // how long to measure for each figure
};

// Probes the token: one C_Login, and a second with the same PIN where a scratch key can be removed
// only after the module was loaded anew; scratch keys that are removed whatever happens, nothing of
// others changed. `progress` is told what is being done. SIGINT, SIGTERM and SIGHUP end it, cleaned
// up. Errors: Unavailable (no such token, PIN refused, the token went away), Aborted (told to
// stop).
Result<Report> examine(Options options, const std::function<void(const std::string&)>& progress);

}  // namespace kw::doctor
