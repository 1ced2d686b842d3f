// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

#include "service/doctor/lab.h"
#include "service/doctor/report.h"

namespace kw::doctor {

// How the token behaves where tokens differ.
std::vector<Quirk> probe_quirks(Lab& lab, const std::function<Result<void>()>& go_on);

}  // namespace kw::doctor
