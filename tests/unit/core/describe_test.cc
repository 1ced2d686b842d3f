// SPDX-License-Identifier: Apache-2.0
#include "service/telemetry/page.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

// The value behind a series of a page, as it is written.
template <typename Room>
std::string value_in(const Room& room, const std::string& series) {
  telemetry::Page page;
  room.describe(page);
  const std::string text = "\n" + page.text();
  const std::size_t at = text.find("\n" + series + " ");
  if (at == std::string::npos) return "no " + series;
  const std::size_t begin = at + series.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace

TEST_CASE_METHOD(DoorFixture, "describe: decisions count by operation and verdict",
                 "[core][telemetry]") {
  make_key("app/described", "xaes-256-gcm");
  const auto decisions = [&](const std::string& what) {
    return value_in(*backend,
                    "keyward_decisions_total{operation=\"wrap\",decision=\"" + what + "\"}");
  };
  CHECK(decisions("allowed") == "0");
  const Wrap request{name("app/described"), Secret::copy_of(as_bytes("a")), {}};
  REQUIRE_OK(opened(door->wrap(call_as("app"), request)));
  CHECK_CODE(opened(door->wrap(call_as("nobody"), request)), Code::PermissionDenied);
  CHECK_CODE(opened(door->wrap(call_as("nobody"), request)), Code::PermissionDenied);
  CHECK(decisions("allowed") == "1");
  CHECK(decisions("denied") == "2");
}

TEST_CASE_METHOD(DoorFixture, "describe: who may unwrap nothing is one denied decision",
                 "[core][telemetry]") {
  const Unwrap request{{1, 2, 3}, {}, {}};
  CHECK_CODE(opened(door->unwrap(call_as("nobody"), request)), Code::PermissionDenied);
  CHECK(value_in(*backend, "keyward_decisions_total{operation=\"unwrap\",decision=\"denied\"}") ==
        "1");
}

TEST_CASE_METHOD(DoorFixture, "describe: a token that is away is down, and comes back",
                 "[core][telemetry]") {
  CHECK(value_in(*backend, "keyward_token_up") == "1");
  hsm.rules("fail C_GenerateRandom * CKR_TOKEN_NOT_PRESENT");
  door->maintain();
  CHECK(value_in(*backend, "keyward_token_up") == "0");
  CHECK(value_in(*backend, "keyward_token_errors_total{class=\"module\"}") == "1");
  CHECK(std::stod(value_in(*backend, "keyward_token_sign_of_life_age_seconds")) > 0);
  hsm.clear();
  door->maintain();
  CHECK(value_in(*backend, "keyward_token_up") == "1");
}

TEST_CASE_METHOD(DoorFixture, "describe: the nobodies stay counted when they are on record",
                 "[core][telemetry]") {
  for (int i = 0; i < 3; ++i) backend->count_unauthenticated();
  door->maintain();
  CHECK(value_in(*backend, "keyward_unauthenticated_requests_total") == "3");
}

TEST_CASE_METHOD(DoorFixture, "describe: a policy changes when its text does, not when it is read",
                 "[core][telemetry]") {
  const auto changed = [&] {
    return value_in(*backend, "keyward_policy_changed_timestamp_seconds");
  };
  const std::string before = changed();
  backend->activate(REQUIRE_OK(backend->stage_policy()));
  CHECK(changed() == before);
  write_policy_file(kPolicy + "# another text\n");
  backend->activate(REQUIRE_OK(backend->stage_policy()));
  CHECK(changed() != before);
}

}  // namespace kw::core
