// SPDX-License-Identifier: Apache-2.0
#include "service/store/key_row.h"
#include "service/store/ledger.h"
#include "tests/unit/store/fixture.h"

namespace kw::store {
namespace {

using Catch::Matchers::Contains;
using keys::State;
using test::Raw;

struct WrappedCatalog : test::CatalogFixture {
  keys::Key token_key = test::add_key(*catalog, "team/a");
  keys::Key one = test::add_wrapped_key(*catalog, "team/b");
  keys::Key two = test::add_wrapped_key(*catalog, "team/c");

  void check_refused(const std::string& what) {
    close();
    const auto opened = Catalog::open(path, test::openssl_mac);
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().code() == Code::Internal);
    CHECK_THAT(opened.error().detail(), Contains(what));
  }
};

// The release before had no table for wrapped versions; the sum of its rows stays what it is.
void make_schema_1(const std::filesystem::path& path, const keys::Key& only_key) {
  RowSum sum;
  for (const auto& [row, letter] :
       {std::pair(REQUIRE_OK(make_key_row(only_key)), 'K'),
        std::pair(make_version_row(only_key, only_key.versions.front()), 'V')}) {
    RowMac mac{};
    const Bytes made = REQUIRE_OK(test::openssl_mac(encode_row(letter, row.columns)));
    std::copy(made.begin(), made.end(), mac.begin());
    sum.add(mac);
  }
  Raw raw(path);
  raw.run("DROP TABLE wrapped_versions");
  const Columns head{Value{std::int64_t{1}}, Value{raw.number("SELECT epoch FROM head")},
                     Value{std::int64_t{2}}, Value{to_bytes(sum.value())}};
  const Bytes mac = REQUIRE_OK(test::openssl_mac(encode_row('H', head)));
  raw.run("UPDATE head SET schema = 1, mac = x'" + to_hex(mac) + "'");
}

Result<void> skip(const Row&) { return {}; }

}  // namespace

TEST_CASE_METHOD(WrappedCatalog, "catalog: a wrapped key is there again after opening",
                 "[store][wrapped]") {
  reopen();
  CHECK(*REQUIRE_OK(catalog->find(one.name)) == one);
  CHECK(*REQUIRE_OK(catalog->find(two.id)) == two);
  REQUIRE_OK(catalog->set_state(one.id, Version{1}, State::Disabled));
  keys::KeyVersion second = test::make_version(2);
  REQUIRE_OK(catalog->begin_version(two.id, second));
  CHECK(REQUIRE_OK(catalog->find(two.id))->versions.size() == 1);
  second.wrapped = Bytes(72, 9);
  second.kek = Version{5};
  REQUIRE_OK(catalog->publish(two.id, second));
  reopen();
  CHECK(REQUIRE_OK(catalog->find(one.id))->versions[0].state == State::Disabled);
  CHECK(REQUIRE_OK(catalog->find(one.id))->versions[0].wrapped == Bytes(40, 'b'));
  CHECK(REQUIRE_OK(catalog->find(two.id))->versions[1].wrapped == Bytes(72, 9));
  CHECK(REQUIRE_OK(catalog->find(two.id))->versions[1].kek == Version{5});
}

TEST_CASE_METHOD(WrappedCatalog, "catalog: keys in the token are listed apart",
                 "[store][wrapped]") {
  const auto page = catalog->list_in_token("", 10);
  REQUIRE(page.size() == 1);
  CHECK(page[0]->name == token_key.name);
  CHECK(catalog->size_in_token() == 1);
  CHECK(catalog->size() == 3);
  CHECK(catalog->list("", "", 10).size() == 3);
  CHECK(catalog->list_in_token("team/a", 10).empty());
  REQUIRE_OK(catalog->begin_key(test::make_key("team/d")));
  CHECK(catalog->size_in_token() == 2);
  CHECK(catalog->list_in_token("", 10).size() == 1);
  REQUIRE_OK(catalog->discard(catalog->unfinished().front().id, Version{1}));
  CHECK(catalog->size_in_token() == 1);
  reopen();
  CHECK(catalog->size_in_token() == 1);
}

TEST_CASE_METHOD(WrappedCatalog, "catalog: swapped and re-typed material is found",
                 "[store][wrapped][attack]") {
  const auto swap = [](const std::string& column) {
    return "UPDATE wrapped_versions AS a SET " + column + " = (SELECT b." + column +
           " FROM wrapped_versions b WHERE b.key <> a.key)";
  };
  const std::string sql =
      GENERATE_COPY(swap("material"), swap("material") + "; " + swap("mac"),
                    std::string("UPDATE wrapped_versions SET algorithm = 'hmac-sha256'"),
                    std::string("UPDATE wrapped_versions SET kek = 1"),
                    std::string("UPDATE keys SET residency = 'token'"),
                    std::string("UPDATE keys SET algorithm = 'hmac-sha256'"));
  INFO(sql);
  Raw(path).run(sql);
  check_refused("wrong MAC");
}

TEST_CASE_METHOD(WrappedCatalog, "catalog: a wrapped row that is gone or came back is found",
                 "[store][wrapped][attack]") {
  SECTION("gone") {
    Raw(path).run("DELETE FROM wrapped_versions WHERE key = x'" + one.id.text() + "'");
    check_refused("1 row(s) missing");
  }
  SECTION("an older copy") {
    Raw raw(path);
    raw.run("CREATE TEMP TABLE old AS SELECT * FROM wrapped_versions");
    REQUIRE_OK(catalog->set_state(one.id, Version{1}, State::Disabled));
    close();
    raw.run("DELETE FROM wrapped_versions; INSERT INTO wrapped_versions SELECT * FROM old");
    check_refused("older copy");
  }
}

TEST_CASE("catalog: a version in the other table is refused", "[store][wrapped][attack]") {
  test::TempDir folder;
  keys::Key key = test::make_key("team/a", "xaes-256-gcm");
  key.residency = GENERATE(keys::Residency::Token, keys::Residency::Wrapped);
  keys::Key other = key;
  other.residency =
      key.residency == keys::Residency::Token ? keys::Residency::Wrapped : keys::Residency::Token;
  {
    const auto ledger = REQUIRE_OK(Ledger::open(folder / "c.db", test::openssl_mac, skip));
    const Row key_row = REQUIRE_OK(make_key_row(key));
    REQUIRE_OK(ledger->commit({{key_row, make_version_row(other, test::make_version(1))}, {}}));
  }
  CHECK_CODE(Catalog::open(folder / "c.db", test::openssl_mac), Code::Internal);
}

TEST_CASE("catalog: a wrapped version of another algorithm is refused",
          "[store][wrapped][attack]") {
  test::TempDir folder;
  keys::Key key = test::make_key("team/a", "xaes-256-gcm");
  key.residency = keys::Residency::Wrapped;
  keys::Key other = key;
  other.algorithm = keys::find_algorithm("hmac-sha256");
  {
    const auto ledger = REQUIRE_OK(Ledger::open(folder / "c.db", test::openssl_mac, skip));
    const Row key_row = REQUIRE_OK(make_key_row(key));
    REQUIRE_OK(ledger->commit({{key_row, make_version_row(other, test::make_version(1))}, {}}));
  }
  CHECK_CODE(Catalog::open(folder / "c.db", test::openssl_mac), Code::Internal);
}

TEST_CASE_METHOD(test::CatalogFixture, "catalog: a file of schema 1 becomes one of schema 2",
                 "[store][wrapped]") {
  const keys::Key key = test::add_key(*catalog, "team/a");
  close();
  make_schema_1(path, key);
  reopen();
  CHECK(*REQUIRE_OK(catalog->find(key.id)) == key);
  (void)test::add_wrapped_key(*catalog, "team/b");
  reopen();
  CHECK(catalog->size() == 2);
  close();
  CHECK(Raw(path).number("SELECT schema FROM head") == 2);
  Raw(path).run("DELETE FROM wrapped_versions; DROP TABLE wrapped_versions");
  CHECK_CODE(Catalog::open(path, test::openssl_mac), Code::Internal);
}

}  // namespace kw::store
