// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "base/file.h"
#include "service/audit_verify/signed_log.h"
#include "service/telemetry/page.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

using Files = std::set<std::filesystem::path>;

constexpr std::string_view kGood = "\nkeyward_audit_checkpoint_key_good 1\n";

// A service whose catalog was copied before it vouched for the key that signs checkpoints, and who
// knows which files of the token are that key.
struct KeyFixture : DoorFixture {
  KeyFixture() : DoorFixture(Closed{}) {
    // A folder in the checkpoint's place ends the first start when all but the key is made.
    std::filesystem::create_directories(folder / "audit" / "checkpoint" / "x");
    CHECK_FALSE(try_open().has_value());
    std::filesystem::remove_all(folder / "audit");
    copy_catalog(folder.path(), folder / "early");
    const Files before = objects();
    open();
    const Files after = objects();
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                        std::inserter(key_files, key_files.end()));
    REQUIRE(key_files.size() == 2);
  }

  static void copy_catalog(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::filesystem::create_directories(to);
    for (const char* const suffix : {"", "-wal", "-shm"}) {
      const std::string file = std::string("catalog.db") + suffix;
      std::filesystem::remove(to / file);
      if (std::filesystem::exists(from / file)) {
        std::filesystem::copy_file(from / file, to / file);
      }
    }
  }
  void roll_catalog_back() { copy_catalog(folder / "early", folder.path()); }

  Files objects() const {
    Files found;
    for (const auto& file : std::filesystem::recursive_directory_iterator(hsm.token_directory())) {
      const std::string file_name = file.path().filename().string();
      if (file_name.ends_with(".object") && file_name != "token.object") found.insert(file.path());
    }
    return found;
  }

  void remove_key() const {
    for (const auto& file : key_files) std::filesystem::remove(file);
  }

  // Turns CKA_EXTRACTABLE on in SoftHSM's file: the file's generation, then attributes, each its
  // type, its kind (1 is a boolean) and its value.
  void make_key_extractable() const {
    const std::string wanted = std::string(6, '\0') + "\x01\x62" + std::string(7, '\0') + "\x01";
    int changed = 0;
    for (const auto& file : key_files) {
      std::string bytes = REQUIRE_OK(read_file(file));
      const std::size_t at = bytes.find(wanted);
      if (at == std::string::npos) continue;
      bytes[at + wanted.size()] = '\xff';
      bytes[7] = static_cast<char>(bytes[7] + 1);
      REQUIRE_OK(write_file(file, bytes));
      ++changed;
    }
    REQUIRE(changed == 1);
  }

  // What the service does once a second, begun anew: the key's turn comes at once.
  void maintain() { KeyService(*backend).maintain(); }

  bool says_good() {
    telemetry::Page page;
    backend->describe(page);
    return page.text().find(kGood) != std::string::npos;
  }

  std::string vkey() { return REQUIRE_OK(read_file(folder / "audit" / "checkpoint.vkey")); }
  std::string note() { return REQUIRE_OK(read_file(folder / "audit" / "checkpoint")); }

  Files key_files;
};

}  // namespace

TEST_CASE_METHOD(KeyFixture, "checkpoint key: an older catalog costs neither key nor checkpoint",
                 "[core][audit][checkpoint_key]") {
  const std::string before = vkey();
  close();
  const std::string signed_before = note();
  roll_catalog_back();
  open();
  CHECK(vkey() == before);
  CHECK(objects().size() >= key_files.size());
  for (const auto& file : key_files) CHECK(std::filesystem::exists(file));
  close();
  CHECK(note() != signed_before);
  const auto verdict = REQUIRE_OK(audit_verify::verify_signed(folder / "audit", {}));
  CHECK(verdict.finding == audit_verify::Finding::Good);
  // It vouches for the key now: the next start finds nothing to adopt.
  open();
  CHECK(vkey() == before);
}

TEST_CASE_METHOD(KeyFixture, "checkpoint key: what an older catalog may not adopt is refused",
                 "[core][audit][checkpoint_key]") {
  close();
  const std::string signed_before = note();
  const std::string before = vkey();
  roll_catalog_back();
  Code expected = Code::FailedPrecondition;
  SECTION("the key is gone") { remove_key(); }
  SECTION("half of it is gone") { std::filesystem::remove(*key_files.begin()); }
  SECTION("it is not what it was made as") { make_key_extractable(); }
  SECTION("another has signed") {
    std::string other = signed_before;
    other[other.size() - 10] = other[other.size() - 10] == 'A' ? 'B' : 'A';
    REQUIRE_OK(write_file(folder / "audit" / "checkpoint", other));
    expected = Code::Internal;
  }
  SECTION("it is another log's") {
    REQUIRE_OK(write_file(folder / "audit" / "checkpoint.vkey", "x" + before));
  }
  const Files there = objects();
  CHECK_CODE(try_open(), expected);
  CHECK(objects() == there);
  CHECK(std::filesystem::exists(folder / "audit" / "checkpoint"));
}

TEST_CASE_METHOD(KeyFixture, "checkpoint key: a token without it is refused, in words",
                 "[core][audit][checkpoint_key]") {
  close();
  remove_key();
  const auto refused = try_open();
  CHECK_CODE(refused, Code::FailedPrecondition);
  CHECK(refused.error().detail().find("the token does not hold the key that signs") == 0);
}

TEST_CASE_METHOD(KeyFixture, "checkpoint key: one that goes away is said",
                 "[core][audit][checkpoint_key][fault]") {
  maintain();
  CHECK(backend->troubles().empty());
  CHECK(says_good());
  remove_key();
  maintain();
  CHECK(backend->troubles() == std::vector<std::string>{"the key that signs the audit log's "
                                                        "checkpoints is gone from the token"});
  CHECK_FALSE(says_good());
}

TEST_CASE_METHOD(KeyFixture, "checkpoint key: one that changed signs no more",
                 "[core][audit][checkpoint_key][fault]") {
  const std::string before = note();
  make_key_extractable();
  maintain();
  CHECK(backend->troubles() ==
        std::vector<std::string>{
            "the key that signs the audit log's checkpoints is not what it was made as"});
  CHECK_FALSE(says_good());
  maintain();  // once is enough
  close();     // would sign the last records
  const auto lines = records();
  CHECK(std::count_if(lines.begin(), lines.end(), [](const Line& line) {
          const auto event = line.find("event");
          return event != line.end() && event->second == "key quarantined" &&
                 line.at("key") == "keyward/audit";
        }) == 1);
  CHECK(note() == before);
  CHECK_CODE(try_open(), Code::Internal);
}

}  // namespace kw::core
