// SPDX-License-Identifier: Apache-2.0
// Each call that changes a disk fails once, and ends the process once: no record is ever lost, and
// the next run completes what was begun.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>

#include "archive_fixture.h"

namespace kw::test {
namespace {

using audit_archive::ArchiveCalls;
using audit_verify::Finding;

enum class Breaking { Fails, EndsTheProcess };

// What the calls do is told to functions without a state of their own.
int calls_left = 0;
Breaking breaking = Breaking::Fails;

bool breaks() {
  if (calls_left-- > 0) return false;
  if (breaking == Breaking::EndsTheProcess) ::_exit(42);
  errno = EIO;
  return true;
}

ArchiveCalls breaking_calls() {
  return {[](int fd, const void* data, std::size_t size) -> ssize_t {
            if (!breaks()) return ::write(fd, data, size);
            // Half of it reached the disk.
            if (size > 1) (void)!::write(fd, data, size / 2);
            return -1;
          },
          [](int fd) { return breaks() ? -1 : ::fsync(fd); },
          [](const char* from, const char* to) { return breaks() ? -1 : ::rename(from, to); },
          [](const char* path) { return breaks() ? -1 : ::unlink(path); }};
}

struct CrashFixture : ArchiveFixture {
  CrashFixture() {
    options.segment_size = 1500;
    write(14);
    REQUIRE(segments().size() > 3);
    whole = verdict();
  }

  // Whether the run went to its end though the call number `good_calls` broke.
  bool completes(int good_calls, Breaking how) const {
    calls_left = good_calls;
    breaking = how;
    if (how == Breaking::Fails) {
      return audit_archive::archive(dir.path(), older.path(), {}, breaking_calls()).has_value();
    }
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      const auto moved = audit_archive::archive(dir.path(), older.path(), {}, breaking_calls());
      ::_exit(moved.has_value() ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFEXITED(status));
    REQUIRE(WEXITSTATUS(status) != 1);
    return WEXITSTATUS(status) == 0;
  }

  // The indices of the segments in both folders, and how many of them are in both.
  void check_nothing_is_lost() const {
    const auto here = REQUIRE_OK(audit_verify::list_segments(dir.path()));
    const auto there = REQUIRE_OK(audit_verify::list_segments(older.path()));
    std::map<std::uint64_t, std::filesystem::path> all;
    for (const auto& segment : there) all[segment.first_index] = segment.path;
    std::size_t doubled = 0;
    for (const auto& segment : here) {
      doubled += all.contains(segment.first_index) ? 1 : 0;
      all[segment.first_index] = segment.path;
    }
    CHECK(doubled <= 1);
    // A log of links would be refused: one of copies is the whole log.
    const TempDir together;
    for (const auto& [index, path] : all) {
      std::filesystem::copy(path, together / path.filename().string());
    }
    const auto result = verdict_of(together.path());
    CHECK(result.finding == Finding::Good);
    CHECK(result.last_leaf == whole.last_leaf);
  }

  audit_verify::Verdict whole;
};

}  // namespace

TEST_CASE("archive: loses nothing at whichever call it fails or ends", "[audit_archive]") {
  const Breaking how = GENERATE(Breaking::Fails, Breaking::EndsTheProcess);
  bool completed = false;
  int broken = 0;
  for (; !completed; ++broken) {
    INFO("call " << broken);
    const CrashFixture fixture;
    completed = fixture.completes(broken, how);
    fixture.check_nothing_is_lost();
    REQUIRE_OK(fixture.archive());
    CHECK(fixture.segments().size() == 1);
    const auto result = fixture.verdict_of(fixture.both());
    CHECK(result.finding == Finding::Good);
    CHECK(result.records == fixture.whole.records);
    CHECK(result.last_leaf == fixture.whole.last_leaf);
    for (const std::string& name : fixture.names_in(fixture.older.path())) {
      CHECK(name.ends_with(".kwa.gz"));
    }
  }
  // Each segment costs a write, three syncs, a rename, a removal and the sync of that at least.
  CHECK(broken > 3 * 7);
}

TEST_CASE_METHOD(CrashFixture, "archive: completes what was begun whatever it is to keep",
                 "[audit_archive]") {
  // The first segment has its copy and was not removed.
  REQUIRE_FALSE(completes(5, Breaking::Fails));
  CHECK_CODE(audit_verify::verify(both()), Code::FailedPrecondition);
  CHECK(REQUIRE_OK(archive({.before = {}, .keep = 100})).segments == 1);
  CHECK(verdict_of(both()).finding == Finding::Good);
}

}  // namespace kw::test
