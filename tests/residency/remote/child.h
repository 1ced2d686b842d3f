// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/expect.h"

namespace kw::residency {

// The one process that another started: the host of a module that it loaded.
inline pid_t child_of(pid_t parent) {
  const std::string tasks = "/proc/" + std::to_string(parent) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::ifstream children(task.path() / "children");
    if (pid_t child = 0; children >> child) return child;
  }
  FAIL("process " << parent << " has no child");
  return -1;
}

}  // namespace kw::residency
