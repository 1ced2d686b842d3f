// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/doctor.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "service/doctor/lab.h"
#include "service/keys/algorithm.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

namespace kw::doctor {
namespace {

using token_profile::Verdict;

Options options_for(const test::SoftHsm& hsm) {
  Options options;
  options.module = hsm.module_path();
  options.token_uri = hsm.uri().text();
  options.pin = hsm.pin();
  options.token_directory = hsm.token_directory();
  options.slice = std::chrono::duration<double>(0.003);
  return options;
}

Result<Report> examine(const test::SoftHsm& hsm) {
  return examine(options_for(hsm), [](const std::string&) {});
}

pkcs11::ObjectTemplate data_object(std::string_view label, ByteView id) {
  pkcs11::ObjectTemplate object;
  object.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .flag(CKA_TOKEN, true)
      .text(CKA_LABEL, label)
      .bytes(CKA_ID, id)
      .secret(CKA_VALUE, Secret(32));
  return object;
}

// What the doctor says of a SoftHSM, found once: it takes seconds.
const Report& softhsm_report() {
  static const Report report = [] {
    const test::SoftHsm hsm;
    return REQUIRE_OK(examine(hsm));
  }();
  return report;
}

// The labels of all token objects.
std::vector<std::string> labels(const test::SoftHsm& hsm) {
  const auto token = hsm.open();
  auto session = REQUIRE_OK(token->open_session());
  pkcs11::ObjectTemplate all;
  all.flag(CKA_TOKEN, true);
  std::vector<std::string> found;
  for (const auto object : REQUIRE_OK(session.find_objects(all))) {
    found.emplace_back(as_text(REQUIRE_OK(session.get_attribute(object, CKA_LABEL))));
  }
  std::ranges::sort(found);
  return found;
}

void add_object(const test::SoftHsm& hsm, std::string_view label, ByteView id) {
  const auto token = hsm.open();
  auto session = REQUIRE_OK(token->open_session());
  REQUIRE_OK(session.create_object(data_object(label, id)));
}

const Feature& feature(const Report& report, std::string_view id) {
  const auto found = std::ranges::find(report.features, id, &Feature::id);
  REQUIRE(found != report.features.end());
  return *found;
}

bool mentions(const std::vector<std::string>& reasons, std::string_view word) {
  return std::ranges::any_of(
      reasons, [&](const std::string& reason) { return reason.find(word) != std::string::npos; });
}

}  // namespace

TEST_CASE("doctor: finds SoftHSM fit for tests only, and says why", "[doctor]") {
  const Report& report = softhsm_report();
  CHECK(report.verdict == Verdict::TestsOnly);
  CHECK(report.keys_in_memory == Fact::Yes);
  CHECK(mentions(report.reasons, "this process's memory"));
  CHECK(mentions(report.reasons, "not authenticated"));
  CHECK(mentions(report.reasons, "A1,"));
  CHECK(mentions(report.reasons, "(A11)"));
  CHECK(report.own_keys.empty());
  CHECK(report.identity.label == "keyward");
  CHECK(report.identity.library_manufacturer == "SoftHSM");
}

TEST_CASE("doctor: SoftHSM can do every algorithm of keyward", "[doctor]") {
  const Report& report = softhsm_report();
  CHECK(report.algorithms.size() == keys::algorithms().size());
  for (const AlgorithmResult& each : report.algorithms) {
    INFO(each.name << ": " << each.offer.refused.value_or(""));
    CHECK(each.offer.offered());
  }
  for (const AlgorithmResult& each : report.suites) CHECK(each.offer.offered());
}

// What reference measurements of SoftHSM 2.6.1 say, of Debian 12's package.
TEST_CASE("doctor: knows what SoftHSM can and cannot do", "[doctor]") {
  const Report& report = softhsm_report();
  for (const char* const id :
       {"random", "import", "aes-generate", "aes-ecb", "aes-cbc", "aes-ctr", "aes-gcm", "aes-cmac",
        "xaes", "hmac-sha256", "hmac-sha512", "aes-key-wrap", "kwp-210a", "oaep-sha1"}) {
    INFO(id << ": " << feature(report, id).detail);
    CHECK(feature(report, id).works == Fact::Yes);
  }
  for (const char* const id : {"kwp-210b", "oaep-sha256"}) {
    CHECK(feature(report, id).works == Fact::No);
  }
}

TEST_CASE("doctor: logs in once and leaves nothing behind", "[doctor]") {
  const test::SoftHsm hsm;
  add_object(hsm, "somebody's", Bytes(4, 1));
  hsm.clear();
  REQUIRE_OK(examine(hsm));
  CHECK(hsm.count("C_Login") == 1);
  CHECK(labels(hsm) == std::vector<std::string>{"somebody's"});
}

TEST_CASE("doctor: leaves nothing behind when the token fails in the middle", "[doctor][fault]") {
  const test::SoftHsm hsm;
  const auto rule = GENERATE(values<std::string>(
      {"fail C_GenerateKeyPair */2 CKR_FUNCTION_FAILED; fail C_Sign */3 CKR_GENERAL_ERROR",
       "fail C_OpenSession */5 CKR_SESSION_COUNT", "fail C_DestroyObject */4 CKR_FUNCTION_FAILED",
       "fail C_GetAttributeValue */7 CKR_GENERAL_ERROR; fail C_WrapKey * CKR_DEVICE_REMOVED"}));
  INFO(rule);
  hsm.rules(rule);
  const auto report = examine(hsm);
  hsm.clear();
  if (!report) WARN("ended: " << report.error().detail());
  CHECK(labels(hsm).empty());
}

TEST_CASE("doctor: what a killed doctor left is removed, and nothing like it", "[doctor][fault]") {
  const test::SoftHsm hsm;
  const Bytes left = pkcs11::object_id(Lab::fresh_id(), Version{1});
  add_object(hsm, Lab::kLabel, left);
  add_object(hsm, Lab::kLabel, Bytes(20, 3));  // somebody's, by a strange chance
  add_object(hsm, "keyward/doctor#2", left);
  const Report report = REQUIRE_OK(examine(hsm));
  CHECK(report.swept == 1);
  CHECK(labels(hsm) == std::vector<std::string>{"keyward/doctor#1", "keyward/doctor#2"});
}

TEST_CASE("doctor: told to stop, it clears up first", "[doctor][fault]") {
  const test::SoftHsm hsm;
  const auto report = examine(options_for(hsm), [](const std::string& line) {
    if (line == "attacking") ::raise(SIGTERM);
  });
  CHECK_CODE(report, Code::Aborted);
  CHECK(labels(hsm).empty());
}

TEST_CASE("doctor: no such token, no such module", "[doctor]") {
  const test::SoftHsm hsm;
  Options options = options_for(hsm);
  SECTION("token") { options.token_uri = "pkcs11:token=other"; }
  SECTION("module") { options.module = "/nowhere/module.so"; }
  hsm.clear();
  CHECK_CODE(examine(std::move(options), [](const std::string&) {}), Code::Unavailable);
  CHECK(hsm.count("C_Login") == 0);
}

TEST_CASE("doctor: what the token cannot do is not offered, with the reason", "[doctor][fault]") {
  const test::SoftHsm hsm;
  hsm.rules("mask CKM_AES_ECB_ENCRYPT_DATA");
  const Report report = REQUIRE_OK(examine(hsm));
  hsm.clear();
  const token_profile::TokenProfile profile = to_profile(report);
  CHECK(profile.refusal_of("xaes-256-gcm") == "the token answers CKR_MECHANISM_INVALID");
  CHECK_FALSE(profile.refusal_of("ed25519"));
  CHECK_FALSE(profile.refusal_of("aes-256-gcm-counted"));
  CHECK(feature(report, "xaes").works != Fact::Yes);
  CHECK(feature(report, "aes-gcm").works == Fact::Yes);
  CHECK_FALSE(profile.suites.at("1").offered());
  CHECK(profile.suites.at("2").offered());
  CHECK(profile.suites.at("3").offered());
}

TEST_CASE("doctor: its profile says what its report says", "[doctor]") {
  const Report& report = softhsm_report();
  const auto profile = to_profile(report);
  CHECK(REQUIRE_OK(token_profile::TokenProfile::parse(profile.to_yaml())) == profile);
  CHECK(profile.check_fit(report.identity));
  CHECK(profile.symmetric >= 1);
  CHECK(profile.asymmetric >= 1);

  const auto json = nlohmann::json::parse(to_json(report));
  CHECK(json.at("verdict") == "tests-only");
  CHECK(json.at("attacks").size() == 23);
  CHECK(json.at("parallel").at("measured").size() == 4);
  CHECK(json.at("token").at("label") == "keyward");
  CHECK(json.at("algorithms").at("ed25519").at("offered") == true);

  const std::string table = to_table(report);
  for (const char* const part :
       {"what keyward can offer", "what the token can do", "attacks", "how it behaves", "at once",
        "verdict: fit for development and tests only"}) {
    CHECK(table.find(part) != std::string::npos);
  }
  for (const std::string_view line : {"A21", "never asked", "refused"}) {
    CHECK(table.find(line) != std::string::npos);
  }
}

}  // namespace kw::doctor
