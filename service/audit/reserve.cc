// SPDX-License-Identifier: Apache-2.0
#include "service/audit/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/crc32c.h"

namespace kw::audit {
namespace {

// Two slots in pages of their own: the newer good one counts, the older one is written next.
constexpr std::size_t kSlot = 4096;
constexpr std::size_t kSlots = 2;
constexpr std::size_t kNote = 8 + 8 + 1 + 5 * 8;
constexpr std::array<std::uint8_t, 8> kNoteMagic = {'k', 'w', 'n', 'o', 't', 'e', 0, 1};
constexpr mode_t kReserveMode = 0640;

Error reserve_error(std::string_view step, const std::filesystem::path& path) {
  return Error(Code::Unavailable, std::string(step) + " " + path.string() + ": " +
                                      std::generic_category().message(errno));
}

Bytes encode_note(std::uint64_t number, const std::optional<Trouble>& note) {
  const Trouble trouble = note.value_or(Trouble());
  Bytes bytes(kNoteMagic.begin(), kNoteMagic.end());
  append_u64(bytes, number);
  bytes.push_back(static_cast<std::uint8_t>(trouble.reason));
  append_u64(bytes, static_cast<std::uint64_t>(trouble.began.time_since_epoch().count()));
  append_u64(bytes, trouble.first);
  append_u64(bytes, trouble.end);
  append_u64(bytes, trouble.refused);
  append_u64(bytes, trouble.recorded);
  append_u32(bytes, crc32c(bytes));
  return bytes;
}

struct NumberedNote {
  std::uint64_t number = 0;
  std::optional<Trouble> note;
};

std::optional<NumberedNote> decode_note(ByteView slot) {
  if (!std::equal(kNoteMagic.begin(), kNoteMagic.end(), slot.begin())) return std::nullopt;
  if (crc32c(slot.first(kNote)) != read_u32(slot.subspan(kNote))) return std::nullopt;
  Trouble trouble;
  trouble.reason = static_cast<Reason>(slot[16]);
  trouble.began = WallTime(std::chrono::microseconds(read_u64(slot.subspan(17))));
  trouble.first = read_u64(slot.subspan(25));
  trouble.end = read_u64(slot.subspan(33));
  trouble.refused = read_u64(slot.subspan(41));
  trouble.recorded = read_u64(slot.subspan(49));
  NumberedNote numbered{read_u64(slot.subspan(8)), std::nullopt};
  if (trouble.reason != Reason::None) numbered.note = trouble;
  return numbered;
}

}  // namespace

Reserve::Reserve(FileDescriptor file, std::filesystem::path path, const FileCalls& calls)
    : file_(std::move(file)), path_(std::move(path)), calls_(calls) {}

Result<Reserve> Reserve::open(const std::filesystem::path& folder, const FileCalls& calls) {
  const std::filesystem::path path = folder / "reserve";
  constexpr int kFlags = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  FileDescriptor file(::open(path.c_str(), kFlags, kReserveMode));
  if (!file.is_open()) return reserve_error("open", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return reserve_error("stat", path);
  if (!S_ISREG(status.st_mode)) return Error(Code::Unavailable, path.string() + ": not a file");
  Reserve reserve(std::move(file), path, calls);
  if (status.st_size == kSlots * kSlot) {
    TRY(reserve.read());
    return reserve;
  }
  const Bytes zeros(kSlot);
  for (std::size_t slot = 0; slot < kSlots; ++slot) TRY(reserve.put(zeros, slot));
  TRY(reserve.write(std::nullopt));
  TRY(sync_directory(folder));
  return reserve;
}

Result<void> Reserve::read() {
  for (std::size_t slot = 0; slot < kSlots; ++slot) {
    Bytes bytes(kSlot);
    const ssize_t got =
        ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(slot * kSlot));
    if (got != static_cast<ssize_t>(kSlot)) return reserve_error("read", path_);
    const std::optional<NumberedNote> found = decode_note(bytes);
    if (!found || found->number < number_) continue;
    number_ = found->number;
    note_ = found->note;
  }
  return {};
}

Result<void> Reserve::put(ByteView bytes, std::size_t slot) const {
  const ssize_t done =
      calls_.pwrite(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(slot * kSlot));
  if (done != static_cast<ssize_t>(bytes.size())) return reserve_error("write", path_);
  return {};
}

Result<void> Reserve::write(const std::optional<Trouble>& note) {
  TRY(put(encode_note(number_ + 1, note), (number_ + 1) % kSlots));
  if (calls_.fdatasync(file_.get()) != 0) return reserve_error("fdatasync", path_);
  ++number_;
  note_ = note;
  return {};
}

}  // namespace kw::audit
