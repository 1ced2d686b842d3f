// SPDX-License-Identifier: Apache-2.0
#include "policy/policy.h"

#include "policy/document.h"
#include "policy/engine.h"
#include "policy/self_test.h"
#include "policy/who_can.h"

namespace kw::policy {

// Pinned: the engine refers to the document beside it.
struct Policy::Parts {
  Parts(std::string_view yaml, Document read)
      : text(yaml), hash(sha256(as_bytes(yaml))), document(std::move(read)), engine(document) {}
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  const std::string text;
  const Sha256Digest hash;
  const Document document;
  const Engine engine;
};

Policy::Policy(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
Policy::~Policy() = default;

Result<std::shared_ptr<const Policy>> Policy::parse(std::string_view yaml) {
  auto parts = std::make_unique<const Parts>(yaml, TRY(read_document(yaml)));
  return std::shared_ptr<const Policy>(new Policy(std::move(parts)));
}

Standing Policy::standing_of(const Facts& facts) const { return parts_->engine.standing_of(facts); }

Decision Policy::decide(const Standing& standing, const Facts& facts,
                        const Question& question) const {
  return parts_->engine.decide(standing, facts, question);
}

bool Policy::may_anything(const Facts& facts, Operation operation) const {
  return parts_->engine.may_anything(facts, operation);
}

Explanation Policy::explain(const Facts& facts, const Question& question) const {
  return parts_->engine.explain(facts, question);
}

std::vector<Grant> Policy::who_can(Operation operation, std::string_view key) const {
  return policy::who_can(parts_->document, operation, key);
}

Result<void> Policy::run_tests() const { return run_self_tests(parts_->document, parts_->engine); }

const std::string& Policy::text() const noexcept { return parts_->text; }
const Sha256Digest& Policy::hash() const noexcept { return parts_->hash; }

}  // namespace kw::policy
