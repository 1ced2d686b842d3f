// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client.h"
#include "process.h"
#include "tests/support/temp_dir.h"

namespace kw::whole {

// Sandbox is a folder of `keyward dev` and the server that runs on it, as an operator has them. The
// server ends with it.
class Sandbox {
 public:
  // Makes the folder; the server is up when this returns. Ends the test if it does not come up.
  Sandbox();

  // An empty folder without a server.
  enum class Server { None };
  explicit Sandbox(Server none);

  // Starts a server again after an end: `keyward dev` on a free port, or `keyward serve` with
  // keyward.yaml as it stands.
  void dev();
  void serve(const Environment& environment = {});
  void dev(const Environment& environment);

  // The same in two steps, for a test that expects an end in between: `keyward dev` is started;
  // whether it came up.
  void launch(const Environment& environment = {});
  bool comes_up();

  // The exit code after SIGTERM.
  int stop();
  void kill();  // SIGKILL
  void signal(int number) { server_->signal(number); }
  Process& server() { return *server_; }

  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  // What the server has said since it was started last.
  std::string log() const { return content_of(log_); }
  bool says(const std::string& text) const;  // waits for it

  // HOST:PORT, and the files of "admin", "app" or "auditor"; "" is nobody, who has none.
  const std::string& address() const { return address_; }
  http::test::ClientFiles files(const std::string& name) const;
  Client client(const std::string& name) const { return {address_, files(name)}; }

  // Runs a client command as one of them, with the settings in its environment.
  Environment settings(const std::string& name) const;
  Outcome keyward(const std::string& name, std::vector<std::string> words,
                  const std::string& input = {}) const;

  // Makes a key as admin.
  void make_key(const std::string& name, const std::string& algorithm = "xaes-256-gcm") const;

  // The audit log from a record on as `keyward audit show --json` prints it, and the records of one
  // request.
  std::vector<json> records(std::uint64_t first = 0) const;
  std::vector<json> records_of(const std::string& request_id) const;

  // Replaces one line's text in a file of the sandbox. Ends the test if it is not there.
  void edit(const std::string& name, const std::string& from, const std::string& to) const;
  void write(const std::string& name, const std::string& content) const;

 private:
  void start(std::vector<std::string> words, const Environment& environment);

  test::TempDir folder_;
  FileDescriptor log_;
  std::optional<Process> server_;
  std::string address_;
};

// The sandbox that is shared by tests which leave its server, its policy and its clients as they
// are. Each has key names of its own.
Sandbox& shared_sandbox();

// The exit code of `keyward audit verify` over its log.
int verify_code(const Sandbox& sandbox);

}  // namespace kw::whole
