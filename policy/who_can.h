// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "policy/document.h"
#include "policy/policy.h"

namespace kw::policy {

// As Policy::who_can. Groups of any are given as their members. Linear in the document.
std::vector<Grant> who_can(const Document& document, Operation operation, std::string_view key);

}  // namespace kw::policy
