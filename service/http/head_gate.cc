// SPDX-License-Identifier: Apache-2.0
#include "service/http/head_gate.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace kw::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kVersion = "HTTP/1.1";
constexpr std::size_t kMaxLengthDigits = 19;  // what a u64 holds without overflow

using Refused = std::optional<Rejection>;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_alnum(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_one_of(char c, std::string_view set) noexcept {
  return set.find(c) != std::string_view::npos;
}
bool is_token_char(char c) noexcept { return is_alnum(c) || is_one_of(c, "!#$%&'*+-.^_`|~"); }
bool is_value_char(char c) noexcept { return c >= ' ' && c <= '~'; }
bool is_path_char(char c) noexcept { return is_alnum(c) || is_one_of(c, "/-._~!$&'()*+,;=:@"); }
bool is_query_char(char c) noexcept { return is_path_char(c) || c == '?' || c == '%'; }

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && is_one_of(text.front(), " \t")) text.remove_prefix(1);
  while (!text.empty() && is_one_of(text.back(), " \t")) text.remove_suffix(1);
  return text;
}

// What stands before the first `separator`; `rest` goes on after it.
std::string_view take(std::string_view& rest, std::string_view separator) noexcept {
  const std::size_t end = rest.find(separator);
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + separator.size());
  return taken;
}

constexpr std::array<std::pair<std::string_view, Method>, 5> kMethodNames{
    {{"GET", Method::Get},
     {"HEAD", Method::Head},
     {"POST", Method::Post},
     {"PUT", Method::Put},
     {"PATCH", Method::Patch}}};

bool takes(Methods methods, Method method) noexcept {
  if (method == Method::Get) return true;
  return (method == Method::Head) == (methods == Methods::ReadOnly);
}

Refused read_method(std::string_view text, Methods methods, Head& head) noexcept {
  constexpr std::array<std::string_view, 4> kOthers{"DELETE", "OPTIONS", "TRACE", "CONNECT"};
  const std::string_view advice = methods == Methods::Api
                                      ? "the methods are GET, POST, PUT and PATCH"
                                      : "the methods are GET and HEAD";
  for (const auto& [name, method] : kMethodNames) {
    if (text != name) continue;
    if (!takes(methods, method)) return Rejection{405, advice};
    head.method = method;
    return {};
  }
  if (std::find(kOthers.begin(), kOthers.end(), text) != kOthers.end()) {
    return Rejection{405, advice};
  }
  if (!is_token(text)) return Rejection{400, "the method is no token"};
  return Rejection{501, advice};
}

bool has_dot_or_empty_segment(std::string_view path) noexcept {
  std::string_view rest = path.substr(1);
  while (!rest.empty()) {
    const bool last = rest.find('/') == std::string_view::npos;
    const std::string_view segment = take(rest, "/");
    if (segment.empty() || segment == "." || segment == "..") return true;
    if (!last && rest.empty()) return true;  // ends in '/'
  }
  return false;
}

Refused read_target(std::string_view text, const HeadLimits& limits, Head& head) {
  if (text.size() > limits.target_bytes) return Rejection{414, "the target is too long"};
  std::string_view rest = text;
  const std::string_view path = take(rest, "?");
  if (!path.starts_with('/')) return Rejection{400, "the target starts with '/'"};
  if (!std::all_of(path.begin(), path.end(), is_path_char)) {
    return Rejection{400, "the path holds a character it may not; nothing in it is escaped"};
  }
  if (has_dot_or_empty_segment(path)) {
    return Rejection{400, "the path has no empty, '.' or '..' segment"};
  }
  if (!std::all_of(rest.begin(), rest.end(), is_query_char)) {
    return Rejection{400, "the query holds a character that must be escaped"};
  }
  head.path = path;
  head.query = rest;
  return {};
}

Refused read_version(std::string_view text) noexcept {
  if (text == kVersion) return {};
  const bool other = text.size() == kVersion.size() && text.starts_with("HTTP/") &&
                     is_digit(text[5]) && text[6] == '.' && is_digit(text[7]);
  if (other) return Rejection{505, "the version is HTTP/1.1"};
  return Rejection{400, "the request line is METHOD TARGET HTTP/1.1"};
}

Refused read_request_line(std::string_view line, const HeadLimits& limits, Head& head) {
  std::string_view rest = line;
  const std::string_view method = take(rest, " ");
  const std::string_view target = take(rest, " ");
  if (Refused no = read_method(method, limits.methods, head)) return no;
  if (Refused no = read_version(rest)) return no;
  return read_target(target, limits, head);
}

// Fields collects, while the lines go by, what can be judged only when all have been seen.
struct Fields {
  std::size_t count = 0;
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t types = 0;
  bool plain_chunked = false;
  bool other_coding = false;
  std::string media_type;
};

bool is_port(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 5 && std::all_of(text.begin(), text.end(), is_digit);
}

bool is_host(std::string_view text) noexcept {
  std::size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const std::string_view inside = text.substr(1, end - 1);
    if (inside.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) {
      return false;
    }
    ++end;
  } else {
    const auto* stop = std::find_if_not(text.begin(), text.end(),
                                        [](char c) { return is_alnum(c) || is_one_of(c, "-._"); });
    end = static_cast<std::size_t>(stop - text.begin());
    if (end == 0) return false;
  }
  const std::string_view rest = text.substr(end);
  return rest.empty() || (rest.front() == ':' && is_port(rest.substr(1)));
}

Refused on_host(std::string_view value, Fields& fields, Head&) noexcept {
  if (++fields.hosts > 1) return Rejection{400, "there is one Host field"};
  if (!is_host(value)) return Rejection{400, "Host is a name or address, with a port or without"};
  return {};
}

Refused on_content_length(std::string_view value, Fields& fields, Head& head) noexcept {
  if (++fields.lengths > 1) return Rejection{400, "there is one Content-Length field"};
  if (value.empty() || !std::all_of(value.begin(), value.end(), is_digit)) {
    return Rejection{400, "Content-Length is a decimal number"};
  }
  if (value.size() > kMaxLengthDigits) return Rejection{400, "Content-Length has too many digits"};
  std::size_t length = 0;
  for (const char c : value) length = length * 10 + static_cast<std::size_t>(c - '0');
  head.content_length = length;
  return {};
}

Refused on_transfer_encoding(std::string_view value, Fields& fields, Head&) {
  const bool plain = to_lower(value) == "chunked" && !fields.plain_chunked;
  (plain ? fields.plain_chunked : fields.other_coding) = true;
  return {};
}

Refused on_content_encoding(std::string_view, Fields&, Head&) noexcept {
  return Rejection{415, "a body is sent without a content encoding"};
}

Refused on_content_type(std::string_view value, Fields& fields, Head&) {
  if (++fields.types > 1) return Rejection{400, "there is one Content-Type field"};
  std::string_view rest = value;
  fields.media_type = to_lower(trim(take(rest, ";")));
  const bool plain = value.find(';') == std::string_view::npos;
  if (!plain && to_lower(trim(rest)) != "charset=utf-8") {
    return Rejection{415, "the only parameter of a media type is charset=utf-8"};
  }
  return {};
}

Refused on_expect(std::string_view value, Fields&, Head& head) {
  if (to_lower(value) != "100-continue" || head.expectation == Expectation::Continue) {
    return Rejection{417, "the only expectation is 100-continue"};
  }
  head.expectation = Expectation::Continue;
  return {};
}

Refused on_connection(std::string_view value, Fields&, Head& head) {
  std::string_view rest = value;
  do {
    const std::string_view option = trim(take(rest, ","));
    if (!is_token(option)) return Rejection{400, "Connection is a list of tokens"};
    if (to_lower(option) == "close") head.persistence = Persistence::Close;
  } while (!rest.empty());
  if (value.ends_with(',')) return Rejection{400, "Connection is a list of tokens"};
  return {};
}

// Not acted on, but a second parser may judge it as it judges Connection.
Refused on_proxy_connection(std::string_view, Fields&, Head&) noexcept {
  return Rejection{400, "this is no proxy: leave out Proxy-Connection"};
}

using FieldReader = Refused (*)(std::string_view, Fields&, Head&);
constexpr std::array<std::pair<std::string_view, FieldReader>, 8> kFieldReaders{
    {{"host", on_host},
     {"content-length", on_content_length},
     {"transfer-encoding", on_transfer_encoding},
     {"content-encoding", on_content_encoding},
     {"content-type", on_content_type},
     {"expect", on_expect},
     {"connection", on_connection},
     {"proxy-connection", on_proxy_connection}}};

Refused read_field(std::string_view line, Fields& fields, Head& head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return Rejection{400, "a field line has a colon"};
  if (!is_token(line.substr(0, colon))) {
    return Rejection{400, "a field's name is a token, with no space before the colon"};
  }
  const std::string_view raw = line.substr(colon + 1);
  if (!std::all_of(raw.begin(), raw.end(), is_value_char)) {
    return Rejection{400, "a field's value is printable ASCII"};
  }
  const std::string name = to_lower(line.substr(0, colon));
  for (const auto& [known, reader] : kFieldReaders) {
    if (name == known) return reader(trim(raw), fields, head);
  }
  return {};
}

Refused judge_coding(const Fields& fields) noexcept {
  if (fields.other_coding || (fields.plain_chunked && fields.lengths > 0)) {
    return Rejection{400, "a body has a Content-Length and no Transfer-Encoding"};
  }
  if (fields.plain_chunked) return Rejection{501, "send a Content-Length: chunks are not read"};
  return {};
}

Refused judge_body(const HeadLimits& limits, Fields& fields, Head& head) {
  if (Refused no = judge_coding(fields)) return no;
  if (head.content_length == 0) return {};
  if (head.method == Method::Get || head.method == Method::Head) {
    return Rejection{400, "a GET has no body"};
  }
  if (head.content_length > limits.body_bytes) return Rejection{413, "the body is too large"};
  const auto& types = limits.media_types;
  const bool any = types.empty();
  if (!any && std::find(types.begin(), types.end(), fields.media_type) == types.end()) {
    return Rejection{415, "the body's Content-Type is not one that is read here"};
  }
  head.content_type = std::move(fields.media_type);
  return {};
}

Refused read_head(std::string_view bytes, const HeadLimits& limits, Head& head) {
  std::string_view rest = bytes;
  if (Refused no = read_request_line(take(rest, kLineEnd), limits, head)) return no;
  Fields fields;
  for (std::string_view line = take(rest, kLineEnd); !line.empty(); line = take(rest, kLineEnd)) {
    if (++fields.count > limits.fields) return Rejection{431, "there are too many fields"};
    if (Refused no = read_field(line, fields, head)) return no;
  }
  if (fields.hosts == 0) return Rejection{400, "there is a Host field"};
  return judge_body(limits, fields, head);
}

}  // namespace

HeadScan scan_head(std::string_view bytes, std::size_t from) noexcept {
  for (std::size_t i = from; i < bytes.size(); ++i) {
    const char c = bytes[i];
    const bool after_cr = i > 0 && bytes[i - 1] == '\r';
    if (c == '\0' || after_cr != (c == '\n')) return {HeadScan::State::Broken, i};
    if (c == '\n' && bytes.substr(0, i + 1).ends_with("\r\n\r\n")) {
      return {HeadScan::State::Complete, i + 1};
    }
  }
  return {HeadScan::State::Incomplete, bytes.size()};
}

std::variant<Head, Rejection> check_head(std::string_view bytes, const HeadLimits& limits) {
  const HeadScan scan = scan_head(bytes, 0);
  if (scan.state != HeadScan::State::Complete || scan.size != bytes.size()) {
    return Rejection{400, "lines end in CR LF, and the head in an empty line"};
  }
  Head head;
  if (const Refused no = read_head(bytes, limits, head)) return *no;
  return head;
}

Rejection overlong(std::string_view bytes, const HeadLimits& limits) noexcept {
  std::string_view rest = bytes.substr(0, bytes.find(kLineEnd));
  (void)take(rest, " ");
  if (take(rest, " ").size() > limits.target_bytes) return {414, "the target is too long"};
  return {431, "the head is too large"};
}

}  // namespace kw::http
