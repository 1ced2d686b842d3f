// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw {
namespace {

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777u;
}

}  // namespace

TEST_CASE("file: reads what it wrote", "[base][file]") {
  const test::TempDir folder;
  const std::string content("line\n\0end", 9);
  REQUIRE(write_file(folder / "a", content, 0600).has_value());
  CHECK(REQUIRE_OK(read_file(folder / "a")) == content);
  CHECK(mode_of(folder / "a") == 0600);
}

TEST_CASE("file: replaces a file without leaving another", "[base][file]") {
  const test::TempDir folder;
  REQUIRE(write_file(folder / "a", "old and longer").has_value());
  REQUIRE(write_file(folder / "a", "new").has_value());
  CHECK(REQUIRE_OK(read_file(folder / "a")) == "new");
  const std::filesystem::directory_iterator entries(folder.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);
}

TEST_CASE("file: keeps the old file if the new one cannot be made", "[base][file][fault]") {
  const test::TempDir folder;
  REQUIRE(write_file(folder / "a", "old").has_value());
  std::filesystem::create_directory(folder / "a.new");  // where the temporary file would go
  CHECK_CODE(write_file(folder / "a", "new"), Code::Unavailable);
  CHECK(REQUIRE_OK(read_file(folder / "a")) == "old");
}

TEST_CASE("file: says what is missing by its path", "[base][file]") {
  const test::TempDir folder;
  const auto missing = read_file(folder / "absent");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code() == Code::NotFound);
  CHECK(missing.error().detail().find("absent") != std::string::npos);
  CHECK_CODE(read_file(folder.path()), Code::Unavailable);
}

TEST_CASE("file: stops at the limit", "[base][file]") {
  const test::TempDir folder;
  REQUIRE(write_file(folder / "a", std::string(100, 'x')).has_value());
  CHECK(REQUIRE_OK(read_file(folder / "a", 100)).size() == 100);
  CHECK_CODE(read_file(folder / "a", 99), Code::InvalidArgument);
}

TEST_CASE("file: reads a file that does not know its size", "[base][file]") {
  CHECK(REQUIRE_OK(read_file("/proc/self/status")).find("Pid:") != std::string::npos);
}

TEST_CASE("file: a secret file loses one trailing newline", "[base][file]") {
  const test::TempDir folder;
  REQUIRE(write_file(folder / "pin", "1234\n\n", 0600).has_value());
  const Secret pin = REQUIRE_OK(read_secret_file(folder / "pin"));
  CHECK(as_text(pin.reveal()) == "1234\n");
  CHECK_CODE(read_secret_file(folder / "absent"), Code::NotFound);
  REQUIRE(write_file(folder / "huge", std::string(64u << 10, 'x')).has_value());
  CHECK_CODE(read_secret_file(folder / "huge"), Code::InvalidArgument);
}

TEST_CASE("file: makes a tree durable, or says that there is none", "[base][file]") {
  const test::TempDir folder;
  std::filesystem::create_directories(folder / "a/b");
  REQUIRE(write_file(folder / "a/b/c", "x").has_value());
  CHECK(sync_tree(folder.path()).has_value());
  CHECK_FALSE(sync_tree(folder / "absent").has_value());
}

TEST_CASE("file descriptor: closes what it holds, once", "[base][file]") {
  int number = -1;
  {
    FileDescriptor one(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = one.get();
    FileDescriptor two(std::move(one));
    CHECK_FALSE(one.is_open());  // NOLINT(bugprone-use-after-move): the contract
    CHECK(two.get() == number);
  }
  CHECK(::fcntl(number, F_GETFD) == -1);
}

}  // namespace kw
