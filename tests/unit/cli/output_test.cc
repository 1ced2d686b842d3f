// SPDX-License-Identifier: Apache-2.0
#include "cli/output.h"

#include <sys/stat.h>

#include "memory_file.h"
#include "tests/support/temp_dir.h"

namespace kw::cli {
namespace {

std::size_t files_in(const test::TempDir& folder) {
  const std::filesystem::directory_iterator files(folder.path());
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

}  // namespace

TEST_CASE("output file: appears with its content at commit", "[cli][output]") {
  const test::TempDir folder;
  auto file = REQUIRE_OK(OutputFile::create(folder / "x", OutputFile::Existing::Keep));
  REQUIRE_OK(write_all(file.fd(), "content"));
  CHECK_FALSE(std::filesystem::exists(folder / "x"));
  REQUIRE_OK(file.commit());
  CHECK(REQUIRE_OK(read_file(folder / "x")) == "content");
  struct stat status {};
  REQUIRE(::stat((folder / "x").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(files_in(folder) == 1);
}

TEST_CASE("output file: leaves nothing without a commit", "[cli][output]") {
  const test::TempDir folder;
  { auto file = REQUIRE_OK(OutputFile::create(folder / "x", OutputFile::Existing::Replace)); }
  CHECK(files_in(folder) == 0);
}

TEST_CASE("output file: keeps a file that is there", "[cli][output]") {
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / "x", "old"));
  CHECK_CODE(OutputFile::create(folder / "x", OutputFile::Existing::Keep), Code::AlreadyExists);
  CHECK(REQUIRE_OK(read_file(folder / "x")) == "old");
}

TEST_CASE("output file: keeps a file that came meanwhile", "[cli][output]") {
  const test::TempDir folder;
  {
    auto file = REQUIRE_OK(OutputFile::create(folder / "x", OutputFile::Existing::Keep));
    REQUIRE_OK(write_file(folder / "x", "somebody's"));
    CHECK_CODE(file.commit(), Code::AlreadyExists);
  }
  CHECK(REQUIRE_OK(read_file(folder / "x")) == "somebody's");
  CHECK(files_in(folder) == 1);
}

TEST_CASE("output file: replaces a file if told so", "[cli][output]") {
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / "x", "old"));
  auto file = REQUIRE_OK(OutputFile::create(folder / "x", OutputFile::Existing::Replace));
  REQUIRE_OK(file.commit());
  CHECK(REQUIRE_OK(read_file(folder / "x")).empty());
}

TEST_CASE("output file: a folder that is not there is an error", "[cli][output]") {
  const test::TempDir folder;
  CHECK_CODE(OutputFile::create(folder / "none" / "x", OutputFile::Existing::Keep), Code::NotFound);
}

TEST_CASE("input: is read whole up to its limit", "[cli][output]") {
  const std::size_t size = GENERATE(std::size_t{0}, 1, 65535, 65536, 65537, 300'000);
  const test::MemoryFile in(std::string(size, 'x'));
  const auto content = REQUIRE_OK(read_input({}, {.in = in.fd()}, size));
  CHECK(content.size() == size);
}

TEST_CASE("input: over its limit is refused", "[cli][output]") {
  const std::size_t size = GENERATE(std::size_t{1}, 65536, 65537, 300'000);
  const test::MemoryFile in(std::string(size, 'x'));
  CHECK_CODE(read_input({}, {.in = in.fd()}, size - 1), Code::InvalidArgument);
}

}  // namespace kw::cli
