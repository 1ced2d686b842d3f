// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "service/config/fields.h"

namespace kw::config {

// SinkSettings is one entry of audit.sinks: a place beside the log's folder that its records go to.
struct SinkSettings {
  enum class Kind { Journald, SyslogTls, Unix };
  enum class Format { Json, Cef, Ocsf };

  std::string name;  // lower-case letters, digits and '-', at most 32
  Kind kind = Kind::Journald;
  Format format = Format::Json;
  bool require = false;  // no answer before this sink has its record

  std::filesystem::path path = "/run/systemd/journal/socket";  // Journald, Unix
  bool acknowledge = false;                                    // Unix; always where it is required

  std::string host;  // SyslogTls
  std::uint16_t port = 0;
  std::filesystem::path ca;
  std::filesystem::path certificate;
  std::filesystem::path key;
};

// Reads `sinks` of `audit`, if it is there. Errors: InvalidArgument, with line and column.
Result<std::vector<SinkSettings>> read_sinks(const Fields& audit);

}  // namespace kw::config
