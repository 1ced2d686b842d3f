// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "service/bench/sample.h"

namespace kw::bench {

// ServerProcess is `keyward dev` in a process of its own, so that its processor time can be told
// from the load's. It is ended with this object, and with the thread that started it, whatever ends
// that.
class ServerProcess {
 public:
  // Starts `program` on a sandbox in `folder` and waits until it serves. Never while a PKCS#11
  // module is loaded: it forks. Errors: Unavailable (with the last line that the server wrote).
  static Result<std::unique_ptr<ServerProcess>> start(const std::filesystem::path& program,
                                                      const std::filesystem::path& folder);

  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;
  // Has it answer what is in flight and end; kills it when it takes too long.
  ~ServerProcess();

  int port() const noexcept { return port_; }

  // The processor time it has used so far, all threads. 0 once it has ended.
  Seconds cpu() const;

  // The last line of its standard error; empty if there is none.
  std::string last_words() const;

 private:
  ServerProcess(pid_t pid, std::filesystem::path folder) : pid_(pid), folder_(std::move(folder)) {}
  bool has_ended();
  Result<void> wait_until_ready();

  pid_t pid_;  // 0 once it was waited for
  std::filesystem::path folder_;
  int port_ = 0;
};

}  // namespace kw::bench
