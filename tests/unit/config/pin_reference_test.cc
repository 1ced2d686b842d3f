// SPDX-License-Identifier: Apache-2.0
#include "service/config/pin_reference.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::config {
namespace {

// An environment variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name_, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

struct PinFile {
  test::TempDir folder;
  std::filesystem::path path = folder / "pin";

  PinFile() { REQUIRE_OK(write_file(path, "1234-abcd\n", 0600)); }

  Result<Secret> read() const {
    return REQUIRE_OK(PinReference::parse("file:pin", folder.path())).read();
  }
};

std::string text_of(const Secret& pin) { return std::string(as_text(pin.reveal())); }

TEST_CASE_METHOD(PinFile, "pin: a closed file is read without its newline", "[config][pin]") {
  const unsigned mode = GENERATE(0400u, 0600u);
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  CHECK(text_of(REQUIRE_OK(read())) == "1234-abcd");
}

TEST_CASE_METHOD(PinFile, "pin: a file open to others is refused with the cure", "[config][pin]") {
  const unsigned mode = GENERATE(0604u, 0602u, 0601u, 0620u, 0610u, 0660u, 0644u, 0666u, 0777u);
  REQUIRE(::chmod(path.c_str(), mode) == 0);
  const auto pin = read();
  REQUIRE_FALSE(pin.has_value());
  CHECK(pin.error().code() == Code::FailedPrecondition);
  CHECK(pin.error().detail() ==
        "PIN file " + path.string() + ": open to other users: chmod 600 " + path.string());
}

TEST_CASE_METHOD(PinFile, "pin: a group may read only a file of root's", "[config][pin]") {
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  if (::geteuid() == 0) {
    CHECK(text_of(REQUIRE_OK(read())) == "1234-abcd");
    REQUIRE(::chown(path.c_str(), 65534, 0) == 0);
  }
  CHECK_CODE(read(), Code::FailedPrecondition);
}

TEST_CASE_METHOD(PinFile, "pin: an empty or missing file is refused", "[config][pin]") {
  REQUIRE_OK(write_file(path, "\n", 0600));
  CHECK_CODE(read(), Code::InvalidArgument);
  REQUIRE(::unlink(path.c_str()) == 0);
  CHECK_CODE(read(), Code::NotFound);
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  CHECK_CODE(read(), Code::FailedPrecondition);
}

TEST_CASE("pin: the environment is read", "[config][pin]") {
  const PinReference pin = REQUIRE_OK(PinReference::parse("env:KEYWARD_TEST_PIN", ""));
  CHECK_CODE(pin.read(), Code::NotFound);
  const Variable variable("KEYWARD_TEST_PIN", "4321");
  CHECK(text_of(REQUIRE_OK(pin.read())) == "4321");
}

TEST_CASE_METHOD(PinFile, "pin: a credential is read from systemd's folder", "[config][pin]") {
  const PinReference pin = REQUIRE_OK(PinReference::parse("credential:pin", "/elsewhere"));
  CHECK_CODE(pin.read(), Code::NotFound);
  const Variable variable("CREDENTIALS_DIRECTORY", folder.path().string());
  CHECK(text_of(REQUIRE_OK(pin.read())) == "1234-abcd");
}

TEST_CASE("pin: anything but a reference is refused", "[config][pin]") {
  const std::string text =
      GENERATE("", "1234", "file:", "env:", "credential:", "FILE:pin", "env:A=B", "env:A B",
               "credential:../pin", "credential:..", "credential:a/b", "pin-value:1");
  INFO(text);
  CHECK_CODE(PinReference::parse(text, ""), Code::InvalidArgument);
}

}  // namespace
}  // namespace kw::config
