// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/result.h"
#include "policy/document.h"
#include "policy/engine.h"

namespace kw::policy {

// Runs the document's own tests. Errors: FailedPrecondition, advised, as Policy::run_tests.
Result<void> run_self_tests(const Document& document, const Engine& engine);

}  // namespace kw::policy
