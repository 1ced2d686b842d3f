// SPDX-License-Identifier: Apache-2.0
#include "service/sandbox/sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <map>

#include "base/file.h"
#include "service/sandbox/layout.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kListen = "127.0.0.1:0";

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

// Every file below a folder with its bytes.
std::map<std::string, std::string> snapshot(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      files[entry.path().lexically_relative(folder)] = REQUIRE_OK(read_file(entry.path()));
    }
  }
  return files;
}

// OpenSC's pkcs11-tool is the witness that the token opens with the PIN that lies beside it.
bool token_opens(const fs::path& directory) {
  const std::string with_pin = "pin=$(cat " + (directory / "token/pin").string() + "); " +
                               "SOFTHSM2_CONF=" + (directory / "token/softhsm2.conf").string() +
                               " pkcs11-tool --module /usr/lib/softhsm/libsofthsm2.so "
                               "--token-label keyward --login --pin \"$pin\" -O >/dev/null 2>&1";
  return std::system(with_pin.c_str()) == 0;
}

}  // namespace

TEST_CASE("sandbox: a fresh folder gets everything", "[sandbox]") {
  const test::TempDir folder;
  const auto sandbox = REQUIRE_OK(prepare_sandbox(folder / "box", kListen));
  CHECK(sandbox.made);
  CHECK(sandbox.directory == fs::canonical(folder / "box"));
  CHECK(sandbox.config == sandbox.directory / "keyward.yaml");
  for (const auto name : kFiles) {
    INFO(name);
    CHECK(fs::exists(sandbox.directory / name));
  }
  CHECK_FALSE(fs::exists(sandbox.directory / ".making"));
}

TEST_CASE("sandbox: secrets are closed to others", "[sandbox]") {
  const test::TempDir folder;
  const auto sandbox = REQUIRE_OK(prepare_sandbox(folder / "box", kListen));
  for (const auto name :
       {"server.key", "clients/admin.key", "clients/app.key", "clients/auditor.key", "token/pin"}) {
    INFO(name);
    CHECK(mode_of(sandbox.directory / name) == 0600);
  }
  CHECK(mode_of(sandbox.directory) == 0700);
  CHECK(mode_of(sandbox.directory / "ca.pem") == 0644);
}

TEST_CASE("sandbox: its token opens with its PIN", "[sandbox]") {
  const test::TempDir folder;
  const auto sandbox = REQUIRE_OK(prepare_sandbox(folder / "box", kListen));
  CHECK(token_opens(sandbox.directory));
}

TEST_CASE("sandbox: a second run changes no byte", "[sandbox]") {
  const test::TempDir folder;
  const auto first = REQUIRE_OK(prepare_sandbox(folder / "box", kListen));
  const auto before = snapshot(first.directory);
  const auto second = REQUIRE_OK(prepare_sandbox(folder / "box", "127.0.0.1:7443"));
  CHECK_FALSE(second.made);
  CHECK((snapshot(second.directory) == before));
}

TEST_CASE("sandbox: a half-made one is made anew", "[sandbox][fault]") {
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / ".making", ""));
  REQUIRE_OK(write_file(folder / "ca.pem", "half"));
  const auto sandbox = REQUIRE_OK(prepare_sandbox(folder.path(), kListen));
  CHECK(sandbox.made);
  CHECK(REQUIRE_OK(read_file(folder / "ca.pem")) != "half");
  CHECK_FALSE(fs::exists(folder / ".making"));
}

TEST_CASE("sandbox: a folder with other things in it is left alone", "[sandbox]") {
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / "thesis.tex", "mine"));
  CHECK_CODE(prepare_sandbox(folder.path(), kListen), Code::FailedPrecondition);
  CHECK((snapshot(folder.path()) == std::map<std::string, std::string>{{"thesis.tex", "mine"}}));
}

TEST_CASE("sandbox: one that lost a file is refused by that file's name", "[sandbox]") {
  const test::TempDir folder;
  const auto sandbox = REQUIRE_OK(prepare_sandbox(folder / "box", kListen));
  fs::remove(sandbox.directory / "token/pin");
  const auto again = prepare_sandbox(folder / "box", kListen);
  CHECK_CODE(again, Code::FailedPrecondition);
  CHECK(again.error().detail().find("token/pin") != std::string::npos);
}

TEST_CASE("sandbox: two makers at once are refused", "[sandbox]") {
  const test::TempDir folder;
  const FileDescriptor other(
      ::open((folder / ".making").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(::flock(other.get(), LOCK_EX) == 0);
  CHECK_CODE(prepare_sandbox(folder.path(), kListen), Code::FailedPrecondition);
}

TEST_CASE("sandbox: one that was moved finds its token again", "[sandbox]") {
  const test::TempDir folder;
  (void)REQUIRE_OK(prepare_sandbox(folder / "box", kListen));
  fs::rename(folder / "box", folder / "moved");
  const auto moved = REQUIRE_OK(prepare_sandbox(folder / "moved", kListen));
  CHECK_FALSE(moved.made);
  CHECK(token_opens(moved.directory));
}

TEST_CASE("sandbox: a listen address that is none is refused", "[sandbox]") {
  const test::TempDir folder;
  const auto listen = GENERATE("", "127.0.0.1:0\"]", "a b", "x\ny: z");
  CHECK_CODE(prepare_sandbox(folder / "box", listen), Code::InvalidArgument);
  CHECK_FALSE(fs::exists(folder / "box"));
}

TEST_CASE("sandbox: a folder that cannot be made is an error", "[sandbox][fault]") {
  CHECK_CODE(prepare_sandbox("/dev/null/box", kListen), Code::Unavailable);
}

}  // namespace kw::sandbox
