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

// Says so if the machine is too busy for figures to mean much; else nothing.
std::string business();

// How many calls of a kind at once serve all calls of that kind well. Where the token is software,
// never more than this machine has cores.
unsigned best_of(const Report& report, bool symmetric);

}  // namespace kw::doctor
