// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "service/doctor/lab.h"
#include "service/doctor/report.h"

namespace kw::doctor {

// Measures throughput with 1, 2 and 4 threads, in rounds that alternate, so that a busy machine
// disturbs all alike. A kind of call that the token cannot make is left out.
Result<std::vector<Parallel>> measure_parallel(Lab& lab, std::chrono::duration<double> slice,
                                               const std::function<Result<void>()>& go_on);

// How many calls of a kind at once serve all calls of that kind well.
unsigned best_of(const std::vector<Parallel>& parallels, bool symmetric);

}  // namespace kw::doctor
