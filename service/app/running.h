// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "service/config/config.h"

namespace kw::telemetry {
class Page;
}

namespace kw::app {

// Running is the whole service, built in one order and taken down in the reverse one: the only
// place that knows all lifetimes.
class Running {
 public:
  // Reads the PIN, opens token, catalog, log and policy, starts the executors, then listens.
  static Result<std::unique_ptr<Running>> start(const config::Config& config);

  // Only after a stop() that yielded true.
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  // What was bound, in the form of the configuration, with the real ports.
  const std::vector<std::string>& addresses() const noexcept;

  // What was bound for telemetry, if the configuration asks for it.
  std::optional<std::string> telemetry_address() const;

  // Takes certificates, policy, limits, the token and its PIN as the files stand now: all or, with
  // an error, nothing.
  Result<void> reload(const config::Config& config);

  // Answers what is in flight, at most 10 s long, then ends everything, the audit log on record and
  // durable. Yields whether all of it ended: if not, token calls hang, and the process can only end
  // without taking anything down.
  bool stop();

  // So many token calls hang that the service should stop.
  bool is_exhausted() const noexcept;

  // Whether the audit log is shut for good: only a new process can go on with it.
  bool needs_restart() const;

  // One tick of the service's own clock; call it once a second.
  void tick();

 private:
  struct Parts;
  explicit Running(std::unique_ptr<Parts> parts);
  static Result<void> serve_telemetry(Parts& parts, const config::Config& config);
  static void describe(const Parts& parts, telemetry::Page& page);

  std::unique_ptr<Parts> parts_;
};

// Sets the token's environment variables: before its module is loaded, and before there are
// threads.
void set_environment(const config::TokenSettings& token);

// Everything that `start` would refuse, found without serving: files, references, TLS material, the
// policy's own tests, the token's presence. Does not log in, and touches neither catalog nor log.
Result<void> check(const config::Config& config);

}  // namespace kw::app
