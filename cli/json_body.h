// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/context.h"
#include "base/secret.h"

namespace kw::cli {

// JsonBody writes one JSON object, field by field. Its memory is wiped at its end.
class JsonBody {
 public:
  JsonBody() : text_("{") {}
  ~JsonBody() { wipe(std::span<char>(text_)); }
  JsonBody(const JsonBody&) = delete;
  JsonBody& operator=(const JsonBody&) = delete;

  JsonBody& text(std::string_view name, std::string_view value);
  JsonBody& number(std::string_view name, std::uint64_t value);
  JsonBody& truth(std::string_view name, bool value);
  JsonBody& base64(std::string_view name, ByteView value);
  JsonBody& texts(std::string_view name, const std::vector<std::string>& values);
  JsonBody& object(std::string_view name, const JsonBody& value);
  JsonBody& pairs(std::string_view name, const std::vector<Context::Pair>& value);

  Secret finish() const;

 private:
  void name(std::string_view name);
  void quote(std::string_view value);
  void make_room(std::size_t more);

  std::string text_;
};

}  // namespace kw::cli
