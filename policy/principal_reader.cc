// SPDX-License-Identifier: Apache-2.0
#include "policy/document.h"

#include <algorithm>
#include <unordered_map>

#include "policy/fields.h"

namespace kw::policy {
namespace {

constexpr std::string_view kSpkiPrefix = "sha256:";
constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kMaxDnsName = 253;

using Ids = std::unordered_map<std::string, PrincipalId>;

bool is_dns_name(std::string_view name) {
  if (name.starts_with("*.")) name.remove_prefix(2);
  return !name.empty() && name.size() <= kMaxDnsName && name.front() != '.' && name.back() != '.' &&
         name.find("..") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_';
         });
}

Result<std::vector<PrincipalId>> read_members(const yaml::Node& node, const Ids& ids) {
  std::vector<PrincipalId> members;
  for (const yaml::Node& item : *TRY(read_list(node))) {
    const auto known = ids.find(TRY(read_text(item)));
    if (known == ids.end()) return yaml::fault(item.mark, "no principal has this name");
    members.push_back(known->second);
  }
  return members;
}

// spiffe, dns, spki or subject: what a client certificate says.
Result<void> read_certificate_matcher(const yaml::Node::Entry& entry, Principal& out) {
  out.value = TRY(read_text(entry.value));
  if (entry.key == "spiffe") {
    Result<Pattern> pattern = Pattern::parse_spiffe(out.value);
    if (!pattern) return at(entry.value.mark, pattern.error());
    out.kind = MatcherKind::Spiffe;
    out.pattern = *std::move(pattern);
  } else if (entry.key == "dns") {
    if (!is_dns_name(out.value)) {
      return yaml::fault(entry.value.mark, "a DNS name is lower case; '*.' may stand in front");
    }
    out.kind = MatcherKind::Dns;
  } else if (entry.key == "spki") {
    if (!is_spki(out.value)) {
      return yaml::fault(entry.value.mark, "must be 'sha256:' and 64 lower-case hex digits");
    }
    out.kind = MatcherKind::Spki;
  } else {
    out.kind = MatcherKind::Subject;
  }
  return {};
}

Result<void> read_matcher(const yaml::Node::Entry& entry, const Ids& ids, Principal& out) {
  if (entry.key == "any" || entry.key == "all") {
    out.kind = entry.key == "any" ? MatcherKind::AnyOf : MatcherKind::AllOf;
    out.members = TRY(read_members(entry.value, ids));
    return {};
  }
  if (entry.key == "jwt" || entry.key == "unix" || entry.key == "api_key") {
    return yaml::fault(entry.key_mark, "'" + entry.key + "' identities are not yet supported");
  }
  return read_certificate_matcher(entry, out);
}

Result<void> read_principal(const yaml::Node& node, const Ids& ids, Principal& out) {
  TRY(check_fields(node,
                   {"spiffe", "dns", "spki", "subject", "any", "all", "jwt", "unix", "api_key"}));
  const yaml::Node::Mapping& matchers = *node.as_mapping();
  if (matchers.size() != 1) {
    return yaml::fault(node.mark, "a principal has exactly one matcher; combine with any or all");
  }
  return read_matcher(matchers.front(), ids, out);
}

// CycleFinder walks groups into their members, each once.
class CycleFinder {
 public:
  explicit CycleFinder(const std::vector<Principal>& principals)
      : principals_(principals), marks_(principals.size(), Mark::New) {}

  // A group may hold groups, but not itself at any depth.
  bool leads_to_itself(PrincipalId id) {
    if (marks_[id] != Mark::New) return marks_[id] == Mark::Open;
    marks_[id] = Mark::Open;
    for (const PrincipalId member : principals_[id].members) {
      if (leads_to_itself(member)) return true;
    }
    marks_[id] = Mark::Done;
    return false;
  }

 private:
  enum class Mark { New, Open, Done };
  const std::vector<Principal>& principals_;
  std::vector<Mark> marks_;
};

}  // namespace

bool is_spki(std::string_view text) noexcept {
  if (!text.starts_with(kSpkiPrefix)) return false;
  text.remove_prefix(kSpkiPrefix.size());
  return text.size() == kDigestDigits && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Result<std::vector<Principal>> read_principals(const yaml::Node& node) {
  const yaml::Node::Mapping* const entries = node.as_mapping();
  if (entries == nullptr) return yaml::fault(node.mark, "must be a mapping of names to matchers");
  std::vector<Principal> principals(1);
  principals.front().name = "*";
  Ids ids;
  for (const yaml::Node::Entry& entry : *entries) {
    ids.emplace(entry.key, static_cast<PrincipalId>(principals.size()));
    principals.emplace_back().name = TRY(check_name(entry.key, entry.key_mark));
  }
  for (std::size_t i = 0; i < entries->size(); ++i) {
    TRY(read_principal((*entries)[i].value, ids, principals[i + 1]));
  }
  CycleFinder cycles(principals);
  for (std::size_t i = 0; i < entries->size(); ++i) {
    if (cycles.leads_to_itself(static_cast<PrincipalId>(i + 1))) {
      return yaml::fault((*entries)[i].key_mark, "the group holds itself");
    }
  }
  return principals;
}

}  // namespace kw::policy
