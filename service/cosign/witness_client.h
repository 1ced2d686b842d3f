// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"

namespace kw::cosign {

// WitnessAnswer is what a witness said, whatever its status.
struct WitnessAnswer {
  int status = 0;
  std::string content_type;
  std::string body;  // at most 64 KiB
};

// WitnessClient speaks HTTP with one witness (C2SP tlog-witness) over a connection that it keeps,
// and understands nothing of what is said. Over TLS the server's name and chain are checked, as far
// as 1.2. One call at a time, but for `stop`.
class WitnessClient {
 public:
  // `ca` is a file of CA certificates; the system's without it. Nothing is connected yet.
  // Errors: InvalidArgument (no such URL, or the file holds none).
  static Result<std::unique_ptr<WitnessClient>> open(
      const std::string& url, const std::optional<std::filesystem::path>& ca);
  ~WitnessClient();
  WitnessClient(const WitnessClient&) = delete;
  WitnessClient& operator=(const WitnessClient&) = delete;

  // Errors: Unavailable (no answer within 10 s or so, or too long a one).
  Result<WitnessAnswer> add_checkpoint(const std::string& body);
  Result<WitnessAnswer> newest_checkpoint(const std::string& origin_hash);

  // Ends the call that runs, from any thread; later ones end at once.
  void stop();

 private:
  struct Connection;
  explicit WitnessClient(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace kw::cosign
