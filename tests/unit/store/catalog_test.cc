// SPDX-License-Identifier: Apache-2.0
#include "service/store/catalog.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>

#include "base/file.h"
#include "tests/unit/store/fixture.h"

namespace kw::store {
namespace {

using keys::Key;
using keys::State;
using test::add_key;
using test::CatalogFixture;
using test::make_key;
using test::make_version;

std::vector<std::string> names_of(const std::vector<std::shared_ptr<const Key>>& page) {
  std::vector<std::string> names;
  for (const auto& key : page) names.push_back(key->name.text());
  return names;
}

unsigned mode_of(const std::filesystem::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777u;
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a published key is found by name and id",
                 "[store][catalog]") {
  const Key key = add_key(*catalog, "team/a");
  CHECK(*REQUIRE_OK(catalog->find(key.name)) == key);
  CHECK(*REQUIRE_OK(catalog->find(key.id)) == key);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: what was written is there again after opening",
                 "[store][catalog]") {
  Key plain = make_key("plain", "xaes-256-gcm");
  plain.tags.clear();
  plain.rotate_every.reset();
  REQUIRE_OK(catalog->begin_key(plain));
  REQUIRE_OK(catalog->publish(plain.id, plain.versions.front()));
  plain.versions.front().state = State::Enabled;
  const Key rich = add_key(*catalog, "team/a", "rsa-2048-pss-sha256");
  REQUIRE_OK(catalog->put_setting("audit-key", Bytes{1, 2, 3}));
  const std::uint64_t epoch = catalog->epoch();
  reopen();
  CHECK(*REQUIRE_OK(catalog->find(plain.id)) == plain);
  CHECK(*REQUIRE_OK(catalog->find(rich.id)) == rich);
  CHECK(REQUIRE_OK(catalog->setting("audit-key")) == Bytes{1, 2, 3});
  CHECK(catalog->epoch() == epoch);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a key being created is invisible", "[store][catalog]") {
  const Key key = make_key("team/a");
  REQUIRE_OK(catalog->begin_key(key));
  CHECK_CODE(catalog->find(key.name), Code::NotFound);
  CHECK_CODE(catalog->find(key.id), Code::NotFound);
  CHECK(catalog->list("", "", 10).empty());
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a missing key is NotFound", "[store][catalog]") {
  const KeyName name = REQUIRE_OK(KeyName::parse("no"));
  CHECK_CODE(catalog->find(name), Code::NotFound);
  CHECK_CODE(catalog->find(KeyId::random()), Code::NotFound);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a name is taken once", "[store][catalog]") {
  SECTION("while the first key is being created") {
    REQUIRE_OK(catalog->begin_key(make_key("team/a")));
  }
  SECTION("when the first key is published") { add_key(*catalog, "team/a"); }
  SECTION("when the file was opened again") {
    REQUIRE_OK(catalog->begin_key(make_key("team/a")));
    reopen();
  }
  CHECK_CODE(catalog->begin_key(make_key("team/a")), Code::AlreadyExists);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: an id is taken once", "[store][catalog]") {
  Key other = make_key("team/b");
  other.id = add_key(*catalog, "team/a").id;
  CHECK_CODE(catalog->begin_key(other), Code::AlreadyExists);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a new key has one version that is being created",
                 "[store][catalog]") {
  Key key = make_key("team/a");
  SECTION("none") { key.versions.clear(); }
  SECTION("two") { key.versions.push_back(make_version(2)); }
  SECTION("not the first") { key.versions = {make_version(2)}; }
  SECTION("enabled") { key.versions.front().state = State::Enabled; }
  CHECK_CODE(catalog->begin_key(key), Code::InvalidArgument);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: tags over a bound are refused", "[store][catalog]") {
  Key key = make_key("team/a");
  SECTION("too large") { key.tags["x"] = std::string(8'192, 'x'); }
  SECTION("not UTF-8") { key.tags["x"] = "\xff"; }
  SECTION("too many") {
    for (int i = 0; i < 65; ++i) key.tags[std::to_string(i)] = "";
  }
  CHECK_CODE(catalog->begin_key(key), Code::InvalidArgument);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a new version shows when it is published",
                 "[store][catalog]") {
  const Key key = add_key(*catalog, "team/a");
  keys::KeyVersion second = make_version(2);
  REQUIRE_OK(catalog->begin_version(key.id, second));
  CHECK(*REQUIRE_OK(catalog->find(key.id)) == key);
  second.public_key = Bytes(44, 9);
  REQUIRE_OK(catalog->publish(key.id, second));
  const auto found = REQUIRE_OK(catalog->find(key.id));
  REQUIRE(found->versions.size() == 2);
  CHECK(found->primary()->number == Version{2});
  CHECK(found->primary()->public_key == Bytes(44, 9));
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a version out of line is refused", "[store][catalog]") {
  const Key key = add_key(*catalog, "team/a");
  CHECK_CODE(catalog->begin_version(KeyId::random(), make_version(2)), Code::NotFound);
  CHECK_CODE(catalog->begin_version(key.id, make_version(1)), Code::Aborted);
  CHECK_CODE(catalog->begin_version(key.id, make_version(3)), Code::Aborted);
  REQUIRE_OK(catalog->begin_version(key.id, make_version(2)));
  CHECK_CODE(catalog->begin_version(key.id, make_version(2)), Code::Aborted);
  CHECK_CODE(catalog->begin_version(key.id, make_version(3)), Code::Aborted);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: only what is being created can be published",
                 "[store][catalog]") {
  const Key key = add_key(*catalog, "team/a");
  CHECK_CODE(catalog->publish(key.id, key.versions.front()), Code::FailedPrecondition);
  CHECK_CODE(catalog->publish(key.id, make_version(2)), Code::NotFound);
  CHECK_CODE(catalog->publish(KeyId::random(), make_version(1)), Code::NotFound);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a discarded key leaves its name free",
                 "[store][catalog]") {
  const Key key = make_key("team/a");
  REQUIRE_OK(catalog->begin_key(key));
  REQUIRE_OK(catalog->discard(key.id, Version{1}));
  CHECK(catalog->unfinished().empty());
  reopen();
  CHECK(catalog->unfinished().empty());
  add_key(*catalog, "team/a");
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a discarded version leaves the key as it was",
                 "[store][catalog]") {
  const Key key = add_key(*catalog, "team/a");
  REQUIRE_OK(catalog->begin_version(key.id, make_version(2)));
  REQUIRE_OK(catalog->discard(key.id, Version{2}));
  reopen();
  CHECK(*REQUIRE_OK(catalog->find(key.id)) == key);
  CHECK_CODE(catalog->discard(key.id, Version{1}), Code::FailedPrecondition);
  CHECK_CODE(catalog->discard(key.id, Version{2}), Code::NotFound);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: states change along the legal transitions",
                 "[store][catalog]") {
  const Key key = add_key(*catalog, "team/a");
  REQUIRE_OK(catalog->set_state(key.id, Version{1}, State::Disabled));
  reopen();
  CHECK(REQUIRE_OK(catalog->find(key.id))->versions.front().state == State::Disabled);
  CHECK_CODE(catalog->set_state(key.id, Version{1}, State::Destroyed), Code::FailedPrecondition);
  CHECK_CODE(catalog->set_state(key.id, Version{1}, State::Creating), Code::FailedPrecondition);
  CHECK_CODE(catalog->set_state(key.id, Version{2}, State::Enabled), Code::NotFound);
  CHECK_CODE(catalog->set_state(KeyId::random(), Version{1}, State::Enabled), Code::NotFound);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a state that is already there writes nothing",
                 "[store][catalog]") {
  const Key key = add_key(*catalog, "team/a");
  const std::uint64_t epoch = catalog->epoch();
  REQUIRE_OK(catalog->set_state(key.id, Version{1}, State::Enabled));
  CHECK(catalog->epoch() == epoch);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a version being created has no state to change",
                 "[store][catalog]") {
  const Key key = make_key("team/a");
  REQUIRE_OK(catalog->begin_key(key));
  CHECK_CODE(catalog->set_state(key.id, Version{1}, State::Enabled), Code::NotFound);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a thousand keys are listed in pages",
                 "[store][catalog][slow]") {
  std::vector<std::string> wanted;
  for (int i = 0; i < 1'000; ++i) {
    const std::string digits = std::to_string(1'000 + i * 7 % 1'000);
    wanted.push_back("team/" + digits);
    add_key(*catalog, wanted.back());
  }
  std::sort(wanted.begin(), wanted.end());
  add_key(*catalog, "tea");
  add_key(*catalog, "team.x");
  add_key(*catalog, "teams/1000");
  REQUIRE_OK(catalog->begin_key(make_key("team/1500x")));
  std::vector<std::string> found;
  for (;;) {
    const auto page = names_of(catalog->list("team/", found.empty() ? "" : found.back(), 64));
    if (page.empty()) break;
    CHECK(page.size() <= 64);
    found.insert(found.end(), page.begin(), page.end());
  }
  CHECK(found == wanted);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a list starts after a name that need not exist",
                 "[store][catalog]") {
  for (const char* name : {"a", "b/1", "b/2", "c"}) add_key(*catalog, name);
  using Names = std::vector<std::string>;
  CHECK(names_of(catalog->list("", "", 10)) == Names{"a", "b/1", "b/2", "c"});
  CHECK(names_of(catalog->list("", "b/1", 10)) == Names{"b/2", "c"});
  CHECK(names_of(catalog->list("", "b/15", 10)) == Names{"b/2", "c"});
  CHECK(names_of(catalog->list("b", "a", 10)) == Names{"b/1", "b/2"});
  CHECK(names_of(catalog->list("b", "z", 10)).empty());
  CHECK(names_of(catalog->list("b", "", 1)) == Names{"b/1"});
  CHECK(catalog->list("", "", 0).empty());
}

TEST_CASE_METHOD(CatalogFixture, "catalog: settings replace each other", "[store][settings]") {
  CHECK_CODE(catalog->setting("pin-guard"), Code::NotFound);
  REQUIRE_OK(catalog->put_setting("pin-guard", Bytes{}));
  REQUIRE_OK(catalog->put_setting("pin-guard", Bytes{7}));
  CHECK(REQUIRE_OK(catalog->setting("pin-guard")) == Bytes{7});
  CHECK_CODE(catalog->put_setting("", Bytes{}), Code::InvalidArgument);
  CHECK_CODE(catalog->put_setting(std::string(65, 'a'), Bytes{}), Code::InvalidArgument);
  CHECK_CODE(catalog->put_setting("a", Bytes(4'097)), Code::InvalidArgument);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: files are closed to other users", "[store][file]") {
  add_key(*catalog, "team/a");
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(folder / "catalog.db-wal") == 0600);
  CHECK(mode_of(folder / "catalog.db.lock") == 0600);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a file open to others is refused", "[store][file]") {
  close();
  REQUIRE(::chmod(path.c_str(), 0640) == 0);
  CHECK_CODE(Catalog::open(path, test::openssl_mac), Code::FailedPrecondition);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a file in use is refused", "[store][file]") {
  CHECK_CODE(Catalog::open(path, test::openssl_mac), Code::FailedPrecondition);
}

TEST_CASE("catalog: a file that is no database is refused", "[store][file]") {
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / "catalog.db", std::string(8'192, 'x'), 0600));
  CHECK_CODE(Catalog::open(folder / "catalog.db", test::openssl_mac), Code::Internal);
}

TEST_CASE("catalog: a folder that is not there is Unavailable", "[store][file]") {
  const test::TempDir folder;
  CHECK_CODE(Catalog::open(folder / "no" / "catalog.db", test::openssl_mac), Code::Unavailable);
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a mutation under a foreign lock changes nothing",
                 "[store][fault]") {
  const Key key = add_key(*catalog, "team/a");
  const std::uint64_t epoch = catalog->epoch();
  {
    test::Raw other(path);
    other.run("BEGIN IMMEDIATE");
    CHECK_CODE(catalog->set_state(key.id, Version{1}, State::Disabled), Code::Unavailable);
    CHECK_CODE(catalog->begin_key(make_key("team/b")), Code::Unavailable);
    CHECK_CODE(catalog->put_setting("a", Bytes{1}), Code::Unavailable);
  }
  CHECK(*REQUIRE_OK(catalog->find(key.id)) == key);
  CHECK(catalog->unfinished().empty());
  CHECK_CODE(catalog->setting("a"), Code::NotFound);
  CHECK(catalog->epoch() == epoch);
  REQUIRE_OK(catalog->set_state(key.id, Version{1}, State::Disabled));
  reopen();
}

TEST_CASE("catalog: a token that makes no MAC lets nothing be written", "[store][fault]") {
  const test::TempDir folder;
  bool is_away = false;
  const auto mac = [&](ByteView message) -> Result<Bytes> {
    if (is_away) return Error(Code::Unavailable, "the token is away");
    return test::openssl_mac(message);
  };
  const auto catalog = REQUIRE_OK(Catalog::open(folder / "catalog.db", mac));
  is_away = true;
  CHECK_CODE(catalog->begin_key(make_key("team/a")), Code::Unavailable);
  is_away = false;
  add_key(*catalog, "team/a");
}

TEST_CASE("catalog: a MAC of another length is refused", "[store][fault]") {
  const test::TempDir folder;
  const auto mac = [](ByteView) -> Result<Bytes> { return Bytes(20); };
  CHECK_CODE(Catalog::open(folder / "catalog.db", mac), Code::Internal);
}

// The child never returns to Catch: it begins and is killed, as a crash would.
void begin_in_child_and_die(const std::filesystem::path& path, const Key& key) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto catalog = Catalog::open(path, test::openssl_mac);
    if (catalog && (*catalog)->begin_key(key)) ::raise(SIGKILL);
    ::_exit(1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
}

TEST_CASE_METHOD(CatalogFixture, "catalog: a key begun before a crash is listed as unfinished",
                 "[store][fault]") {
  const Key kept = add_key(*catalog, "kept");
  close();
  const Key key = make_key("team/a", "hmac-sha256");
  begin_in_child_and_die(path, key);
  reopen();
  const auto unfinished = catalog->unfinished();
  REQUIRE(unfinished.size() == 1);
  CHECK(unfinished[0].id == key.id);
  CHECK(unfinished[0].name == key.name);
  CHECK(unfinished[0].algorithm == key.algorithm);
  CHECK(unfinished[0].version == Version{1});
  CHECK(*REQUIRE_OK(catalog->find(kept.id)) == kept);
  REQUIRE_OK(catalog->discard(key.id, Version{1}));
}

TEST_CASE_METHOD(CatalogFixture, "catalog: readers see whole keys while one writes",
                 "[store][threads]") {
  const Key key = add_key(*catalog, "team/a");
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  const auto read = [&] {
    while (!done) {
      const auto found = catalog->find(key.id);
      const auto page = catalog->list("team/", "", 100);
      if (!found || (*found)->find(Version{1}) == nullptr || page.empty()) ++torn;
      if (catalog->epoch() == 0) ++torn;
    }
  };
  std::thread one(read);
  std::thread two(read);
  for (std::uint32_t number = 2; number < 20; ++number) {
    REQUIRE_OK(catalog->begin_version(key.id, make_version(number)));
    REQUIRE_OK(catalog->publish(key.id, make_version(number)));
    add_key(*catalog, "team/" + std::to_string(number));
  }
  done = true;
  one.join();
  two.join();
  CHECK(torn == 0);
  CHECK(REQUIRE_OK(catalog->find(key.id))->versions.size() == 19);
}

}  // namespace
}  // namespace kw::store
