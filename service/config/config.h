// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "service/config/pin_reference.h"
#include "service/config/sink_settings.h"

namespace kw::config {

// ListenAddress is `HOST:PORT` (`[::1]:PORT` for IPv6; port 0 picks a free one), `unix:PATH` or
// `systemd` (socket activation).
struct ListenAddress {
  enum class Kind { Tcp, Unix, Systemd };

  Kind kind = Kind::Tcp;
  std::string host;  // Tcp; without brackets
  std::uint16_t port = 0;
  std::filesystem::path path;  // Unix

  bool operator==(const ListenAddress&) const = default;

  // The address as `parse` takes it.
  std::string text() const;

  // Errors: InvalidArgument, advised.
  static Result<ListenAddress> parse(std::string_view text, const std::filesystem::path& folder);
};

struct TlsFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path client_ca;
  std::optional<std::filesystem::path> crl;
};

// How many calls of a kind the token likes at once, where that is known.
struct Concurrency {
  std::optional<unsigned> symmetric;
  std::optional<unsigned> asymmetric;
  std::optional<unsigned> generate;
};

// WitnessSettings name a witness (docs/operations.md). Its URL and key are read by who uses them.
struct WitnessSettings {
  std::string url;
  std::string key;
  std::optional<std::filesystem::path> ca;
};

struct TokenSettings {
  std::filesystem::path module;
  std::string uri;  // RFC 7512; read by pkcs11
  PinReference pin;
  std::optional<std::filesystem::path> directory;  // a soft token's folder, made durable by us
  std::optional<unsigned> executors;
  bool allow_suite_3 = false;  // message keys in locked host memory (docs/envelope-format.md)
  Concurrency concurrency = {};
  std::chrono::milliseconds hung_after{10'000};  // a call that takes longer hangs
  unsigned most_hung = 4;                        // calls at a time; with more the service ends
  std::map<std::string, std::filesystem::path> environment;  // set before the module is loaded
  std::string parameters;                        // for the module's C_Initialize; mostly empty
  std::optional<std::filesystem::path> profile;  // what keyward doctor wrote
};

struct Limits {
  std::chrono::milliseconds request_deadline{10'000};
  std::chrono::milliseconds idle_timeout{60'000};
  unsigned connections = 4'096;
  unsigned queue = 1'024;                    // requests that wait, for each lane
  std::optional<unsigned> queue_per_caller;  // of them; a quarter if nobody says
};

// Config is the configuration file, read strictly: an unknown or duplicate key, a wrong type or a
// missing value is an error with line and column. Paths are absolute or relative to the working
// directory as `folder` is; nothing is opened yet.
struct Config {
  std::vector<ListenAddress> listen;  // at least one
  TlsFiles tls;
  TokenSettings token;
  std::filesystem::path catalog;  // an SQLite file
  std::filesystem::path audit_directory;
  std::chrono::milliseconds checkpoint_every{1'000};  // 100 ms to 1 s
  std::chrono::milliseconds durable_within{8'000};    // 100 ms to 1 min
  std::vector<SinkSettings> sinks;
  std::vector<WitnessSettings> witnesses;
  unsigned witness_quorum = 0;  // so many must cosign; all of them unless the file says fewer
  std::filesystem::path policy;
  Limits limits;
  std::optional<ListenAddress> telemetry;  // plain HTTP for probes and scrapes; never Systemd

  // Relative paths in `yaml` start at `folder`. Errors: InvalidArgument, as "line L, column C:
  // ...".
  static Result<Config> parse(std::string_view yaml, const std::filesystem::path& folder);

  // Reads and parses a file. Errors: those of parse, with the path in front; NotFound; Unavailable.
  static Result<Config> load(const std::filesystem::path& file);
};

// A duration as configuration spells it: digits and `ms`, `s`, `m` or `h`, more than zero.
// Errors: InvalidArgument, advised.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace kw::config
