// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "policy/id_set.h"
#include "policy/operation.h"
#include "policy/question.h"

namespace kw::policy {

class Engine;

// Decision is the answer to one Question. `rule` is the id of the rule that decided, empty where no
// rule did and the default, denial, holds; it is borrowed from the policy.
struct Decision {
  bool allowed = false;
  std::string_view rule;
};

// NearMiss is a rule that was about this caller and this key but did not match, and one reason.
struct NearMiss {
  std::string rule;
  std::string condition;  // "operation", or the word of the condition: "context.tenant", "source" …
  std::string wanted;
  std::string found;  // "nothing" where the fact is missing
};

// Explanation is a Decision with its reasons. It quotes the question, its context too: it is for
// the one who asked, and never for a log.
struct Explanation {
  bool allowed = false;
  std::string rule;
  std::vector<std::string> principals;  // those of the policy that the caller matches
  std::vector<NearMiss> near_misses;    // empty where a rule decided
};

// Grant says that a principal may do something through a rule, under conditions in words.
struct Grant {
  std::string principal;  // "*" is every proven caller
  std::string rule;
  std::vector<std::string> conditions;  // all must hold; empty: always
};

// Standing is which rules of one policy are about a caller: found once, good for many questions to
// that policy. Everything proven about the caller goes into it, but for where a request comes from.
class Standing {
 private:
  friend class Engine;
  Standing(const Engine& engine, IdSet bundles) : engine_(&engine), bundles_(std::move(bundles)) {}

  const Engine* engine_;  // whose numbers the bundles are
  IdSet bundles_;
};

// Policy is one compiled `keyward-policy/1` text (docs/policy.md). Default deny; any matching deny
// wins; the order of rules never matters. Immutable, so safe for concurrent use.
class Policy {
 public:
  // Errors: InvalidArgument, advised, as "line L, column C: what is wrong". Does not run the tests.
  static Result<std::shared_ptr<const Policy>> parse(std::string_view yaml);
  ~Policy();

  Standing standing_of(const Facts& facts) const;

  // A key that is no KeyName is denied. `standing` must be this policy's, of the same facts.
  Decision decide(const Standing& standing, const Facts& facts, const Question& question) const;
  Decision decide(const Facts& facts, const Question& question) const {
    return decide(standing_of(facts), facts, question);
  }

  // Whether some allow rule gives this caller the operation on any key at all, under whatever
  // conditions, and no unconditional deny takes it away on every key.
  bool may_anything(const Facts& facts, Operation operation) const;

  // decide() with reasons, by the same code.
  Explanation explain(const Facts& facts, const Question& question) const;

  // Every principal that may do it, with the rule and its conditions; without those that an
  // unconditional deny stops. `key` is empty for operations that name no key.
  std::vector<Grant> who_can(Operation operation, std::string_view key) const;

  // Runs the text's own tests. Errors: FailedPrecondition, advised: the line of the first one that
  // fails, what was expected and what was found.
  Result<void> run_tests() const;

  const std::string& text() const noexcept;
  const Sha256Digest& hash() const noexcept;  // SHA-256 of the text

 private:
  struct Parts;
  explicit Policy(std::unique_ptr<const Parts> parts);

  std::unique_ptr<const Parts> parts_;
};

}  // namespace kw::policy
