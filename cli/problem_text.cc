// SPDX-License-Identifier: Apache-2.0
#include "cli/problem_text.h"

#include <nlohmann/json.hpp>

#include "base/bytes.h"

namespace kw::cli {
namespace {

struct Known {
  std::string_view word;
  Code code;
  int status;
  std::string_view remedy;
};

// Where a status has several codes, the first stands for it.
constexpr Known kCodes[] = {
    {"invalid_argument", Code::InvalidArgument, 400, "fix the request"},
    {"unauthenticated", Code::Unauthenticated, 401,
     "give a client certificate that the server trusts: --cert and --cert-key, or KEYWARD_CERT and "
     "KEYWARD_KEY"},
    {"permission_denied", Code::PermissionDenied, 403,
     "the policy does not allow it: ask its keeper for a rule, or see `keyward policy explain`"},
    {"not_found", Code::NotFound, 404, "see `keyward key list` for the keys there are"},
    {"failed_precondition", Code::FailedPrecondition, 409,
     "the key's state forbids it: see `keyward key show`"},
    {"already_exists", Code::AlreadyExists, 409, "choose another name"},
    {"aborted", Code::Aborted, 409, "somebody was faster: look again, then retry"},
    {"payload_too_large", Code::PayloadTooLarge, 413,
     "send less, or use `keyward seal` for a file"},
    {"resource_exhausted", Code::ResourceExhausted, 429, "slow down and retry"},
    {"unimplemented", Code::Unimplemented, 501, "this server or its token cannot do it"},
    {"unavailable", Code::Unavailable, 503, "the service or its token is away: retry"},
    {"deadline_exceeded", Code::DeadlineExceeded, 504,
     "it may or may not have happened: look, then retry"},
    {"internal", Code::Internal, 500, "tell the operator"},
};

const Known* find_known(std::string_view word, int status) {
  for (const Known& known : kCodes) {
    if (known.word == word) return &known;
  }
  for (const Known& known : kCodes) {
    if (known.status == status) return &known;
  }
  return nullptr;
}

std::string text_of(const nlohmann::json& problem, const char* field) {
  if (!problem.is_object()) return {};
  const auto found = problem.find(field);
  if (found == problem.end() || !found->is_string()) return {};
  return printable(found->get_ref<const std::string&>());
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::size_t kLongest = 1000;
  std::string out(text.substr(0, kLongest));
  const bool readable = is_utf8(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !readable)) c = '?';
  }
  return out;
}

Error problem_error(int status, std::string_view body, std::string_view request_id) {
  const auto problem = nlohmann::json::parse(body, nullptr, false);
  const Known* known = find_known(text_of(problem, "code"), status);
  const std::string title = text_of(problem, "title");
  const std::string detail = text_of(problem, "detail");

  std::string text = known == nullptr ? "unexpected answer" : std::string(known->word);
  text += " (" + std::to_string(status) + ")";
  if (!detail.empty() || !title.empty()) text += ": " + (detail.empty() ? title : detail);
  if (known != nullptr) text += "\n  " + std::string(known->remedy);
  if (!request_id.empty()) text += "\n  request " + printable(request_id);
  return Error(known == nullptr ? Code::Internal : known->code, std::move(text));
}

}  // namespace kw::cli
