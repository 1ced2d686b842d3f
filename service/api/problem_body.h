// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/names.h"
#include "base/result.h"
#include "service/core/sealed.h"

namespace kw::api {

// An error as a part of a batch's answer: the same body and status that a request of its own gets.
int status_of(const Error& error);
std::string problem_body(const Error& error, const RequestId& id);

// "INDEX:LEAFHASH", as in Keyward-Receipt.
std::string receipt_text(const core::Receipt& receipt);

}  // namespace kw::api
