// SPDX-License-Identifier: Apache-2.0
// The journal's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram an entry. It is
// so small that libsystemd, which cannot be told another socket, is not used.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include "service/audit_sinks/format.h"
#include "service/audit_sinks/socket.h"
#include "service/audit_sinks/transport.h"
#include "service/audit_verify/print.h"

namespace kw::audit_sinks {
namespace {

// A value with a newline has its length in front, little-endian.
void add_entry(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  if (value.find('\n') == std::string_view::npos) {
    out += '=';
  } else {
    out += '\n';
    for (unsigned shift = 0; shift < 64; shift += 8) {
      out += static_cast<char>((std::uint64_t{value.size()} >> shift) & 0xff);
    }
  }
  out += value;
  out += '\n';
}

std::string upper(std::string_view name) {
  std::string out = "KEYWARD_";
  for (const char c : name) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

class Journald final : public Transport {
 public:
  explicit Journald(SinkOptions options) : options_(std::move(options)) {}

  std::string encode(const audit_verify::DecodedRecord& record) const override {
    std::string out;
    add_entry(out, "MESSAGE", format_record(record, options_.format));
    add_entry(out, "PRIORITY", std::to_string(syslog_level(record)));
    add_entry(out, "SYSLOG_FACILITY", std::to_string(kSyslogFacility));
    add_entry(out, "SYSLOG_IDENTIFIER", "keyward-audit");
    for (const audit_verify::FieldInfo& info : audit_verify::all_fields()) {
      const auto field = record.value(info.name);
      if (field) add_entry(out, upper(info.name), audit_verify::value_of(*field));
    }
    return out;
  }

  Result<void> connect() override {
    peer_ = TRY(connect_unix(options_.path, SOCK_DGRAM));
    return {};
  }

  Result<void> send(const std::vector<Message>& messages) override {
    for (const Message& message : messages) TRY(send_one(message.bytes));
    return {};
  }

  Result<void> check() override { return {}; }  // a datagram's peer shows when it is sent to
  void close() noexcept override { peer_ = FileDescriptor(); }

 private:
  Result<void> send_one(std::string_view bytes) const {
    for (;;) {
      if (::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) return {};
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != ENOBUFS) return socket_error("send");
      TRY(wait_for(peer_.get(), POLLOUT, deadline_in(kPeerWithin)));
    }
  }

  const SinkOptions options_;
  FileDescriptor peer_;
};

}  // namespace

std::unique_ptr<Transport> make_journald(const SinkOptions& options) {
  return std::make_unique<Journald>(options);
}

}  // namespace kw::audit_sinks
