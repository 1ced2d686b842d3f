// SPDX-License-Identifier: Apache-2.0
#include "service/audit_sinks/sinks.h"

#include "service/audit_sinks/sink.h"

namespace kw::audit_sinks {
namespace {

Result<std::unique_ptr<Transport>> make_transport(const SinkOptions& options) {
  switch (options.kind) {
    case SinkOptions::Kind::Journald:
      return make_journald(options);
    case SinkOptions::Kind::SyslogTls:
      return make_syslog_tls(options);
    case SinkOptions::Kind::Unix:
      return make_unix_stream(options);
  }
  return Error(Code::Internal, "a sink of no kind");
}

}  // namespace

Result<std::unique_ptr<Sinks>> Sinks::start(const std::vector<SinkOptions>& options,
                                            audit::Log& log) {
  std::unique_ptr<Sinks> sinks(new Sinks);
  for (const SinkOptions& one : options) {
    std::unique_ptr<Transport> transport = TRY(make_transport(one));
    Cursor cursor = TRY(Cursor::open(log.folder() / "sinks", one.name, log.tree().size()));
    sinks->sinks_.push_back(
        std::make_unique<Sink>(one, log, std::move(cursor), std::move(transport)));
  }
  return sinks;
}

Sinks::~Sinks() = default;

std::vector<SinkReading> Sinks::read() const {
  std::vector<SinkReading> readings;
  readings.reserve(sinks_.size());
  for (const auto& sink : sinks_) readings.push_back(sink->read());
  return readings;
}

Result<void> check_sinks(const std::vector<SinkOptions>& options) {
  for (const SinkOptions& one : options) TRY(make_transport(one));
  return {};
}

}  // namespace kw::audit_sinks
