// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/ocsf.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "service/audit_read/json_object.h"
#include "service/audit_read/source_address.h"
#include "service/audit_read/weight.h"
#include "service/audit_verify/print.h"

namespace kw::audit_read {
namespace {

using audit_verify::DecodedRecord;
using audit_verify::Field;
using audit_verify::FieldForm;

struct Activity {
  unsigned id = 99;
  std::string name;
};

struct NamedActivity {
  std::string_view word;
  unsigned id;
  std::string_view caption;
};

// What is neither is Other, named by its own word.
constexpr std::array<NamedActivity, 12> kOperations = {{{"create", 1, "Create"},
                                                        {"import", 1, "Create"},
                                                        {"read", 2, "Read"},
                                                        {"read-policy", 2, "Read"},
                                                        {"read-audit", 2, "Read"},
                                                        {"read-metrics", 2, "Read"},
                                                        {"rotate", 3, "Update"},
                                                        {"disable", 3, "Update"},
                                                        {"enable", 3, "Update"},
                                                        {"restore", 3, "Update"},
                                                        {"write-policy", 3, "Update"},
                                                        {"destroy", 4, "Delete"}}};
constexpr std::array<NamedActivity, 2> kLifecycle = {{{"start", 3, "Start"}, {"stop", 4, "Stop"}}};

Activity find_activity(std::span<const NamedActivity> list, const std::string& word) {
  const auto known =
      std::find_if(list.begin(), list.end(), [&](const auto& named) { return named.word == word; });
  return known == list.end() ? Activity{99, word}
                             : Activity{known->id, std::string(known->caption)};
}

// OcsfEvent makes one event of a record; the fields that have found no place of their own end up in
// `unmapped`.
class OcsfEvent {
 public:
  explicit OcsfEvent(const DecodedRecord& record) : record_(record) {}

  std::string line() {
    const bool is_operation = record_.kind == "operation";
    add_metadata();
    add_class(is_operation);
    out_.number("severity_id", static_cast<std::uint64_t>(ocsf_severity(weight_of(record_))));
    if (const Field* time = take("time")) out_.number("time", time->number / 1000);
    if (is_operation) {
      add_status();
      add_actor();
      add_source();
      add_api();
      add_resource();
    } else {
      out_.object("app", product());
    }
    add_unmapped();
    return out_.line();
  }

 private:
  // The field, which has its place in the event then; null if the record has none.
  const Field* take(std::string_view name) {
    taken_.push_back(name);
    return record_.find(name);
  }

  std::string text_of(std::string_view name) {
    const Field* field = take(name);
    return field == nullptr ? std::string() : audit_verify::value_of(*field);
  }

  static JsonObject product() {
    JsonObject product;
    product.text("vendor_name", "keyward").text("name", "keyward");
    return product;
  }

  static void add_if(JsonObject& out, std::string_view name, const std::string& value) {
    if (!value.empty()) out.text(name, value);
  }

  void add_metadata() {
    const Field* time = record_.find("time");
    JsonObject metadata;
    metadata.text("version", "1.3.0").object("product", product());
    metadata.text("log_name", "audit").text("log_version", "1");
    metadata.text("uid", std::to_string(record_.index) + ':' + to_hex(record_.leaf));
    if (time != nullptr) metadata.text("original_time", audit_verify::value_of(*time));
    out_.object("metadata", metadata);
  }

  Activity activity(bool is_operation) {
    const std::string word = text_of(is_operation ? "operation" : "event");
    if (word.empty()) {
      return is_operation ? Activity{0, "Unknown"} : Activity{99, std::string(record_.kind)};
    }
    return is_operation ? find_activity(kOperations, word) : find_activity(kLifecycle, word);
  }

  void add_class(bool is_operation) {
    const std::uint64_t uid = is_operation ? 6003 : 6002;
    const Activity what = activity(is_operation);
    out_.number("category_uid", 6).text("category_name", "Application Activity");
    out_.number("class_uid", uid);
    out_.text("class_name", is_operation ? "API Activity" : "Application Lifecycle");
    out_.number("activity_id", what.id).text("activity_name", what.name);
    out_.number("type_uid", uid * 100 + what.id);
  }

  void add_status() {
    const std::string outcome = text_of("outcome");
    const std::uint64_t id = outcome.empty() ? 0 : outcome == "ok" ? 1 : 2;
    constexpr std::array<std::string_view, 3> kStatus = {"Unknown", "Success", "Failure"};
    out_.number("status_id", id).text("status", kStatus[id]);
    add_if(out_, "status_code", outcome);
    add_if(out_, "status_detail", text_of("reason"));
  }

  void add_actor() {
    JsonObject user;
    const std::string caller = text_of("caller");
    if (caller.empty()) {
      user.text("name", "unknown").number("type_id", 0);
    } else {
      user.text("name", caller).text("uid", caller);
    }
    JsonObject actor;
    actor.object("user", user);
    JsonObject policy;
    add_if(policy, "name", text_of("rule"));
    add_if(policy, "uid", text_of("policy_hash"));
    if (!policy.is_empty()) {
      JsonObject authorization;
      const Field* outcome = record_.find("outcome");
      if (outcome != nullptr && outcome->word == "ok") authorization.text("decision", "allowed");
      if (outcome != nullptr && outcome->word == "permission_denied") {
        authorization.text("decision", "denied");
      }
      authorization.object("policy", policy);
      actor.list_of_one("authorizations", authorization);
    }
    out_.object("actor", actor);
  }

  void add_source() {
    JsonObject endpoint;
    const std::string text = text_of("source");
    const auto source = parse_source(text);
    if (source) {
      endpoint.text("ip", source->ip);
      if (source->port) endpoint.number("port", *source->port);
    } else {
      endpoint.text("name", text.empty() ? "unknown" : text);
    }
    out_.object("src_endpoint", endpoint);
  }

  void add_api() {
    JsonObject service;
    service.text("name", "keyward");
    const std::string operation = text_of("operation");
    const std::string request_id = text_of("request_id");
    JsonObject api;
    api.text("operation", operation.empty() ? "unknown" : operation).object("service", service);
    if (!request_id.empty()) {
      JsonObject request;
      request.text("uid", request_id);
      api.object("request", request);
    }
    out_.object("api", api);
  }

  void add_resource() {
    JsonObject key;
    add_if(key, "name", text_of("key"));
    add_if(key, "uid", text_of("key_id"));
    if (key.is_empty()) return;
    key.text("type", "key");
    add_if(key, "version", text_of("version"));
    out_.list_of_one("resources", key);
  }

  void add_unmapped() {
    JsonObject rest;
    rest.text("kind", record_.kind).text("previous_leaf", to_hex(record_.previous_leaf));
    for (const Field& field : record_.fields) {
      if (std::find(taken_.begin(), taken_.end(), field.name) != taken_.end()) continue;
      if (field.form == FieldForm::Number) {
        rest.number(field.name, field.number);
      } else {
        rest.text(field.name, audit_verify::value_of(field));
      }
    }
    out_.object("unmapped", rest);
  }

  const DecodedRecord& record_;
  std::vector<std::string_view> taken_;
  JsonObject out_;
};

}  // namespace

std::string to_ocsf(const DecodedRecord& record) { return OcsfEvent(record).line(); }

}  // namespace kw::audit_read
