// SPDX-License-Identifier: Apache-2.0
#include "service/audit_archive/archive.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "service/audit_archive/gzip_file.h"
#include "service/audit_verify/segment_list.h"
#include "service/audit_verify/segment_source.h"
#include "service/audit_verify/verify.h"

namespace kw::audit_archive {
namespace {

using audit_verify::SealedSegment;
using audit_verify::Segment;
using audit_verify::SegmentSource;

constexpr std::size_t kChunk = 64u << 10;

Error system_fault(std::string_view step, const std::filesystem::path& path) {
  const Code code = errno == ENOENT ? Code::NotFound : Code::Unavailable;
  return Error(code, std::string(step) + " " + path.string() + ": " +
                         std::generic_category().message(errno));
}

Result<FileDescriptor> open_folder(const std::filesystem::path& path) {
  FileDescriptor folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return system_fault("open", path);
  return folder;
}

// Errors: Internal (they differ), InvalidArgument (no regular file), Unavailable.
Result<void> compare(const Segment& segment, const Segment& copy) {
  SegmentSource left = TRY(SegmentSource::open(segment));
  SegmentSource right = TRY(SegmentSource::open(copy));
  Bytes left_bytes(kChunk);
  Bytes right_bytes(kChunk);
  for (std::uint64_t offset = 0;; offset += kChunk) {
    const std::size_t got = TRY(left.read_at(offset, left_bytes));
    const std::size_t there = TRY(right.read_at(offset, right_bytes));
    const bool same =
        got == there && left.check() && right.check() &&
        std::equal(left_bytes.begin(), left_bytes.begin() + static_cast<std::ptrdiff_t>(got),
                   right_bytes.begin());
    if (!same) {
      return Error(Code::Internal,
                   copy.path.string() + " does not hold what " + segment.path.string() + " does");
    }
    if (got < kChunk) return {};
  }
}

// Mover moves the segments of one log into one archive.
class Mover {
 public:
  static Result<Mover> open(const std::filesystem::path& log, const std::filesystem::path& to,
                            const ArchiveCalls& calls) {
    FileDescriptor log_folder = TRY(open_folder(log));
    if (::flock(log_folder.get(), LOCK_EX | LOCK_NB) != 0) {
      return Error(Code::FailedPrecondition, log.string() + ": is being archived already");
    }
    std::error_code failure;
    if (std::filesystem::create_directories(to, failure)) {
      TRY(sync_directory(to / ".."));
    }
    if (failure) return Error(Code::Unavailable, to.string() + ": " + failure.message());
    FileDescriptor archive_folder = TRY(open_folder(to));
    std::vector<Segment> archived = TRY(audit_verify::list_segments(to));
    return Mover(std::move(log_folder), std::move(archive_folder), to, std::move(archived), calls);
  }

  const Segment* find_archived(const Segment& segment) const {
    const auto found = std::find_if(archived_.begin(), archived_.end(), [&](const Segment& other) {
      return other.first_index == segment.first_index;
    });
    return found == archived_.end() ? nullptr : &*found;
  }

  // `sealed` is what check_sealed says of the segment.
  Result<void> move(const Segment& segment, const SealedSegment& sealed) {
    if (find_archived(segment) == nullptr) {
      TRY(require_continued(segment, sealed));
      TRY(write(segment));
    }
    const Segment copy = *find_archived(segment);
    TRY(sync_copy(copy));
    TRY(compare(segment, copy));
    if (calls_.unlink(segment.path.c_str()) != 0) return system_fault("remove", segment.path);
    if (calls_.fsync(log_.get()) != 0) return system_fault("fsync the folder of", segment.path);
    if (copy.first_index == archived_.back().first_index) newest_ = sealed;
    return {};
  }

 private:
  Mover(FileDescriptor log, FileDescriptor archive, std::filesystem::path to,
        std::vector<Segment> archived, const ArchiveCalls& calls)
      : log_(std::move(log)),
        archive_(std::move(archive)),
        to_(std::move(to)),
        archived_(std::move(archived)),
        calls_(calls) {}

  // An archive is one run of one log: what goes in goes on where it ends.
  Result<void> require_continued(const Segment& segment, const SealedSegment& sealed) {
    if (archived_.empty()) return {};
    if (!newest_) newest_ = TRY(audit_verify::check_sealed(archived_.back()));
    if (newest_->next_index == segment.first_index && newest_->last_leaf == sealed.previous_leaf) {
      return {};
    }
    return Error(Code::FailedPrecondition,
                 to_.string() + ": ends before record " + std::to_string(newest_->next_index) +
                     ", and " + segment.path.string() +
                     " does not go on there: another log's archive, or one with a gap");
  }

  Result<void> write(const Segment& segment) {
    Segment copy{to_ / (audit_verify::name_of_segment(segment.first_index) + ".gz"),
                 segment.first_index, true};
    SegmentSource source = TRY(SegmentSource::open(segment));
    GzipFile file = TRY(GzipFile::create(copy.path, calls_));
    Bytes bytes(kChunk);
    for (std::uint64_t offset = 0;;) {
      const std::size_t got = TRY(source.read_at(offset, bytes));
      if (got == 0) break;
      if (offset + got > audit_verify::kMaxSegment) {
        return Error(Code::Internal, segment.path.string() + ": larger than a segment can be");
      }
      TRY(file.write(ByteView(bytes).first(got)));
      offset += got;
    }
    TRY(file.finish());
    archived_.push_back(std::move(copy));
    return {};
  }

  // An interrupted run, or a person, may have put the copy there and not made it durable.
  Result<void> sync_copy(const Segment& copy) const {
    const FileDescriptor file(::open(copy.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file.is_open()) return system_fault("open", copy.path);
    if (calls_.fsync(file.get()) != 0) return system_fault("fsync", copy.path);
    if (calls_.fsync(archive_.get()) != 0) return system_fault("fsync", to_);
    return {};
  }

  FileDescriptor log_;
  FileDescriptor archive_;
  std::filesystem::path to_;
  std::vector<Segment> archived_;
  std::optional<SealedSegment> newest_;  // of the archive's last, once it is known
  ArchiveCalls calls_;
};

}  // namespace

Result<void> sync_file(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) return system_fault("open", path);
  if (::fsync(file.get()) != 0) return system_fault("fsync", path);
  return {};
}

// Full tiles never go away. Partial ones (NAME.p) do, and are durable as they are written.
Result<void> sync_tiles(const std::filesystem::path& tiles) {
  std::error_code failure;
  for (std::filesystem::recursive_directory_iterator at(tiles, failure), end; !failure && at != end;
       at.increment(failure)) {
    if (at->path().has_extension()) {
      at.disable_recursion_pending();
    } else {
      TRY(sync_file(at->path()));
    }
  }
  if (failure) return Error(Code::Unavailable, tiles.string() + ": " + failure.message());
  TRY(sync_directory(tiles));
  return sync_directory(tiles.parent_path());
}

// How many records the log's tiles hold: those under its newest checkpoint, once the tiles are
// durable. A log without a checkpoint needs no tiles.
Result<std::uint64_t> records_in_tiles(const std::filesystem::path& log) {
  const Result<std::string> note = read_file(log / "checkpoint");
  if (!note && note.error().code() == Code::NotFound) return ~std::uint64_t{0};
  if (!note) return note.error();
  std::uint64_t size = 0;
  const std::size_t line = std::min(note->find('\n'), note->size()) + 1;
  if (line >= note->size()) return size;
  std::from_chars(note->data() + line, note->data() + note->size(), size);
  std::error_code failure;
  if (std::filesystem::exists(log / "tile", failure)) TRY(sync_tiles(log / "tile"));
  return size;
}

// A segment that is in both folders goes whatever the retention says: the run that put it there
// was cut short.
Result<Moved> archive(const std::filesystem::path& log, const std::filesystem::path& to,
                      const Retention& retention, const ArchiveCalls& calls) {
  Mover mover = TRY(Mover::open(log, to, calls));
  const std::vector<Segment> segments = TRY(audit_verify::list_segments(log));
  if (segments.empty()) return Error(Code::NotFound, log.string() + ": no segment in it");
  const std::uint64_t in_tiles = TRY(records_in_tiles(log));
  Moved moved;
  moved.first_index = moved.next_index = segments.front().first_index;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    const bool begun = mover.find_archived(segments[i]) != nullptr;
    if (!begun && i + std::max<std::size_t>(retention.keep, 1) >= segments.size()) break;
    const SealedSegment sealed = TRY(audit_verify::check_sealed(segments[i]));
    if (!begun && retention.before && sealed.latest_time >= *retention.before) break;
    if (sealed.next_index > in_tiles) break;  // the service could not start without its records
    TRY(mover.move(segments[i], sealed));
    moved.segments += 1;
    moved.next_index = sealed.next_index;
  }
  return moved;
}

}  // namespace kw::audit_archive
