// SPDX-License-Identifier: Apache-2.0
#include "service/api/problem_body.h"

#include "service/http/problem.h"

namespace kw::api {

int status_of(const Error& error) { return http::status_of(error.code()); }

std::string problem_body(const Error& error, const RequestId& id) {
  return std::get<std::string>(http::problem(error, id).body);
}

std::string receipt_text(const core::Receipt& receipt) {
  return std::to_string(receipt.index) + ":" + to_hex(receipt.leaf_hash);
}

}  // namespace kw::api
