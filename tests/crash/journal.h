// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace kw::crash {

// What a process did to the files of one folder, in order: a file of entries, each this head and
// then `path`, `second` and `data`. The recorder writes it; the disk reads it.
enum class Did : std::uint32_t {
  Open = 1,       // path; `handle` is its name from here on; made if it was not there
  Write = 2,      // handle, offset, data
  Content = 3,    // handle, data: all that is in the file now (what went through stdio)
  Truncate = 4,   // handle, offset: the new size
  Sync = 5,       // handle of a file or a folder; it came back as done
  Rename = 6,     // path to second
  Remove = 7,     // path
  MakeFolder = 8  // path
};

struct EntryHead {
  Did did = Did::Open;
  std::uint32_t path = 0;  // lengths
  std::uint32_t second = 0;
  std::uint32_t data = 0;
  std::uint64_t handle = 0;
  std::uint64_t offset = 0;
};

// The environment that the recorder reads: the folder, as an absolute path without a slash at its
// end, and the journal, outside of it.
inline constexpr const char* kFolderVariable = "KEYWARD_RECORDED_FOLDER";
inline constexpr const char* kJournalVariable = "KEYWARD_RECORDED_JOURNAL";
// How many microseconds a sync waits before it begins, as on a disk that has other work: so that
// most moments are ones in which something is not durable yet. None if not given.
inline constexpr const char* kSyncDelayVariable = "KEYWARD_RECORDED_SYNC_DELAY";

}  // namespace kw::crash
