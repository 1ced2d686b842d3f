// SPDX-License-Identifier: Apache-2.0
// Promise "tampering" of the contract: each mutation of a log is found, and its place is named.
#include <iostream>
#include <map>
#include <sstream>

#include "load.h"
#include "mutation.h"
#include "options.h"
#include "service/audit/log.h"
#include "service/audit_verify/verify.h"
#include "tests/support/expect.h"

namespace kw::crash {
namespace {

using audit_verify::Finding;

constexpr std::uint64_t kMutations = 1'000;

// A log of the built service: one segment, and every kind of record that clients cause.
LogFiles log_of_service(std::uint64_t seed) {
  constexpr std::uint64_t kAnswers = 120;
  whole::Sandbox sandbox;
  Promises promises;
  make_first_keys(sandbox, promises);
  {
    const Load load(sandbox, promises, 0, seed);
    REQUIRE(promises.wait_for(kAnswers));
    CHECK(sandbox.stop() == 0);
  }
  return test::log_files_of(sandbox / "audit");
}

// A log of the service's own writer with several segments, which the service makes of 64 MiB.
LogFiles log_of_segments(std::uint64_t seed) {
  constexpr int kRecords = 60;
  const test::TempDir dir;
  audit::LogOptions options;
  options.segment_size = 4'000;
  {
    const auto log = REQUIRE_OK(audit::Log::open(dir.path(), options));
    Random random(seed);
    for (int i = 0; i < kRecords; ++i) {
      audit::Record record;
      record.request_id = RequestId::random();
      record.caller = "spiffe://keyward.dev/app";
      record.proof = audit::Proof::Mtls;
      record.operation = i % 3 == 0 ? "sign" : "wrap";
      record.key_name = std::string(1 + random() % 80, 'k');
      record.outcome = audit::Outcome::Ok;
      record.bytes_in = random();
      const auto ticket = REQUIRE_OK(log->append(record));
      REQUIRE_OK(log->wait_durable(ticket, deadline_in(std::chrono::seconds(20))));
    }
  }
  return test::log_files_of(dir.path());
}

// Subject is a log with the folder that its mutants lie in.
struct Subject {
  explicit Subject(LogFiles files) : original(std::move(files)) {
    test::lay_out(dir.path(), {}, original);
  }
  audit_verify::Verdict verdict_on(const LogFiles& mutant) const {
    test::lay_out(dir.path(), original, mutant);
    const auto verdict = REQUIRE_OK(audit_verify::verify(dir.path()));
    test::lay_out(dir.path(), mutant, original);
    return verdict;
  }

  LogFiles original;
  test::TempDir dir;
};

struct Score {
  std::uint64_t made = 0;
  std::uint64_t found = 0;
  std::uint64_t placed = 0;  // at the record that was touched
};

bool names(const audit_verify::Verdict& verdict, const Place& place) {
  if (verdict.file.filename() != place.file || verdict.index != place.index) return false;
  return place.in_header ? verdict.offset < audit::kSegmentHeader : verdict.offset == place.offset;
}

}  // namespace

TEST_CASE("mutate: each mutation of a log is found, and named where it is", "[mutate]") {
  const Options options = crash::options("mutate", kMutations);
  Random random(options.seed);
  const std::array<Subject, 2> subjects = {Subject(log_of_service(random())),
                                           Subject(log_of_segments(random()))};
  const std::array<LogFiles, 2> others = {log_of_service(random()), log_of_segments(random())};
  REQUIRE(subjects[0].original.size() == 1);
  REQUIRE(subjects[1].original.size() > 3);
  std::map<Kind, Score> scores;
  std::uint64_t only_checkpoint = 0;
  for (std::uint64_t made = 0; made < options.count;) {
    const Subject& subject = subjects[random() % subjects.size()];
    const Kind kind = kKinds[random() % kKinds.size()];
    LogFiles mutant = subject.original;
    mutate(kind, mutant, others[random() % others.size()], random);
    if (mutant == subject.original) continue;
    if (test::is_prefix_of_whole_records(subject.original, mutant)) {
      ++only_checkpoint;
      continue;
    }
    INFO(name_of(kind) << ", mutation " << made << ", seed " << options.seed);
    const Place place = first_difference(subject.original, mutant);
    const auto verdict = subject.verdict_on(mutant);
    Score& score = scores[kind];
    ++made;
    ++score.made;
    if (verdict.finding != Finding::Good) ++score.found;
    if (names(verdict, place)) ++score.placed;
    CHECK(verdict.finding != Finding::Good);
    CHECK(names(verdict, place));
  }
  for (const auto& [kind, score] : scores) {
    std::cout << "mutate: " << name_of(kind) << ": " << score.made << " made, " << score.found
              << " found, " << score.placed << " named in place\n";
  }
  std::cout << "mutate: " << only_checkpoint << " more that only a checkpoint can tell"
            << std::endl;
}

}  // namespace kw::crash
