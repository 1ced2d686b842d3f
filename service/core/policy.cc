// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

#include "base/file.h"
#include "service/core/key_service.h"
#include "service/core/passage.h"

namespace kw::core {
namespace {

PolicyText text_of(const policy::Policy& policy) { return {policy.text(), policy.hash()}; }

// The file is replaced only by a text that parses and passes its own tests, so that the next start
// finds what is active now.
Result<PolicyText> write_now(Passage& passage, const std::string& text) {
  TRY(passage.decide({}));
  auto judged = judge_policy(text);
  if (!judged) {
    const bool parses = judged.error().code() == Code::FailedPrecondition;
    return passage.because(parses ? audit::Reason::PolicyTestFailed : audit::Reason::PolicyInvalid,
                           judged.error());
  }
  TRY(passage.intend());
  Shared& shared = passage.shared();
  const std::lock_guard lock(shared.policy_change);
  TRY(write_file(shared.policy_file, text, 0640));
  PolicyText active = text_of(**judged);
  activate_policy(shared, *std::move(judged));
  return active;
}

Result<PolicyExplanation> explain_now(Passage& passage, const ExplainPolicy& request) {
  TRY(passage.decide({}));
  const auto operation = policy::parse_operation(request.operation);
  if (!operation) return refusal(Code::InvalidArgument, "do: not an operation");
  // What the catalog knows of the key is part of the answer, as it would be for a real call.
  const Result<KeyName> name = KeyName::parse(request.key);
  const Result<KeyView> key = name ? passage.shared().catalog->find(*name) : name.error();
  policy::Question question = key ? question_about(**key) : policy::Question{};
  question.operation = *operation;
  question.key = request.key;
  question.context = request.context ? &*request.context : nullptr;
  question.now = wall_now();
  const policy::Facts facts{.spki = request.spki,
                            .spiffe = request.spiffe,
                            .dns = request.dns,
                            .subject = request.subject,
                            .source = request.source};
  const policy::Explanation explained = passage.shared().policy.load()->explain(facts, question);
  PolicyExplanation answer{explained.allowed, explained.rule, {}};
  for (const policy::NearMiss& miss : explained.near_misses) {
    answer.near_misses.push_back(miss.rule + ": " + miss.condition + ": wanted " + miss.wanted +
                                 ", found " + miss.found);
  }
  return answer;
}

}  // namespace

Sealed<PolicyText> KeyService::read_policy(const Call& call) {
  Passage passage(*seat_, call, policy::Operation::ReadPolicy);
  const auto act = [&]() -> Result<PolicyText> {
    TRY(passage.decide({}));
    return text_of(*passage.shared().policy.load());
  };
  return passage.conclude(act());
}

Sealed<PolicyText> KeyService::write_policy(const Call& call, const std::string& text) {
  Passage passage(*seat_, call, policy::Operation::WritePolicy);
  passage.takes(text.size());
  return passage.conclude(write_now(passage, text));
}

Sealed<PolicyExplanation> KeyService::explain_policy(const Call& call,
                                                     const ExplainPolicy& request) {
  Passage passage(*seat_, call, policy::Operation::ReadPolicy);
  return passage.conclude(explain_now(passage, request));
}

}  // namespace kw::core
