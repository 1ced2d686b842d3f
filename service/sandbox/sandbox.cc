// SPDX-License-Identifier: Apache-2.0
#include "service/sandbox/sandbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/bytes.h"
#include "base/file.h"
#include "pkcs11/module.h"
#include "pkcs11/provision.h"
#include "service/sandbox/layout.h"
#include "service/sandbox/pki.h"

namespace kw::sandbox {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
constexpr const char* kLabel = "keyward";
// Lies in the folder while it is being made: what is beside it is ours, half-made, and may go.
constexpr const char* kMarker = ".making";

Error disk_error(std::string_view step, const fs::path& path, const std::error_code& error) {
  return Error(Code::Unavailable, std::string(step) + " " + path.string() + ": " + error.message());
}

Result<void> make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return disk_error("make", path, error);
  fs::permissions(path, fs::perms::owner_all, error);
  if (error) return disk_error("close", path, error);
  return {};
}

Result<void> write_secret(const fs::path& path, const Secret& content) {
  return write_file(path, as_text(content.reveal()), 0600);
}

Result<void> write_credential(const fs::path& certificate, const fs::path& key,
                              const Result<Credential>& credential) {
  if (!credential) return credential.error();
  TRY(write_file(certificate, credential->certificate));
  return write_secret(key, credential->key);
}

Result<void> make_certificates(const fs::path& directory) {
  const Authority authority = TRY(Authority::make("keyward sandbox CA"));
  const std::string certificate = TRY(authority.certificate());
  TRY(write_file(directory / "ca.pem", certificate));
  TRY(write_credential(directory / "server.pem", directory / "server.key",
                       authority.issue_server()));
  TRY(make_folder(directory / "clients"));
  for (const std::string name : {"admin", "app", "auditor"}) {
    const fs::path file = directory / "clients" / name;
    TRY(write_credential(file.string() + ".pem", file.string() + ".key",
                         authority.issue_client(name)));
  }
  return {};
}

// 128 random bits as hexadecimal digits.
Secret make_pin() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  Secret random(16);
  fill_random(random.reveal_for_writing());
  Secret pin(random.size() * 2);
  auto digit = pin.reveal_for_writing().begin();
  for (const std::uint8_t byte : random.reveal()) {
    *digit++ = static_cast<std::uint8_t>(kDigits[byte >> 4]);
    *digit++ = static_cast<std::uint8_t>(kDigits[byte & 15]);
  }
  return pin;
}

// The security officer's PIN is needed by nobody later: it is not kept.
Result<void> make_token(const fs::path& directory) {
  const fs::path token = directory / "token";
  TRY(make_folder(token / "tokens"));
  TRY(write_file(token / "softhsm2.conf", softhsm_text(directory), 0600));
  const Secret pin = make_pin();
  TRY(write_secret(token / "pin", pin));
  ::setenv("SOFTHSM2_CONF", (token / "softhsm2.conf").c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  const auto module = TRY(pkcs11::Module::load(kModule));
  return pkcs11::initialise_token(module, kLabel, make_pin(), pin);
}

Result<void> make_all(const fs::path& directory, const std::string& listen) {
  TRY(make_certificates(directory));
  TRY(make_token(directory));
  TRY(make_folder(directory / "audit"));
  TRY(write_file(directory / "policy.yaml", policy_text()));
  TRY(write_file(directory / "keyward.yaml", config_text(listen)));
  return sync_tree(directory);
}

Result<void> remove_contents(const fs::path& directory) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().filename() == kMarker) continue;
    fs::remove_all(entry.path(), error);
    if (error) return disk_error("remove", entry.path(), error);
  }
  if (error) return disk_error("read", directory, error);
  return {};
}

// Holds the marker, locked, so that two processes cannot make one sandbox.
Result<FileDescriptor> take_marker(const fs::path& marker) {
  FileDescriptor file(::open(marker.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) {
    return disk_error("create", marker, std::error_code(errno, std::generic_category()));
  }
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(Code::FailedPrecondition, "another process is making this sandbox");
  }
  return file;
}

Result<void> make_sandbox(const fs::path& directory, const std::string& listen) {
  const fs::path marker = directory / kMarker;
  const FileDescriptor lock = TRY(take_marker(marker));
  // Before anything that it speaks of can be there.
  TRY(sync_directory(directory));
  TRY(remove_contents(directory));
  TRY(make_all(directory, listen));
  std::error_code error;
  if (!fs::remove(marker, error)) return disk_error("remove", marker, error);
  return sync_directory(directory);
}

// Names the first file that a sandbox needs and this one lacks.
Result<void> check_complete(const fs::path& directory) {
  for (const std::string_view name : kFiles) {
    std::error_code ignored;
    if (fs::exists(directory / name, ignored)) continue;
    return Error(Code::FailedPrecondition, directory.string() +
                                               " is no complete sandbox: " + std::string(name) +
                                               " is missing; put it back, or name an empty folder");
  }
  return {};
}

// The token's configuration holds an absolute path, because SoftHSM reads it so: a sandbox that was
// moved gets it written anew.
Result<void> refresh_token_path(const fs::path& directory) {
  const fs::path file = directory / "token" / "softhsm2.conf";
  const std::string wanted = softhsm_text(directory);
  const std::string found = TRY(read_file(file));
  if (found == wanted) return {};
  return write_file(file, wanted, 0600);
}

bool is_listen_address(const std::string& listen) {
  const auto is_plain = [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\';
  };
  return !listen.empty() && std::all_of(listen.begin(), listen.end(), is_plain);
}

}  // namespace

Result<Sandbox> prepare_sandbox(const fs::path& directory, const std::string& listen) {
  if (!is_listen_address(listen)) {
    return Error(Code::InvalidArgument, "cannot listen on \"" + listen + "\"");
  }
  std::error_code error;
  Sandbox sandbox;
  sandbox.directory = fs::weakly_canonical(fs::absolute(directory), error);
  if (error) return disk_error("find", directory, error);
  if (sandbox.directory.string().find('\n') != std::string::npos) {
    return Error(Code::InvalidArgument, "a folder's name with a line break in it");
  }
  sandbox.config = sandbox.directory / "keyward.yaml";

  if (!fs::exists(sandbox.directory, error)) TRY(make_folder(sandbox.directory));
  const bool half_made = fs::exists(sandbox.directory / kMarker, error);
  if (!half_made && !fs::is_empty(sandbox.directory, error)) {
    TRY(check_complete(sandbox.directory));
    TRY(refresh_token_path(sandbox.directory));
    return sandbox;
  }
  TRY(make_sandbox(sandbox.directory, listen));
  sandbox.made = true;
  return sandbox;
}

}  // namespace kw::sandbox
