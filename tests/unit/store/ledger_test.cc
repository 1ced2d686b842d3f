// SPDX-License-Identifier: Apache-2.0
#include "service/store/ledger.h"

#include "service/store/key_row.h"
#include "tests/unit/store/fixture.h"

namespace kw::store {
namespace {

using Catch::Matchers::Contains;

Row row_of(const keys::Key& key) { return REQUIRE_OK(make_key_row(key)); }

// Rows with a right MAC that no catalog writes: what another version of the program might leave.
struct LedgerFixture {
  test::TempDir folder;
  std::filesystem::path path = folder / "catalog.db";
  keys::Key key = test::make_key("team/a");
  Row key_row = row_of(key);
  Row version_row = make_version_row(key, test::make_version(1));

  Result<void> write(std::vector<Row> rows) {
    const auto ledger = REQUIRE_OK(Ledger::open(path, test::openssl_mac, skip));
    return ledger->commit({std::move(rows), {}});
  }

  static Result<void> skip(const Row&) { return {}; }
  int count_rows() {
    int count = 0;
    (void)REQUIRE_OK(Ledger::open(path, test::openssl_mac, [&count](const Row&) -> Result<void> {
      ++count;
      return {};
    }));
    return count;
  }

  void check_refused(std::vector<Row> rows, const std::string& what) {
    REQUIRE_OK(write(std::move(rows)));
    const auto opened = Catalog::open(path, test::openssl_mac);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code() == Code::Internal);
    CHECK_THAT(opened.error().detail(), Contains(what));
  }
};

TEST_CASE_METHOD(LedgerFixture, "catalog: a gap in a key's versions is refused",
                 "[store][ledger]") {
  check_refused({key_row, make_version_row(key, test::make_version(2))}, "do not count from 1");
}

TEST_CASE_METHOD(LedgerFixture, "catalog: a key without versions is refused", "[store][ledger]") {
  check_refused({key_row}, "do not count from 1");
}

TEST_CASE_METHOD(LedgerFixture, "catalog: words that it does not know are refused",
                 "[store][ledger]") {
  SECTION("algorithm") { key_row.columns[2] = std::string("ml-dsa-65"); }
  SECTION("residency") { key_row.columns[3] = std::string("cloud"); }
  SECTION("name") { key_row.columns[1] = std::string("Team/A"); }
  SECTION("tags, cut") { key_row.columns[4] = Bytes{0, 1, 0, 1, 'a', 0}; }
  SECTION("tags, extended") { key_row.columns[4] = Bytes{0, 0, 0}; }
  SECTION("state") { version_row.columns[2] = std::string("lost"); }
  SECTION("version 0") { version_row.columns[1] = std::int64_t{0}; }
  SECTION("version 2^32") { version_row.columns[1] = std::int64_t{1} << 32; }
  check_refused({key_row, version_row}, "written by another version");
}

TEST_CASE_METHOD(LedgerFixture, "ledger: a version without its key is not written",
                 "[store][ledger]") {
  CHECK_CODE(write({version_row}), Code::Internal);
  CHECK(REQUIRE_OK(Ledger::open(path, test::openssl_mac, skip))->epoch() == 0);
}

TEST_CASE_METHOD(LedgerFixture, "ledger: a change that fails in the middle leaves nothing",
                 "[store][ledger]") {
  Row twin = key_row;
  twin.columns[0] = to_bytes(KeyId::random().bytes());
  CHECK_CODE(write({key_row, version_row, twin}), Code::Internal);
  CHECK(count_rows() == 0);
}

TEST_CASE_METHOD(LedgerFixture, "ledger: each change counts one epoch", "[store][ledger]") {
  REQUIRE_OK(write({key_row, version_row}));
  REQUIRE_OK(write({version_row}));
  CHECK(REQUIRE_OK(Ledger::open(path, test::openssl_mac, skip))->epoch() == 2);
  CHECK(count_rows() == 2);
}

}  // namespace
}  // namespace kw::store
