// SPDX-License-Identifier: Apache-2.0
// Negative test 74: cut, reordered, duplicated, spliced, one bit flipped.
#include <algorithm>
#include <random>

#include "audit_fixture.h"
#include "service/audit/segment.h"
#include "tests/support/log_files.h"

namespace kw::test {
namespace {

using audit_verify::Finding;
using Files = LogFiles;

struct Mutator {
  Files files;
  std::mt19937_64 random{20260101};  // the same mutations each time

  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random() % limit; }
  std::string& any_file() {
    auto at = files.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(files.size())));
    return at->second;
  }
  // A piece of a file: any bytes, or whole records.
  std::pair<std::size_t, std::size_t> piece(const std::string& file) {
    if (below(2) == 0 || file.size() <= audit::kSegmentHeader) {
      const std::size_t at = below(file.size());
      return {at, 1 + below(std::min<std::size_t>(file.size() - at, 300))};
    }
    const auto ends = ends_of_records(file);
    const std::size_t from = below(ends.size() - 1);
    const std::size_t to = from + 1 + below(std::min<std::size_t>(ends.size() - 1 - from, 3));
    return {ends[from], ends[to] - ends[from]};
  }

  void flip() {
    std::string& file = any_file();
    char& byte = file[below(file.size())];
    byte = static_cast<char>(byte ^ (1 << below(8)));
  }
  void cut() {
    std::string& file = any_file();
    const auto [at, size] = piece(file);
    file.erase(at, size);
  }
  void cut_end() {
    std::string& file = any_file();
    file.resize(piece(file).first);
  }
  void insert() {
    std::string& file = any_file();
    std::string bytes(1 + below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    file.insert(below(file.size() + 1), bytes);
  }
  void duplicate() {
    std::string& file = any_file();
    const auto [at, size] = piece(file);
    file.insert(at, file.substr(at, size));
  }
  void swap() {
    std::string& file = any_file();
    auto [a, a_size] = piece(file);
    const auto [b, b_size] = piece(file);
    if (b < a + a_size) return flip();
    const std::string first = file.substr(a, a_size);
    const std::string second = file.substr(b, b_size);
    if (first == second) return flip();
    file.replace(b, b_size, first);
    file.replace(a, a_size, second);
  }
  void splice() {
    std::string& from = any_file();
    const auto [at, size] = piece(from);
    const std::string bytes = from.substr(at, size);
    std::string& to = any_file();
    to.insert(piece(to).first, bytes);
  }
  void exchange_files() {
    std::string& a = any_file();
    std::string& b = any_file();
    if (&a == &b) return flip();
    std::swap(a, b);
  }
  void drop_file() {
    auto at = files.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(files.size())));
    files.erase(at);
  }

  void mutate() {
    using Step = void (Mutator::*)();
    constexpr std::array<Step, 9> kSteps = {
        &Mutator::flip,      &Mutator::cut,  &Mutator::cut_end, &Mutator::insert,
        &Mutator::duplicate, &Mutator::swap, &Mutator::splice,  &Mutator::exchange_files,
        &Mutator::drop_file};
    (this->*kSteps[below(kSteps.size())])();
  }
};

}  // namespace

TEST_CASE_METHOD(AuditFixture, "audit verifier: finds each of 10,000 mutations", "[audit][74]") {
  constexpr int kMutations = 10'000;
  options.segment_size = 3000;
  {
    const auto log = open();
    for (int i = 0; i < 20; ++i) append_durably(*log);
  }
  const Files original = log_files_of(dir.path());
  REQUIRE(original.size() == 3);
  Mutator mutator;
  int found = 0;
  for (int round = 0; round < kMutations;) {
    mutator.files = original;
    mutator.mutate();
    if (mutator.files == original) continue;
    if (is_prefix_of_whole_records(original, mutator.files)) continue;
    ++round;
    lay_out(dir.path(), original, mutator.files);
    const auto result = verdict();
    if (result.finding != Finding::Good && !result.what.empty()) ++found;
    lay_out(dir.path(), mutator.files, original);
  }
  CHECK(found == kMutations);
  CHECK(verdict().finding == Finding::Good);
}

TEST_CASE_METHOD(AuditFixture, "audit verifier: names the place of a flipped byte", "[audit][74]") {
  append_durably(*open());
  const auto path = segments().front();
  std::string content = REQUIRE_OK(read_file(path));
  const auto ends = ends_of_records(content);
  content[ends[1] + 60] = static_cast<char>(content[ends[1] + 60] ^ 1);
  REQUIRE_OK(write_file(path, content));
  const auto result = verdict();
  CHECK(result.finding == Finding::Tampered);
  CHECK(result.file == path);
  CHECK(result.offset == ends[1]);
  CHECK(result.index == 1);
  CHECK(result.records == 1);
}

TEST_CASE_METHOD(AuditFixture, "audit verifier: tells a lost segment from a lost record",
                 "[audit][74]") {
  options.segment_size = 1500;
  {
    const auto log = open();
    for (int i = 0; i < 20; ++i) append_durably(*log);
  }
  const auto files = segments();
  REQUIRE(files.size() > 3);
  SECTION("the first segment gone") {
    std::filesystem::remove(files.front());
    CHECK(verdict().finding == Finding::Truncated);
  }
  SECTION("a segment in the middle gone") {
    std::filesystem::remove(files[1]);
    CHECK(verdict().finding == Finding::Tampered);
  }
  SECTION("the last segment gone") {
    std::filesystem::remove(files.back());
    CHECK(verdict().finding == Finding::Truncated);
  }
  SECTION("a seal gone") {
    const std::string content = REQUIRE_OK(read_file(files[1]));
    const auto ends = ends_of_records(content);
    REQUIRE_OK(write_file(files[1], content.substr(0, ends[ends.size() - 2])));
    CHECK(verdict().finding == Finding::Truncated);
  }
  SECTION("the log empty") {
    for (const auto& file : files) std::filesystem::remove(file);
    CHECK(verdict().finding == Finding::Truncated);
  }
}

TEST_CASE("audit verifier: says that there is no such folder", "[audit][74]") {
  const TempDir dir;
  CHECK_CODE(audit_verify::verify(dir / "none"), Code::NotFound);
}

}  // namespace kw::test
