// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "service/doctor/lab.h"
#include "service/doctor/report.h"

namespace kw::doctor {

// What the token can do, by known answers.
std::vector<Feature> probe_features(Lab& lab, const std::function<Result<void>()>& go_on);

// Whether keyward's algorithms can be had: each is made as keyward makes it, and used once.
Result<std::vector<AlgorithmResult>> probe_algorithms(Lab& lab,
                                                      const std::function<Result<void>()>& go_on);

// Whether the blob suites can be had: each has an algorithm whose keys it takes.
std::vector<AlgorithmResult> judge_suites(const std::vector<AlgorithmResult>& algorithms);

}  // namespace kw::doctor
