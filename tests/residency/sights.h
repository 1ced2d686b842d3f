// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "tests/residency/scan.h"
#include "tests/support/expect.h"
#include "tests/whole/sandbox.h"

// What both memory tests want of what they saw.
namespace kw::residency {

// A text that the service holds in its memory and its catalog, and that a scan must find.
inline const Needle kMarker{"marker", "a marker that the service holds in memory"};

inline void mark(const whole::Sandbox& sandbox, const std::string& name) {
  REQUIRE(sandbox.client("admin")
              .post("/v1/keys", {{"name", name},
                                 {"algorithm", "ecdsa-p256-sha256"},
                                 {"tags", {{"marker", kMarker.bytes}}}})
              .status == 201);
}

inline std::vector<Needle> with_marker(std::vector<Needle> needles) {
  needles.push_back(kMarker);
  return needles;
}

inline void print(const std::string& what, const Scan& scan) {
  std::cout << what << ": " << scan.bytes << " bytes, found " << scan.found.size() << "\n";
  for (const std::string& each : scan.found) std::cout << "  " << each << "\n";
}

// The marker and nothing else.
inline void check_service(const std::vector<Scan>& scans) {
  Scan all;
  for (const Scan& scan : scans) {
    CHECK(scan.found == std::vector<std::string>{kMarker.form});
    all.bytes += scan.bytes;
    for (const std::string& each : scan.found) {
      if (std::ranges::find(all.found, each) == all.found.end()) all.found.push_back(each);
    }
  }
  print("the service's memory, " + std::to_string(scans.size()) + " times", all);
}

// A crash leaves no core file, and no file of the service holds a key, but for those `left_out`.
inline void check_after_crash(whole::Sandbox& sandbox, const std::vector<Needle>& needles,
                              const std::filesystem::path& left_out = {}) {
  sandbox.server().signal(SIGABRT);
  CHECK(sandbox.server().wait() == 128 + SIGABRT);
  const Scan files = scan_files(sandbox.path(""), with_marker(needles), left_out);
  print("the service's files", files);
  CHECK(files.found == std::vector<std::string>{kMarker.form});  // it is in the catalog
  for (const auto& entry : std::filesystem::recursive_directory_iterator(sandbox.path(""))) {
    CHECK_FALSE(entry.path().filename().string().starts_with("core"));
  }
  const std::string log = sandbox.log();
  for (const Needle& needle : needles) CHECK(log.find(needle.bytes) == std::string::npos);
}

}  // namespace kw::residency
