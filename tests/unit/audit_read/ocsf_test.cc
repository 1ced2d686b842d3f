// SPDX-License-Identifier: Apache-2.0
// What an event must have is what schema 1.3.0 (schema.ocsf.io/1.3.0) requires of the classes 6003
// and 6002 and of the objects in them.
#include "service/audit_read/ocsf.h"

#include <nlohmann/json.hpp>

#include "a_record.h"

namespace kw::test {
namespace {

using audit_read::to_ocsf;
using nlohmann::json;

json event_of(const audit::Record& record, audit::Stamp stamp = {}) {
  const std::string line = to_ocsf(Read(record, stamp).decoded);
  CHECK(line.find_first_of("\n\r\x1b") == std::string::npos);
  CHECK(is_utf8(line));
  return json::parse(line);
}

bool has_one_of(const json& object, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return object.contains(name); });
}

// Required attributes, and the constraints "at least one of".
void check_required(const json& event) {
  INFO(event.dump(2));
  for (const std::string name : {"activity_id", "category_uid", "class_uid", "type_uid", "time",
                                 "metadata", "severity_id"}) {
    CHECK(event.contains(name));
  }
  const json& metadata = event.at("metadata");
  CHECK(metadata.at("version") == "1.3.0");
  CHECK(metadata.at("product").at("vendor_name").is_string());
  CHECK(event.at("category_uid") == 6);
  const int activity = event.at("activity_id");
  CHECK(event.at("type_uid") == event.at("class_uid").get<int>() * 100 + activity);
  if (event.at("class_uid") == 6002) {
    CHECK(event.at("app").at("vendor_name").is_string());
    CHECK((activity == 99 || (activity >= 1 && activity <= 8)));
    return;
  }
  CHECK(event.at("class_uid") == 6003);
  CHECK((activity == 99 || (activity >= 0 && activity <= 4)));
  CHECK(event.at("api").at("operation").is_string());
  if (event.at("api").contains("request")) CHECK(event.at("api").at("request").contains("uid"));
  CHECK(has_one_of(event.at("actor").at("user"), {"account", "name", "uid"}));
  CHECK(has_one_of(event.at("src_endpoint"), {"ip", "uid", "name", "hostname"}));
  for (const json& key : event.value("resources", json::array())) {
    CHECK(has_one_of(key, {"name", "uid"}));
  }
}

}  // namespace

TEST_CASE("ocsf: an operation is API Activity", "[audit_read][ocsf]") {
  audit::Record record = a_wrap();
  record.request_id = REQUIRE_OK(RequestId::decode(Bytes(16, 0x10)));
  record.key_id = REQUIRE_OK(KeyId::decode(Bytes(16, 0x20)));
  const json event =
      event_of(record, {at_second(1'767'225'601) + std::chrono::microseconds(500'123),
                        std::chrono::microseconds(12)});
  check_required(event);
  const std::string zeros(64, '0');
  const json product = {{"vendor_name", "keyward"}, {"name", "keyward"}};
  CHECK(
      event ==
      json{{"metadata",
            {{"version", "1.3.0"},
             {"product", product},
             {"log_name", "audit"},
             {"log_version", "1"},
             {"uid", "0:" + zeros},
             {"original_time", "2026-01-01T00:00:01.500123Z"}}},
           {"category_uid", 6},
           {"category_name", "Application Activity"},
           {"class_uid", 6003},
           {"class_name", "API Activity"},
           {"activity_id", 99},
           {"activity_name", "wrap"},
           {"type_uid", 600399},
           {"severity_id", 1},
           {"time", 1767225601500},
           {"status_id", 1},
           {"status", "Success"},
           {"status_code", "ok"},
           {"actor",
            {{"user", {{"name", "spiffe://example.org/app"}, {"uid", "spiffe://example.org/app"}}},
             {"authorizations",
              {{{"decision", "allowed"},
                {"policy", {{"name", "app-wraps"}, {"uid", to_hex(*record.policy_hash)}}}}}}}},
           {"src_endpoint", {{"ip", "192.0.2.7"}, {"port", 51000}}},
           {"api",
            {{"operation", "wrap"},
             {"service", {{"name", "keyward"}}},
             {"request", {{"uid", "10101010101010101010101010101010"}}}}},
           {"resources",
            {{{"name", "payments/card"},
              {"uid", "20202020202020202020202020202020"},
              {"type", "key"},
              {"version", "3"}}}},
           {"unmapped",
            {{"kind", "operation"},
             {"previous_leaf", zeros},
             {"since_start", 12},
             {"phase", "single"},
             {"proof", "mtls"},
             {"bytes_in", 32},
             {"bytes_out", 101},
             {"context_mac", to_hex(*record.context_mac)},
             {"latency", 850}}}});
}

TEST_CASE("ocsf: what is created, read, changed or destroyed is told by its number",
          "[audit_read][ocsf]") {
  const std::vector<std::pair<std::string, int>> activities = {
      {"create", 1},     {"import", 1},  {"read", 2},         {"read-policy", 2},
      {"read-audit", 2}, {"rotate", 3},  {"write-policy", 3}, {"disable", 3},
      {"enable", 3},     {"restore", 3}, {"destroy", 4},      {"unwrap", 99},
      {"start", 99},     {"", 0}};
  for (const auto& [operation, id] : activities) {
    audit::Record record = a_wrap();
    record.operation = operation;
    const json event = event_of(record);
    check_required(event);
    CHECK(event["activity_id"] == id);
  }
}

TEST_CASE("ocsf: a refusal is a failure with its reason, an intent has no status yet",
          "[audit_read][ocsf]") {
  audit::Record record = a_wrap();
  record.outcome = audit::Outcome::PermissionDenied;
  record.reason = audit::Reason::NoRuleAllows;
  const json denied = event_of(record);
  check_required(denied);
  CHECK(denied["status_id"] == 2);
  CHECK(denied["status_code"] == "permission_denied");
  CHECK(denied["status_detail"] == "no rule allows");
  CHECK(denied["severity_id"] == 3);
  CHECK(denied["actor"]["authorizations"][0]["decision"] == "denied");
  record.phase = audit::Phase::Intent;
  record.outcome.reset();
  const json intent = event_of(record);
  check_required(intent);
  CHECK(intent["status_id"] == 0);
  CHECK(intent["unmapped"]["phase"] == "intent");
}

TEST_CASE("ocsf: a record with next to nothing still has what is required", "[audit_read][ocsf]") {
  const json event = event_of(audit::Record{});
  check_required(event);
  CHECK(event["actor"]["user"]["name"] == "unknown");
  CHECK(event["src_endpoint"]["name"] == "unknown");
  CHECK_FALSE(event.contains("resources"));
  audit::Record versioned;
  versioned.version = Version{7};
  CHECK(event_of(versioned)["unmapped"]["version"] == 7);
}

TEST_CASE("ocsf: what the service did is Application Lifecycle", "[audit_read][ocsf]") {
  using audit::Event;
  const std::vector<std::pair<Event, int>> activities = {
      {Event::Start, 3}, {Event::Stop, 4}, {Event::KeyQuarantined, 99}, {Event::Recovered, 99}};
  for (const auto& [what, id] : activities) {
    audit::Record record = audit::system_record(what);
    record.key_name = "payments/card";
    record.count = 5;
    const json event = event_of(record);
    check_required(event);
    CHECK(event["class_uid"] == 6002);
    CHECK(event["activity_id"] == id);
    CHECK(event["unmapped"]["key"] == "payments/card");
    CHECK(event["unmapped"]["count"] == 5);
  }
}

TEST_CASE("ocsf: hostile text stays in its string", "[audit_read][ocsf]") {
  const std::string hostile = "a\"},\"class_uid\":1,\n\r\x1b[2J\\\xff\u202e";
  audit::Record record = a_wrap(hostile);
  record.source = record.operation = record.key_name = record.rule = hostile;
  const json event = event_of(record);
  check_required(event);
  CHECK(event["class_uid"] == 6003);
  const std::string shown = "a\"},\"class_uid\":1,\n\r\x1b[2J\\\\xff\u202e";
  CHECK(event["actor"]["user"]["name"] == shown);
  CHECK(event["src_endpoint"]["name"] == shown);
  CHECK(event["resources"][0]["name"] == shown);
}

}  // namespace kw::test
