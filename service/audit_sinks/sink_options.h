// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace kw::audit_sinks {

// SinkOptions is one place beside the log's folder that its records go to.
struct SinkOptions {
  enum class Kind { Journald, SyslogTls, Unix };
  enum class Format { Json, Cef, Ocsf };

  std::string name;  // [a-z0-9-], also the name of its cursor's file
  Kind kind = Kind::Journald;
  Format format = Format::Json;
  bool is_required = false;  // no answer is given free before this one has its record

  std::filesystem::path path;  // Journald, Unix: the socket
  bool acknowledges = false;   // Unix: the peer says what it has

  std::string host;  // SyslogTls
  std::uint16_t port = 0;
  std::filesystem::path ca;
  std::filesystem::path certificate;
  std::filesystem::path key;
};

}  // namespace kw::audit_sinks
