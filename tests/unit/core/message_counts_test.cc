// SPDX-License-Identifier: Apache-2.0
#include "service/core/message_counts.h"

#include <set>
#include <thread>

#include "tests/unit/store/fixture.h"

namespace kw::core {
namespace {

using crypto::CountedNonce;
using crypto::FixedField;
using crypto::kMostMessages;

constexpr Version kFirst{1};

// Counts in a real catalog; each start has another field for each block.
struct CountFixture : test::CatalogFixture {
  CountFixture() { start(); }

  void start() {
    counts.reset();
    reopen();
    counts = std::make_unique<MessageCounts>(*catalog, options);
  }
  Result<void> set_aside() {
    ++field.front();
    return counts->set_aside(key, kFirst, field, deadline_in(std::chrono::seconds(30)));
  }
  CountedNonce::Block next() { return REQUIRE_OK(counts->draw(key, kFirst)).bytes(); }
  static std::uint32_t number_of(const CountedNonce::Block& nonce) {
    return read_u32(ByteView(nonce).last(4));
  }
  std::string setting_name() const { return "count-" + key.text() + "-1"; }
  void begin_at(std::uint32_t first) {
    Bytes value;
    append_u32(value, first);
    REQUIRE_OK(catalog->put_setting(setting_name(), value));
  }

  CountOptions options{.block = 1000, .rotate_after = 2500};
  const KeyId key = KeyId::random();
  FixedField field{};
  std::unique_ptr<MessageCounts> counts;
};

}  // namespace

TEST_CASE_METHOD(CountFixture, "message counts: numbers are set aside before they are used",
                 "[core][counts]") {
  CHECK_FALSE(counts->is_ready(key, kFirst));
  CHECK_CODE(counts->draw(key, kFirst), Code::ResourceExhausted);
  REQUIRE_OK(set_aside());
  CHECK(counts->is_ready(key, kFirst));
  // Format: docs/catalog-format.md. The first number that is not set aside.
  CHECK(to_hex(REQUIRE_OK(catalog->setting(setting_name()))) == "000003e9");
  CHECK(to_hex(next()) == "010000000000000000000001");
  CHECK(to_hex(next()) == "010000000000000000000002");
  const std::uint64_t epoch = catalog->epoch();
  REQUIRE_OK(set_aside());  // for nothing: another was here first
  CHECK(catalog->epoch() == epoch);
  CHECK(number_of(next()) == 3);
}

TEST_CASE_METHOD(CountFixture, "message counts: the next block is there before the last is empty",
                 "[core][counts]") {
  REQUIRE_OK(set_aside());
  for (int i = 0; i < 744; ++i) (void)next();
  CHECK(counts->is_ready(key, kFirst));
  CHECK(to_hex(next()) == "0100000000000000000002e9");
  CHECK_FALSE(counts->is_ready(key, kFirst));  // 255 are left
  REQUIRE_OK(set_aside());
  CHECK(to_hex(next()) == "0200000000000000000003e9");  // under another field
}

TEST_CASE_METHOD(CountFixture, "message counts: each version of each key has its own numbers",
                 "[core][counts]") {
  REQUIRE_OK(set_aside());
  CHECK_CODE(counts->draw(key, Version{2}), Code::ResourceExhausted);
  CHECK_CODE(counts->draw(KeyId::random(), kFirst), Code::ResourceExhausted);
  REQUIRE_OK(counts->set_aside(key, Version{2}, field, deadline_in(std::chrono::seconds(30))));
  CHECK(number_of(REQUIRE_OK(counts->draw(key, Version{2})).bytes()) == 1);
}

TEST_CASE_METHOD(CountFixture, "message counts: no nonce twice over three starts and four threads",
                 "[core][counts]") {
  std::set<CountedNonce::Block> seen;
  std::set<std::uint32_t> numbers;
  std::size_t drawn = 0;
  for (int life = 0; life < 4; ++life) {
    if (life > 0) start();
    std::vector<std::vector<CountedNonce::Block>> drafts(4);
    std::vector<std::thread> threads;
    for (auto& mine : drafts) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) {
          const FixedField own{9, static_cast<std::uint8_t>(&mine - drafts.data())};
          if (!counts->is_ready(key, kFirst) &&
              !counts->set_aside(key, kFirst, own, deadline_in(std::chrono::seconds(60)))) {
            return;
          }
          auto nonce = counts->draw(key, kFirst);
          if (nonce) mine.push_back(nonce->bytes());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& mine : drafts) {
      CHECK(mine.size() == 500);
      drawn += mine.size();
      for (const auto& nonce : mine) {
        seen.insert(nonce);
        numbers.insert(number_of(nonce));
      }
    }
  }
  CHECK(drawn == 8000);
  CHECK(seen.size() == drawn);
  CHECK(numbers.size() == drawn);  // the catalog's counter alone suffices while it goes forward
}

TEST_CASE_METHOD(CountFixture,
                 "message counts: a catalog brought back from a copy repeats no nonce",
                 "[core][counts]") {
  REQUIRE_OK(set_aside());
  (void)next();
  counts.reset();
  close();
  std::filesystem::copy_file(path, folder / "copy.db");
  std::set<CountedNonce::Block> before;
  start();
  REQUIRE_OK(set_aside());
  for (int i = 0; i < 500; ++i) before.insert(next());
  counts.reset();
  close();
  std::filesystem::copy_file(folder / "copy.db", path,
                             std::filesystem::copy_options::overwrite_existing);
  start();
  REQUIRE_OK(set_aside());
  const CountedNonce::Block first = next();
  CHECK(number_of(first) == number_of(*before.begin()));  // what the counter alone would do
  CHECK_FALSE(before.contains(first));
  for (int i = 0; i < 499; ++i) CHECK_FALSE(before.contains(next()));
}

TEST_CASE_METHOD(CountFixture, "message counts: 2^31 is the last number, also after a start",
                 "[core][counts]") {
  begin_at(kMostMessages - 2);
  start();
  REQUIRE_OK(set_aside());
  CHECK(to_hex(REQUIRE_OK(catalog->setting(setting_name()))) == "80000001");
  CHECK(number_of(next()) == 0x7ffffffe);
  REQUIRE_OK(set_aside());  // nothing more to set aside, and something left
  CHECK(number_of(next()) == 0x7fffffff);
  CHECK(number_of(next()) == 0x80000000);
  const auto none = counts->draw(key, kFirst);
  CHECK_CODE(none, Code::FailedPrecondition);
  CHECK(none.error().advice().find("rotate the key") != std::string::npos);
  CHECK_CODE(set_aside(), Code::FailedPrecondition);
  start();
  CHECK_CODE(set_aside(), Code::FailedPrecondition);
  CHECK_FALSE(counts->draw(key, kFirst));
}

TEST_CASE_METHOD(CountFixture, "message counts: a setting that is no count is not guessed at",
                 "[core][counts]") {
  const auto value =
      GENERATE(values<std::string>({"", "01", "0000000001", "00000000", "80000002", "ffffffff"}));
  INFO(value);
  const Bytes bytes = REQUIRE_OK(decode_hex(value));
  REQUIRE_OK(catalog->put_setting(setting_name(), bytes));
  CHECK_CODE(set_aside(), Code::Internal);
  CHECK_FALSE(counts->draw(key, kFirst));
}

TEST_CASE_METHOD(CountFixture, "message counts: what cannot be written is not used",
                 "[core][counts][fault]") {
  {
    test::Raw other(path);
    other.run("BEGIN IMMEDIATE");
    CHECK_CODE(set_aside(), Code::Unavailable);
  }
  CHECK_CODE(counts->draw(key, kFirst), Code::ResourceExhausted);
  REQUIRE_OK(set_aside());
  CHECK(number_of(next()) == 1);
}

TEST_CASE_METHOD(CountFixture, "message counts: a token that makes no MAC lets none be set aside",
                 "[core][counts][fault]") {
  counts.reset();
  close();
  bool is_away = false;
  const auto mac = [&](ByteView message) -> Result<Bytes> {
    if (is_away) return Error(Code::Unavailable, "the token is away");
    return test::openssl_mac(message);
  };
  catalog = REQUIRE_OK(store::Catalog::open(path, mac));
  counts = std::make_unique<MessageCounts>(*catalog, options);
  is_away = true;
  CHECK_CODE(set_aside(), Code::Unavailable);
  CHECK_FALSE(counts->draw(key, kFirst));
  is_away = false;
  REQUIRE_OK(set_aside());
  (void)next();
  is_away = true;  // with numbers left nobody notices
  (void)next();
}

TEST_CASE_METHOD(CountFixture, "message counts: says once a minute which version is due",
                 "[core][counts]") {
  const Clock::time_point now = Clock::now();
  REQUIRE_OK(set_aside());
  start();
  REQUIRE_OK(set_aside());
  CHECK(counts->due(now).empty());
  CHECK(counts->read().due == 0);
  start();
  CHECK(counts->read().most_used == 0);  // nothing is sealed with it yet
  REQUIRE_OK(set_aside());               // to 3000, of 2500
  CHECK(counts->read().due == 1);
  CHECK(counts->read().most_used == 3000.0 / (1u << 31));
  CHECK(counts->due(now) == std::vector{MessageCounts::VersionId{key, kFirst}});
  CHECK(counts->due(now + std::chrono::seconds(59)).empty());
  CHECK(counts->due(now + std::chrono::seconds(61)).size() == 1);
  counts->settle({key, kFirst});
  CHECK(counts->due(now + std::chrono::hours(1)).empty());
  CHECK(counts->read().due == 0);
  CHECK(counts->read().most_used == 0);
  start();
  REQUIRE_OK(set_aside());  // a start forgets it until more is set aside
  CHECK(counts->due(now).size() == 1);
}

}  // namespace kw::core
