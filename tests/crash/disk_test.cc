// SPDX-License-Identifier: Apache-2.0
// The disk of the power proof must itself be right: what it keeps, loses and mixes.
#include "disk.h"

#include <set>

#include "base/file.h"
#include "journal.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"
#include "tests/whole/process.h"

namespace kw::crash {
namespace {

// A folder, and what is left of it once a recorded program has run and the power has gone.
struct Recorded {
  test::TempDir dir;
  std::mt19937_64 random{1};

  std::filesystem::path folder() const { return dir / "folder"; }
  std::string path(const std::string& name) const { return (folder() / name).string(); }
  std::string content(const std::string& name) const {
    const auto found = read_file(folder() / name);
    return found ? *found : "(none)";
  }

  Recorded() {
    std::filesystem::create_directory(folder());
    REQUIRE_OK(write_file(folder() / "old", "old"));
  }

  // Runs Python with `f` as the folder, which writes through the libc as the service does.
  Disk run(const std::string& program) {
    const Disk before(folder());
    std::filesystem::remove(dir / "journal");
    const whole::Outcome outcome =
        whole::run({"python3", "-c", "import os\nf=\"" + path("") + "\"\n" + program},
                   {{"LD_PRELOAD", KEYWARD_RECORDER},
                    {kFolderVariable, folder().string()},
                    {kJournalVariable, (dir / "journal").string()}});
    INFO(outcome.err);
    REQUIRE(outcome.exit == 0);
    Disk disk = before;
    disk.replay(REQUIRE_OK(read_file(dir / "journal")));
    return disk;
  }
};

constexpr const char* kReplace = R"(
n=os.open(f+"new", os.O_CREAT|os.O_WRONLY)
os.write(n, b"fresh")
os.fsync(n)
os.rename(f+"new", f+"old")
)";
constexpr const char* kSyncFolder = R"(
d=os.open(f, os.O_RDONLY)
os.fsync(d)
)";

}  // namespace

TEST_CASE("disk: a rename counts once its folder was synced", "[disk]") {
  Recorded recorded;
  SECTION("not before") {
    recorded.run(kReplace).cut(0, recorded.random);
    CHECK(recorded.content("old") == "old");
    CHECK(recorded.content("new") == "(none)");
  }
  SECTION("but then") {
    recorded.run(std::string(kReplace) + kSyncFolder).cut(0, recorded.random);
    CHECK(recorded.content("old") == "fresh");
  }
  SECTION("with luck without it") {
    recorded.run(kReplace).cut(1, recorded.random);
    CHECK(recorded.content("old") == "fresh");
  }
}

TEST_CASE("disk: a write counts once its file was synced", "[disk]") {
  constexpr const char* kWrites = R"(
n=os.open(f+"old", os.O_WRONLY)
os.write(n, b"NEW")
os.fdatasync(n)
os.ftruncate(n, 0)
os.pwrite(n, b"unsynced", 0)
)";
  Recorded recorded;
  recorded.run(kWrites).cut(0, recorded.random);
  CHECK(recorded.content("old") == "NEW");
}

TEST_CASE(
    "disk: the pages of a file are kept and lost one by one, the newest state or an older one",
    "[disk]") {
  constexpr const char* kPages = R"(
n=os.open(f+"old", os.O_WRONLY)
os.pwrite(n, b"a"*8192, 0)
os.pwrite(n, b"b"*4096, 0)
)";
  std::set<std::string> seen;
  Recorded recorded;
  const Disk disk = recorded.run(kPages);
  for (int i = 0; i < 400; ++i) {
    disk.cut(0.5, recorded.random);
    const std::string left = recorded.content("old");
    seen.insert(left.substr(0, 1) + (left.size() > 4096 ? left.substr(8191) : "-"));
  }
  const std::string zero(1, '\0');
  CHECK(seen == std::set<std::string>{"o-", "a-", "b-", "oa", "aa", "ba", "o" + zero, "a" + zero,
                                      "b" + zero});
}

TEST_CASE("disk: what went through stdio is seen", "[disk]") {
  const std::string program = R"(
import ctypes
c=ctypes.CDLL(None)
c.fopen.restype=ctypes.c_void_p
s=ctypes.c_void_p(c.fopen((f+"old").encode(), b"r+"))
c.fputs(b"stdio", s)
c.fclose(s)
)";
  Recorded recorded;
  SECTION("and lost") {
    recorded.run(program).cut(0, recorded.random);
    CHECK(recorded.content("old") == "old");
  }
  SECTION("or kept") {
    recorded.run(program).cut(1, recorded.random);
    CHECK(recorded.content("old") == "stdio");
  }
}

}  // namespace kw::crash
