// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <fstream>
#include <map>

#include "audit_fixture.h"
#include "service/audit/segment.h"
#include "service/audit_archive/archive.h"

namespace kw::test {

// A log of several segments, and a folder for those that are moved.
struct ArchiveFixture : AuditFixture {
  ArchiveFixture() { options.segment_size = 3000; }

  void write(int records) {
    const auto log = open();
    for (int i = 0; i < records; ++i) append_durably(*log);
  }

  Result<audit_archive::Moved> archive(const audit_archive::Retention& retention = {}) const {
    return audit_archive::archive(dir.path(), older.path(), retention);
  }

  audit_verify::Folders both() const { return {dir.path(), {older.path()}}; }

  audit_verify::Verdict verdict_of(const audit_verify::Folders& folders) const {
    return REQUIRE_OK(audit_verify::verify(folders));
  }

  std::size_t records_in(const audit_verify::Folders& folders) const {
    std::size_t count = 0;
    REQUIRE_OK(audit_verify::read_records(folders, 0, [&](const auto&) {
      ++count;
      return true;
    }));
    return count;
  }

  static std::vector<std::string> names_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  // Runs a shell command; ends the test if it fails.
  static void shell(const std::string& command) {
    INFO(command);
    REQUIRE(std::system(command.c_str()) == 0);
  }

  // Overwrites a file in place.
  static void put(const std::filesystem::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
  }

  TempDir older;
};

}  // namespace kw::test
