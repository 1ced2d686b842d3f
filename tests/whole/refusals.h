// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "sandbox.h"

namespace kw::whole {

// Refusals gathers the answers to requests that must be refused, and finds each again in the log.
class Refusals {
 public:
  // Checks that the answer is a problem of this status which names its request.
  void expect(const Reply& reply, int status) {
    CHECK(reply.status == status);
    CHECK(reply.type == "application/problem+json");
    REQUIRE(reply.body.is_object());
    CHECK(reply.body["status"] == status);
    CHECK(reply.body["request_id"] == reply.request_id);
    codes_[reply.request_id] = reply.body["code"];
  }

  // Checks that each has one record, of this caller, with the outcome that the caller was told.
  void check_recorded(const Sandbox& sandbox, const std::string& caller) const {
    std::map<std::string, std::string> outcomes;
    for (const json& record : sandbox.records()) {
      const std::string id = record.value("request_id", "");
      if (codes_.count(id) == 0) continue;
      CHECK(outcomes.emplace(id, record["outcome"]).second);
      CHECK(record["caller"] == "spiffe://keyward.dev/" + caller);
    }
    CHECK(outcomes == codes_);
  }

 private:
  std::map<std::string, std::string> codes_;
};

}  // namespace kw::whole
