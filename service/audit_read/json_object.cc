// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/json_object.h"

#include "service/audit_verify/print.h"

namespace kw::audit_read {

JsonObject& JsonObject::add(std::string_view name, std::string_view value) {
  if (!text_.empty()) text_ += ',';
  text_ += audit_verify::json_string(name) + ':';
  text_ += value;
  return *this;
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
  return add(name, audit_verify::json_string(value));
}

JsonObject& JsonObject::number(std::string_view name, std::uint64_t value) {
  return add(name, std::to_string(value));
}

JsonObject& JsonObject::object(std::string_view name, const JsonObject& value) {
  return add(name, value.line());
}

JsonObject& JsonObject::list_of_one(std::string_view name, const JsonObject& value) {
  return add(name, '[' + value.line() + ']');
}

}  // namespace kw::audit_read
