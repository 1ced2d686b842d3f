// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/token_folder.h"

#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::pkcs11 {
namespace {

// A number as SoftHSM writes it.
std::string word(std::uint64_t value) {
  Bytes bytes;
  append_u64(bytes, value);
  return std::string(as_text(bytes));
}

// A token.object of one bytes attribute and one number.
std::string object(std::uint64_t generation, const std::string& value = "wrapped key") {
  return word(generation) + word(0x8000'5349) + word(3) + word(value.size()) + value +
         word(0x8000'534a) + word(2) + word(7);
}

struct Folder {
  test::TempDir dir;

  Folder() { std::filesystem::create_directory(dir / "token"); }
  void put(const std::string& content) {
    REQUIRE_OK(write_file(dir / "token/token.object", content));
  }
  std::string there() const { return REQUIRE_OK(read_file(dir / "token/token.object")); }
  std::string kept() const { return REQUIRE_OK(read_file(dir / "token.kept")); }
  void guard() const { (void)REQUIRE_OK(TokenFolder::guard(dir.path())); }
};

}  // namespace

TEST_CASE("token folder: keeps a copy of what is whole, and the newest", "[pkcs11][folder]") {
  Folder folder;
  folder.put(object(1));
  folder.guard();
  CHECK(folder.kept() == object(1));
  folder.put(object(2, "another PIN's"));
  folder.guard();
  CHECK(folder.kept() == object(2, "another PIN's"));
  CHECK(folder.there() == object(2, "another PIN's"));
}

TEST_CASE("token folder: puts back what is torn", "[pkcs11][folder]") {
  Folder folder;
  folder.put(object(1));
  folder.guard();
  const std::string next = object(2);
  for (std::size_t size = 0; size < next.size(); ++size) {
    INFO(size);
    folder.put(next.substr(0, size));
    folder.guard();
    CHECK(folder.there() == object(1));
    // A number may be zero: only what is before the last one shows.
    if (size + 8 >= next.size()) continue;
    folder.put(next.substr(0, size) + std::string(next.size() - size, '\0'));
    folder.guard();
    CHECK(folder.there() == object(1));
  }
}

TEST_CASE("token folder: a file that was gone comes back", "[pkcs11][folder]") {
  Folder folder;
  folder.put(object(1));
  folder.guard();
  std::filesystem::remove(folder.dir / "token/token.object");
  folder.guard();
  CHECK(folder.there() == object(1));
}

TEST_CASE("token folder: without a copy it changes nothing", "[pkcs11][folder]") {
  Folder folder;
  folder.put("torn");
  folder.guard();
  CHECK(folder.there() == "torn");
  CHECK_FALSE(std::filesystem::exists(folder.dir / "token.kept"));
}

}  // namespace kw::pkcs11
