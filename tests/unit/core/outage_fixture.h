// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "tests/unit/core/door_fixture.h"

namespace kw::core {

// OutageFixture is a door whose token goes away and comes back, with one key of each kind and one
// blob from before.
struct OutageFixture : DoorFixture {
  OutageFixture();
  // For who needs other options.
  explicit OutageFixture(HealerOptions options);

  void prepare();

  // Asks again until it is so; the bound is only against hanging.
  void await(const std::string& what, const std::function<bool()>& is_so);
  void await_service();
  bool is_ready() { return backend->troubles().empty(); }

  double epochs() const { return metric("keyward_token_epochs_total"); }

  Result<Unwrapped> unwrap();
  Result<Signed> sign();
  Result<Mac> mac();
  // Each of them gives the right answer, or says Unavailable: anything else ends the test.
  bool all_work();

  // How it was opened.
  TokenAccess access() const;

  // The token's folder, and where it goes.
  void move_away();
  void move_back();
  std::filesystem::path away() const { return folder / "away"; }

  Context none;
  Bytes blob;
  Bytes mac_before;
};

}  // namespace kw::core
