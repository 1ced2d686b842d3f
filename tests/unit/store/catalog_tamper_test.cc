// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include "tests/unit/store/fixture.h"

namespace kw::store {
namespace {

using Catch::Matchers::Contains;
using keys::State;
using test::Raw;

// A catalog with one key and one setting, to be edited by somebody else.
struct TamperFixture : test::CatalogFixture {
  keys::Key key = test::add_key(*catalog, "team/a");

  TamperFixture() { REQUIRE_OK(catalog->put_setting("audit-key", Bytes{0x10, 0x20})); }

  void check_refused(const std::string& what) {
    close();
    const auto opened = Catalog::open(path, test::openssl_mac);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code() == Code::Internal);
    CHECK_THAT(opened.error().detail(), Contains(what));
  }
};

struct Column {
  const char* table;
  const char* name;
};

// Every column of every table but the head's constant id.
const std::vector<Column> kColumns{
    {"keys", "id"},
    {"keys", "name"},
    {"keys", "algorithm"},
    {"keys", "residency"},
    {"keys", "tags"},
    {"keys", "created"},
    {"keys", "rotate_every"},
    {"keys", "mac"},
    {"versions", "key"},
    {"versions", "number"},
    {"versions", "state"},
    {"versions", "created"},
    {"versions", "public_key"},
    {"versions", "check_value"},
    {"versions", "mac"},
    {"wrapped_versions", "key"},
    {"wrapped_versions", "number"},
    {"wrapped_versions", "algorithm"},
    {"wrapped_versions", "state"},
    {"wrapped_versions", "created"},
    {"wrapped_versions", "public_key"},
    {"wrapped_versions", "check_value"},
    {"wrapped_versions", "kek"},
    {"wrapped_versions", "material"},
    {"wrapped_versions", "mac"},
    {"settings", "name"},
    {"settings", "value"},
    {"settings", "mac"},
    {"head", "schema"},
    {"head", "epoch"},
    {"head", "rows"},
    {"head", "sum"},
    {"head", "mac"},
};

std::int64_t width_of(const std::filesystem::path& path, const Column& column) {
  const std::string name = column.name;
  return Raw(path).number("SELECT min(CASE typeof(" + name +
                          ") WHEN 'integer' THEN 8 ELSE length(" + name + ") END) FROM " +
                          column.table);
}

TEST_CASE_METHOD(TamperFixture, "catalog: a flip in any byte of any column is found",
                 "[store][tamper][slow]") {
  (void)test::add_wrapped_key(*catalog, "team/b");
  close();
  int flips = 0;
  for (const Column& column : kColumns) {
    const std::int64_t width = width_of(path, column);
    for (std::int64_t place = 0; place < width; ++place) {
      const std::string name = column.name;
      const std::string flip = std::string("UPDATE ") + column.table + " SET " + name + " = flip(" +
                               name + ", " + std::to_string(place) + ")";
      INFO(flip);
      Raw(path).run(flip);
      check_refused(std::string(column.table) + " ");
      Raw(path).run(flip);
      ++flips;
    }
  }
  CHECK(flips > 350);
  reopen();
}

TEST_CASE_METHOD(TamperFixture, "catalog: an edited row is named", "[store][tamper]") {
  Raw(path).run("UPDATE versions SET state = 'disabled'");
  check_refused("versions " + key.id.text() + " 1: wrong MAC");
}

TEST_CASE_METHOD(TamperFixture, "catalog: a value of another type is found", "[store][tamper]") {
  Raw(path).run("UPDATE keys SET rotate_every = NULL");
  check_refused("keys " + key.id.text() + ": wrong MAC");
}

TEST_CASE_METHOD(TamperFixture, "catalog: a removed setting is found", "[store][tamper]") {
  Raw(path).run("DELETE FROM settings");
  check_refused("1 row(s) missing");
}

TEST_CASE_METHOD(TamperFixture, "catalog: a removed key is found", "[store][tamper]") {
  Raw(path).run("DELETE FROM versions; DELETE FROM keys");
  check_refused("2 row(s) missing");
}

TEST_CASE_METHOD(TamperFixture, "catalog: an emptied catalog is found", "[store][tamper]") {
  Raw(path).run("DELETE FROM versions; DELETE FROM keys; DELETE FROM settings");
  check_refused("3 row(s) missing");
}

TEST_CASE_METHOD(TamperFixture, "catalog: a copied row is named", "[store][tamper]") {
  Raw(path).run("INSERT INTO settings SELECT 'other', value, mac FROM settings");
  check_refused("settings other: wrong MAC");
}

TEST_CASE_METHOD(TamperFixture, "catalog: a row that came back is found", "[store][tamper]") {
  REQUIRE_OK(catalog->begin_version(key.id, test::make_version(2)));
  Raw raw(path);
  raw.run("ATTACH ':memory:' AS kept");
  raw.run("CREATE TABLE kept.old AS SELECT * FROM versions WHERE number = 2");
  REQUIRE_OK(catalog->discard(key.id, Version{2}));
  close();
  raw.run("INSERT INTO versions SELECT * FROM kept.old");
  check_refused("1 row(s) too many");
}

TEST_CASE_METHOD(TamperFixture, "catalog: a row that was rolled back is found", "[store][tamper]") {
  Raw raw(path);
  raw.run("ATTACH ':memory:' AS kept");
  raw.run("CREATE TABLE kept.old AS SELECT * FROM versions");
  REQUIRE_OK(catalog->set_state(key.id, Version{1}, State::Disabled));
  close();
  raw.run("REPLACE INTO versions SELECT * FROM kept.old");
  check_refused("an older copy of itself");
}

TEST_CASE_METHOD(TamperFixture, "catalog: an older head is found", "[store][tamper]") {
  Raw raw(path);
  raw.run("ATTACH ':memory:' AS kept");
  raw.run("CREATE TABLE kept.old AS SELECT * FROM head");
  REQUIRE_OK(catalog->set_state(key.id, Version{1}, State::Disabled));
  close();
  raw.run("REPLACE INTO head SELECT * FROM kept.old");
  check_refused("an older copy of itself");
}

TEST_CASE_METHOD(TamperFixture, "catalog: an epoch set back is found", "[store][tamper]") {
  Raw(path).run("UPDATE head SET epoch = epoch - 1");
  check_refused("head row: wrong MAC");
}

TEST_CASE_METHOD(TamperFixture, "catalog: a missing head is found", "[store][tamper]") {
  Raw(path).run("DELETE FROM head");
  check_refused("the head row is missing");
}

TEST_CASE_METHOD(TamperFixture, "catalog: rows that change places are found", "[store][tamper]") {
  test::add_key(*catalog, "team/b");
  const std::string column = GENERATE("mac", "id", "name");
  INFO(column);
  const auto from = [&](const char* each) {
    return (column == each ? "b." : "a.") + std::string(each);
  };
  Raw raw(path);
  raw.run("ATTACH ':memory:' AS kept");
  raw.run("CREATE TABLE kept.old AS SELECT * FROM keys");
  raw.run("DELETE FROM keys");
  raw.run("INSERT INTO keys SELECT " + from("id") + ", " + from("name") +
          ", a.algorithm, a.residency, a.tags, a.created, a.rotate_every, " + from("mac") +
          " FROM kept.old a JOIN kept.old b ON a.id <> b.id");
  check_refused("wrong MAC");
}

TEST_CASE_METHOD(TamperFixture, "catalog: anything beside the tables is found", "[store][tamper]") {
  const std::string sql =
      GENERATE("CREATE TRIGGER t AFTER INSERT ON versions BEGIN DELETE FROM settings; END",
               "CREATE VIEW v AS SELECT 1", "CREATE INDEX i ON keys (created)",
               "CREATE TABLE zzz (a)", "ALTER TABLE keys ADD COLUMN more TEXT");
  INFO(sql);
  Raw(path).run(sql);
  check_refused("tables are not those of schema 1");
}

TEST_CASE_METHOD(TamperFixture, "catalog: a dropped table is found", "[store][tamper]") {
  Raw(path).run("DROP TABLE versions");
  check_refused("its tables are not those");
}

TEST_CASE_METHOD(TamperFixture, "catalog: another key's MACs are refused", "[store][tamper]") {
  close();
  const auto other = [](ByteView message) -> Result<Bytes> {
    Bytes prefixed{1};
    append(prefixed, message);
    return test::openssl_mac(prefixed);
  };
  CHECK_CODE(Catalog::open(path, other), Code::Internal);
}

TEST_CASE_METHOD(TamperFixture, "catalog: a head changed while it is open stops all writing",
                 "[store][tamper]") {
  Raw(path).run("UPDATE head SET epoch = epoch + 5");
  CHECK_CODE(catalog->set_state(key.id, Version{1}, State::Disabled), Code::Internal);
  CHECK(*REQUIRE_OK(catalog->find(key.id)) == key);
}

TEST_CASE_METHOD(TamperFixture, "catalog: a row taken away while it is open is noticed at its end",
                 "[store][tamper]") {
  REQUIRE_OK(catalog->begin_version(key.id, test::make_version(2)));
  Raw(path).run("DELETE FROM versions WHERE number = 2");
  CHECK_CODE(catalog->discard(key.id, Version{2}), Code::Internal);
}

}  // namespace
}  // namespace kw::store
