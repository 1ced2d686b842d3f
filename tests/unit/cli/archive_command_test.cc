// SPDX-License-Identifier: Apache-2.0
// That no record is lost is tested where it lives; here: the command, and the readers of two
// folders.
#include <nlohmann/json.hpp>

#include "log_fixture.h"

namespace kw::test {
namespace {

struct ArchivedLog : LogFixture {
  ArchivedLog() { write(30); }

  Outcome archive(std::vector<std::string> words = {}) const {
    words.insert(words.begin(), {"--to", to()});
    return audit("archive", std::move(words));
  }
  std::string to() const { return (older / "moved").string(); }
  std::size_t moved() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(to()),
                                                  std::filesystem::directory_iterator()));
  }

  // The log has no checkpoint: it was made without a token.
  auto verify(std::vector<std::string> words = {}) const {
    words.insert(words.begin(), "--unsigned");
    return audit("verify", std::move(words));
  }

  TempDir older;
};

}  // namespace

TEST_CASE_METHOD(ArchivedLog, "audit archive: moves all but the last, and says what",
                 "[cli][audit]") {
  const std::size_t all = segments().size();
  const auto outcome = archive();
  CHECK(outcome.exit == 0);
  CHECK(outcome.out.find("moved " + std::to_string(all - 1) + " segments, records 0 to ") == 0);
  CHECK(moved() == all - 1);
  const auto again = archive({"--json"});
  CHECK(again.exit == 0);
  CHECK(nlohmann::json::parse(again.out)["segments"] == 0);
  CHECK(archive().out == "nothing to move\n");
}

TEST_CASE_METHOD(ArchivedLog, "audit archive: takes --keep or --before", "[cli][audit]") {
  const std::size_t all = segments().size();
  CHECK(archive({"--before", "1h"}).out == "nothing to move\n");
  CHECK(archive({"--before", "2020-01-01T00:00:00Z"}).out == "nothing to move\n");
  CHECK(archive({"--keep", "3"}).exit == 0);
  CHECK(moved() == all - 3);
  CHECK(archive({"--before", "0s"}).exit == 0);
  CHECK(moved() == all - 1);
}

TEST_CASE_METHOD(ArchivedLog, "audit verify: takes the folders of a log together", "[cli][audit]") {
  const auto before = verify();
  REQUIRE(before.exit == 0);
  REQUIRE(archive().exit == 0);
  const auto alone = verify();
  CHECK(alone.exit == 2);
  CHECK(alone.out.find("truncated: ") == 0);
  const auto together = verify({"--archive", to()});
  CHECK(together.exit == 0);
  CHECK(together.out == before.out);
  CHECK(verify({"--archive", to(), "--archive", to()}).exit == 4);
  CHECK(verify({"--archive", "/nonexistent"}).exit == 4);
  CHECK(verify({"--archive"}).exit == 4);
}

TEST_CASE_METHOD(ArchivedLog, "audit verify: takes more than one archive", "[cli][audit]") {
  const std::string first = (older / "first").string();
  const std::size_t all = segments().size();
  REQUIRE(audit("archive", {"--to", first, "--keep", std::to_string(all - 2)}).exit == 0);
  REQUIRE(archive().exit == 0);
  CHECK(verify({"--archive", to()}).exit == 2);
  CHECK(verify({"--archive", to(), "--archive", first}).exit == 0);
}

TEST_CASE_METHOD(ArchivedLog, "audit readers: read archived segments as if nothing had moved",
                 "[cli][audit]") {
  const auto shown = audit("show");
  const auto counted = audit("stats");
  REQUIRE(archive({"--keep", "2"}).exit == 0);
  CHECK(audit("show", {"--archive", to()}).out == shown.out);
  CHECK(audit("stats", {"--archive", to()}).out == counted.out);
  const std::size_t alone = lines_of(audit("show").out).size();
  CHECK(alone > 0);
  CHECK(alone < lines_of(audit("show", {"--archive", to()}).out).size());
  CHECK(lines_of(audit("tail").out).size() == 10);
}

TEST_CASE_METHOD(ArchivedLog, "audit archive: each wrong argument is wrong usage", "[cli][audit]") {
  const auto before = segments();
  CHECK(audit("archive").exit == 2);
  CHECK(audit("archive", {"--to", folder()}).exit == 2);
  CHECK(audit("archive", {"--to", folder() + "/../" + dir.path().filename().string()}).exit == 2);
  CHECK(archive({"--keep", "0"}).exit == 2);
  CHECK(archive({"--keep", "-1"}).exit == 2);
  CHECK(archive({"--before", "yesterday"}).exit == 2);
  CHECK(archive({"--before", "\x1b[2J"}).err.find('\x1b') == std::string::npos);
  CHECK(archive({"--before", "1h", "--keep", "2"}).exit == 2);
  CHECK(archive({"more"}).exit == 2);
  CHECK(segments() == before);
}

TEST_CASE_METHOD(ArchivedLog, "audit archive: a folder that is none, or a damaged log, is an error",
                 "[cli][audit]") {
  CHECK(call({"audit", "archive", "/nonexistent", "--to", to()}).exit == 1);
  CHECK(call({"audit", "archive", older.path().string(), "--to", to()}).exit == 1);
  CHECK(audit("archive", {"--to", (dir / "lock").string()}).exit == 1);
  damage(0);
  const auto before = segments();
  const auto outcome = archive();
  CHECK(outcome.exit == 1);
  CHECK(outcome.err.find(before.front().string() + ", byte ") != std::string::npos);
  CHECK(segments() == before);
}

}  // namespace kw::test
