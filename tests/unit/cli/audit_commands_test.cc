// SPDX-License-Identifier: Apache-2.0
// What the verifier finds is tested where it lives; here: exit codes and what is printed.
#include "call.h"
#include "tests/support/temp_dir.h"

namespace kw::test {

TEST_CASE("audit verify: a folder that is not there is usage, exit 4", "[cli][audit]") {
  const auto outcome = call({"audit", "verify", "/nonexistent"});
  CHECK(outcome.exit == 4);
  CHECK_FALSE(outcome.err.empty());
}

TEST_CASE("audit verify: wrong usage is exit 4", "[cli][audit]") {
  CHECK(call({"audit", "verify"}).exit == 4);
  CHECK(call({"audit", "verify", "a", "b"}).exit == 4);
  CHECK(call({"audit", "verify", "a", "--no-such-option"}).exit == 4);
}

TEST_CASE("audit tail: wrong usage is exit 2", "[cli][audit]") {
  CHECK(call({"audit", "tail", "d", "--lines", "x"}).exit == 2);
}

TEST_CASE("audit show: a folder that is not there is an error", "[cli][audit]") {
  CHECK(call({"audit", "show", "/nonexistent"}).exit == 1);
  CHECK(call({"audit", "tail", "/nonexistent"}).exit == 1);
}

}  // namespace kw::test
