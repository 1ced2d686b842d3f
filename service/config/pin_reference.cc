// SPDX-License-Identifier: Apache-2.0
#include "service/config/pin_reference.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include "base/file.h"

namespace kw::config {
namespace {

using Source = PinReference::Source;

struct Scheme {
  std::string_view prefix;
  Source source;
};

constexpr std::array kSchemes{
    Scheme{"file:", Source::File},
    Scheme{"env:", Source::Environment},
    Scheme{"credential:", Source::Credential},
};

Error no_reference() {
  return refusal(Code::InvalidArgument,
                 "expected file:PATH, env:NAME or credential:NAME; a PIN is never written here");
}

bool is_word(std::string_view name) {
  return name != "." && name != ".." && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

const char* environment(const std::string& name) {
  return std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): before threads start
}

// root:keyward 0640 is how a packaged service gets a file of root's to read.
bool is_closed(const struct stat& status) {
  const unsigned open_bits = status.st_mode & 0077u;
  return open_bits == 0 || (open_bits == 0040u && status.st_uid == 0);
}

Result<Secret> read_closed_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    const Code code = errno == ENOENT ? Code::NotFound : Code::Unavailable;
    return Error(code, "PIN file " + path + ": " + std::generic_category().message(errno));
  }
  if (!S_ISREG(status.st_mode)) {
    return Error(Code::FailedPrecondition, "PIN file " + path + ": not a regular file");
  }
  if (!is_closed(status)) {
    return Error(Code::FailedPrecondition,
                 "PIN file " + path + ": open to other users: chmod 600 " + path);
  }
  return read_secret_file(path);
}

Result<Secret> read_environment(const std::string& name) {
  const char* value = environment(name);
  if (value == nullptr) {
    return Error(Code::NotFound, "PIN: the environment variable " + name + " is not set");
  }
  return Secret::copy_of(as_bytes(value));
}

// systemd guards the folder; its files' modes mirror an access list, not the group.
Result<Secret> read_credential(const std::string& name) {
  const char* folder = environment("CREDENTIALS_DIRECTORY");
  if (folder == nullptr) {
    return Error(Code::NotFound,
                 "PIN: no CREDENTIALS_DIRECTORY: not started by systemd with "
                 "LoadCredential=" +
                     name);
  }
  return read_secret_file(std::filesystem::path(folder) / name);
}

}  // namespace

Result<PinReference> PinReference::parse(std::string_view text,
                                         const std::filesystem::path& folder) {
  for (const Scheme& scheme : kSchemes) {
    if (!text.starts_with(scheme.prefix)) continue;
    const std::string_view name = text.substr(scheme.prefix.size());
    if (name.empty()) return no_reference();
    if (scheme.source == Source::File) return PinReference(scheme.source, folder / name);
    if (!is_word(name)) return no_reference();
    return PinReference(scheme.source, std::string(name));
  }
  return no_reference();
}

Result<Secret> PinReference::read() const {
  const auto read_source = [this]() -> Result<Secret> {
    switch (source_) {
      case Source::File:
        return read_closed_file(name_);
      case Source::Environment:
        return read_environment(name_);
      case Source::Credential:
        return read_credential(name_);
    }
    KW_ASSERT(false);
  };
  Secret pin = TRY(read_source());
  if (pin.empty()) return Error(Code::InvalidArgument, "PIN: " + name_ + " is empty");
  return pin;
}

}  // namespace kw::config
