// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>

#include "base/result.h"

// REQUIRE_OK yields the value of a Result, or ends the test with the error's text.
#define REQUIRE_OK(expr)                                                                    \
  __extension__({                                                                           \
    auto&& checked_result_ = (expr);                                                        \
    if (!checked_result_) {                                                                 \
      FAIL(#expr << ": " << checked_result_.error().detail() << " ("                        \
                 << checked_result_.error().file() << ":" << checked_result_.error().line() \
                 << ")");                                                                   \
    }                                                                                       \
    std::move(checked_result_).value();                                                     \
  })

// CHECK_CODE checks that a Result failed with one code.
#define CHECK_CODE(expr, wanted)                         \
  do {                                                   \
    auto&& checked_result_ = (expr);                     \
    CHECK_FALSE(checked_result_.has_value());            \
    if (!checked_result_) {                              \
      INFO(checked_result_.error().detail());            \
      CHECK(checked_result_.error().code() == (wanted)); \
    }                                                    \
  } while (false)
