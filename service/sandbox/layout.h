// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

namespace kw::sandbox {

// What a complete sandbox holds before its server ran for the first time.
inline constexpr std::array<std::string_view, 15> kFiles = {"ca.pem",
                                                            "server.pem",
                                                            "server.key",
                                                            "clients/admin.pem",
                                                            "clients/app.pem",
                                                            "clients/app.key",
                                                            "clients/auditor.pem",
                                                            "clients/auditor.key",
                                                            "policy.yaml",
                                                            "keyward.yaml",
                                                            "token/softhsm2.conf",
                                                            "token/pin",
                                                            "token/tokens",
                                                            "clients/admin.key",
                                                            "audit"};

// The texts of its files.
std::string policy_text();
std::string config_text(const std::string& listen);
std::string softhsm_text(const std::filesystem::path& directory);

}  // namespace kw::sandbox
