// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/return_value.h"
#include "service/crypto/create.h"
#include "service/crypto/workbench.h"
#include "service/doctor/features.h"
#include "service/keys/algorithm.h"

namespace kw::doctor {
namespace {

keys::Key scratch_key(const keys::Algorithm& algorithm) {
  return {.id = Lab::fresh_id(),
          .name = KeyName::parse(Lab::kName).value(),
          .algorithm = &algorithm,
          .residency = keys::Residency::Token,
          .tags = {},
          .created = {},
          .rotate_every = std::nullopt,
          .versions = {}};
}

// In words for callers: what failed, without the library's own text.
std::string words_for(const Error& error) {
  const bool none_is_left = error.code() == Code::Unimplemented && error.rv() == 0;
  if (none_is_left) return "the token makes none itself and holds none that is unused";
  if (error.rv() != 0) return "the token answers " + name_of_rv(error.rv());
  if (error.code() == Code::Internal) return "the token makes another key than it was asked for";
  return "the token cannot make or use such a key";
}

// As the service does it: made, or found where an operator left one; read back; used once with an
// answer that is checked.
Result<void> try_algorithm(Lab& lab, const keys::Algorithm& algorithm) {
  pkcs11::Pace pace({.symmetric = 1, .asymmetric = 1});
  crypto::Workbench bench(TRY(lab.token().open_session()), pace);
  return crypto::try_out(bench, scratch_key(algorithm), Version{1});
}

}  // namespace

Result<std::vector<AlgorithmResult>> probe_algorithms(Lab& lab,
                                                      const std::function<Result<void>()>& go_on) {
  std::vector<AlgorithmResult> results;
  for (const keys::Algorithm& algorithm : keys::algorithms()) {
    TRY(go_on());
    const Result<void> tried = try_algorithm(lab, algorithm);
    AlgorithmResult result{std::string(algorithm.name), {}};
    if (!tried) result.offer.refused = words_for(tried.error());
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace kw::doctor
