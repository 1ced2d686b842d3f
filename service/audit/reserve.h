// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "base/result.h"
#include "service/audit/segment_file.h"
#include "service/audit/trouble.h"

namespace kw::audit {

// Reserve is a small file that was filled before it is needed, so that a log whose disk is full can
// still note that it is in trouble (docs/audit-format.md, "The reserve"). The note becomes a record
// once the log can be written, in this process or the next. Not thread-safe.
class Reserve {
 public:
  // Opens the folder's reserve, or makes it. One that is no reserve is made anew.
  // Errors: as SegmentFile's.
  static Result<Reserve> open(const std::filesystem::path& folder, const FileCalls& calls);

  // What is noted: none, if the last trouble is on record.
  const std::optional<Trouble>& note() const noexcept { return note_; }

  // Notes it durably, or that there is none. A write that is cut short leaves the note before.
  // Errors: as SegmentFile's.
  Result<void> write(const std::optional<Trouble>& note);

 private:
  Reserve(FileDescriptor file, std::filesystem::path path, const FileCalls& calls);
  Result<void> put(ByteView bytes, std::size_t slot) const;
  Result<void> read();

  FileDescriptor file_;
  std::filesystem::path path_;
  FileCalls calls_;
  std::uint64_t number_ = 0;  // of the newest note
  std::optional<Trouble> note_;
};

}  // namespace kw::audit
