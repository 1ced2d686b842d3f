// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace kw::residency {

struct Judgement {
  bool is_within;
  std::string text;  // what the judge printed
};

// TallyFile is what the shim counts from `begin` until this object goes, over all modules of this
// process that are loaded meanwhile.
class TallyFile {
 public:
  explicit TallyFile(std::filesystem::path path) : path_(std::move(path)) {}
  TallyFile(const TallyFile&) = delete;
  TallyFile& operator=(const TallyFile&) = delete;
  ~TallyFile();

  // To be called when a token is made and before its module is loaded again: what makes a token is
  // no call of the service. The shim writes no record, which would be large.
  void begin() const;

  // Those of modules that ended. Counting stops until the next `begin`.
  std::uint64_t calls() const;
  // tests/residency/judge, asked of them.
  Judgement judge(bool all_must_be_called) const;

 private:
  std::filesystem::path path_;
};

}  // namespace kw::residency
