// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "service/audit_sinks/sink_options.h"
#include "service/audit_verify/decoded_record.h"

namespace kw::audit_sinks {

// Message is a record as it goes out.
struct Message {
  std::uint64_t index = 0;
  std::string bytes;
};

// Transport carries records to one peer. For one thread; no call takes much longer than
// kPeerWithin. Errors are Unavailable: then the connection is to be closed and made anew.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual std::string encode(const audit_verify::DecodedRecord& record) const = 0;
  virtual Result<void> connect() = 0;
  // Yields once the peer has all of them, in the sense of docs/audit-reading.md, "Sinks".
  virtual Result<void> send(const std::vector<Message>& messages) = 0;
  // Whether the peer is still there.
  virtual Result<void> check() = 0;
  virtual void close() noexcept = 0;

  // What was sent less long before a connection broke may be lost, and is sent again.
  virtual Clock::duration doubt() const noexcept { return {}; }
};

// Errors: InvalidArgument (TLS files that cannot be used), NotFound.
Result<std::unique_ptr<Transport>> make_syslog_tls(const SinkOptions& options);
std::unique_ptr<Transport> make_journald(const SinkOptions& options);
std::unique_ptr<Transport> make_unix_stream(const SinkOptions& options);

}  // namespace kw::audit_sinks
