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
  if (error.rv() != 0) return "the token answers " + name_of_rv(error.rv());
  if (error.code() == Code::Internal) return "the token makes another key than it was asked for";
  return "the token cannot make or use such a key";
}

// As the service does it: made, read back, used once with an answer that is checked.
Result<void> try_algorithm(Lab& lab, const keys::Algorithm& algorithm) {
  pkcs11::Pace pace({.symmetric = 1, .asymmetric = 1});
  crypto::Workbench bench(TRY(lab.token().open_session()), pace);
  const keys::Key key = scratch_key(algorithm);
  TRY(crypto::create_version(bench, key, Version{1}));
  TRY(crypto::destroy_version(bench, key.id, Version{1}));
  return {};
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
