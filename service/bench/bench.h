// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "service/bench/operation.h"
#include "service/bench/report.h"

namespace kw::bench {

struct Options {
  std::filesystem::path program;  // `keyward` itself, which is started as the server
  std::filesystem::path folder;   // where the sandbox is made, on the disk that is measured
  std::vector<Operation> operations;
  std::vector<std::size_t> connections;
  double seconds = 5;  // for each figure, in rounds of about an eighth of a second
};

// Measures raw token calls against the same operations through HTTPS, in turn, so that a machine
// that is busy with other things disturbs both alike. Everything it makes in `folder` is gone
// afterwards. `progress` gets a line before each round. To be called from the only thread of the
// process, with no PKCS#11 module loaded.
// Errors: Unavailable (the sandbox, the server, the token, a request that failed), Aborted (a
// signal to stop).
Result<Report> run(const Options& options, const std::function<void(const std::string&)>& progress);

}  // namespace kw::bench
