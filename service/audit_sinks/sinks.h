// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "service/audit_sinks/sink_meter.h"
#include "service/audit_sinks/sink_options.h"

namespace kw::audit {
class Log;
}

namespace kw::audit_sinks {

class Sink;

// Sinks are all places beside the log's folder that its records go to. Each begins where its cursor
// in the log's folder stands, or is new and begins with what is new.
class Sinks {
 public:
  // Starts one for each; the log must outlive them, and be stopped before they end.
  // Errors: InvalidArgument, NotFound (TLS files, a cursor), Unavailable.
  static Result<std::unique_ptr<Sinks>> start(const std::vector<SinkOptions>& options,
                                              audit::Log& log);
  ~Sinks();
  Sinks(const Sinks&) = delete;
  Sinks& operator=(const Sinks&) = delete;

  std::vector<SinkReading> read() const;

 private:
  Sinks() = default;

  std::vector<std::unique_ptr<Sink>> sinks_;
};

// What start() would refuse without the log: TLS files that cannot be used.
Result<void> check_sinks(const std::vector<SinkOptions>& options);

}  // namespace kw::audit_sinks
