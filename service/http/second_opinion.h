// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "service/http/head_gate.h"

namespace kw::http {

// Whether an independent parser (Boost.Beast's) reads the same method, target and length from the
// bytes that the gate took for `head`. Two readings of one head are how requests are smuggled.
bool second_parser_agrees(std::string_view bytes, const Head& head);

}  // namespace kw::http
