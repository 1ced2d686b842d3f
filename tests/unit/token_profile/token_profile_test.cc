// SPDX-License-Identifier: Apache-2.0
#include "service/token_profile/token_profile.h"

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::token_profile {
namespace {

// The example of docs/profile-format.md.
std::string example() {
  const std::string page = REQUIRE_OK(read_file(KEYWARD_DOCS "/profile-format.md"));
  const std::string fence = "```yaml\n";
  const std::size_t begin = page.find(fence);
  REQUIRE(begin != std::string::npos);
  return page.substr(begin + fence.size(), page.find("```\n", begin + 1) - begin - fence.size());
}

std::string changed(const std::string& from, const std::string& to) {
  std::string text = example();
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("token profile: the page's example is read", "[token_profile]") {
  const TokenProfile profile = REQUIRE_OK(TokenProfile::parse(example()));
  CHECK(profile.identity.label == "keyward");
  CHECK(profile.identity.library_version == "2.6");
  CHECK(profile.verdict == Verdict::TestsOnly);
  CHECK(profile.reasons.size() == 1);
  CHECK(profile.symmetric == 1);
  CHECK(profile.asymmetric == 2);
  CHECK_FALSE(profile.refusal_of("xaes-256-gcm"));
  CHECK(profile.refusal_of("ed25519") ==
        "the token cannot generate such a key (CKR_MECHANISM_INVALID)");
  CHECK(profile.refusal_of("ml-dsa-65"));
  CHECK(profile.suites.at("2").offered());
}

TEST_CASE("token profile: what is written is read back", "[token_profile]") {
  TokenProfile profile = REQUIRE_OK(TokenProfile::parse(example()));
  profile.identity.label = "a \"strange\" \\ token: {#}\n\x01 \xc3\xa9";
  profile.reasons.clear();
  profile.suites.clear();
  CHECK(REQUIRE_OK(TokenProfile::parse(profile.to_yaml())) == profile);
}

TEST_CASE("token profile: a fault is refused with its place", "[token_profile]") {
  const auto [from, to] = GENERATE(table<std::string, std::string>({
      {"profile/1", "profile/2"},
      {"verdict: tests-only", "verdict: fine"},
      {"verdict: tests-only", "verdict: [unfit]"},
      {"symmetric: 1", "symmetric: 0"},
      {"symmetric: 1", "symmetric: 257"},
      {"symmetric: 1", "symmetric: many"},
      {"symmetric: 1", "threads: 1"},
      {"symmetric: 1, ", ""},
      {"serial: ", "number: "},
      {"label: \"keyward\", ", ""},
      {"description: ", "label: "},
      {"{offered: true}", "{offered: 1}"},
      {"{offered: true}", "{offered: false}"},
      {"{offered: true}", "{offered: true, reason: \"so\"}"},
      {"{offered: true}", "true"},
      {"suites:", "suits:"},
      {"reasons:\n", "reason:\n"},
      {"version: keyward", "verdict: keyward"},
  }));
  INFO(from << " -> " << to);
  const auto profile = TokenProfile::parse(changed(from, to));
  CHECK_CODE(profile, Code::InvalidArgument);
  if (!profile) CHECK(profile.error().detail().starts_with("line "));
}

TEST_CASE("token profile: a file's name stands before its fault", "[token_profile]") {
  const test::TempDir folder;
  CHECK_CODE(TokenProfile::load(folder / "none"), Code::NotFound);
  REQUIRE_OK(write_file(folder / "bad", "version: 1\n"));
  const auto bad = TokenProfile::load(folder / "bad");
  CHECK_CODE(bad, Code::InvalidArgument);
  CHECK(bad.error().detail().find("bad: line 1") != std::string::npos);
}

TEST_CASE("token profile: fits the token that it speaks of", "[token_profile]") {
  const TokenProfile profile = REQUIRE_OK(TokenProfile::parse(example()));
  CHECK(profile.check_fit(profile.identity));
}

TEST_CASE("token profile: speaks of no other token", "[token_profile]") {
  const TokenProfile profile = REQUIRE_OK(TokenProfile::parse(example()));
  const auto member = GENERATE(&Identity::label, &Identity::serial, &Identity::model,
                               &Identity::manufacturer, &Identity::library_version,
                               &Identity::library_description, &Identity::library_manufacturer);
  Identity other = profile.identity;
  other.*member += "x";
  const auto fit = profile.check_fit(other);
  CHECK_CODE(fit, Code::FailedPrecondition);
  CHECK(fit.error().detail().find("keyward doctor") != std::string::npos);
}

TEST_CASE("token profile: an unfit token fits nobody", "[token_profile]") {
  TokenProfile profile = REQUIRE_OK(TokenProfile::parse(example()));
  profile.verdict = Verdict::Unfit;
  const auto fit = profile.check_fit(profile.identity);
  CHECK_CODE(fit, Code::FailedPrecondition);
  CHECK(fit.error().detail().find(profile.reasons.front()) != std::string::npos);
}

}  // namespace kw::token_profile
