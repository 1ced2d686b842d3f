// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "cli/command.h"

namespace kw::cli {

// ClientSettings say which server and as whom. Each comes from its option, else from the
// environment.
struct ClientSettings {
  std::string address;      // --addr, KEYWARD_ADDR: https://HOST[:PORT], HOST[:PORT] or unix:PATH
  std::string ca_file;      // --cacert, KEYWARD_CACERT
  std::string certificate;  // --cert, KEYWARD_CERT
  std::string key_file;     // --cert-key, KEYWARD_KEY
};

// The options of every command that talks to a server.
std::vector<Option> client_options();
ClientSettings client_settings(const Arguments& arguments);

// Answer is a 2xx answer. The body may hold plaintext.
struct Answer {
  int status = 0;
  std::string request_id;
  Secret body;
};

// Client keeps one TLS 1.3 connection to one server and checks the server's name and chain itself.
// Not for concurrent use.
class Client {
 public:
  // Connects at the first call, not here. Errors: InvalidArgument (an address or a file is
  // unusable).
  static Result<std::unique_ptr<Client>> open(const ClientSettings& settings);

  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // `target` is path and query as they go on the wire; POST bodies are JSON.
  // Errors: the code that the server's problem document names, its detail written for a person:
  // what was refused, what to do, the request id; Unavailable (no connection), Unauthenticated
  // (TLS).
  Result<Answer> get(const std::string& target);
  Result<Answer> post(const std::string& target, const Secret& body);

 private:
  struct Connection;
  explicit Client(std::unique_ptr<Connection> connection);

  std::unique_ptr<Connection> connection_;
};

}  // namespace kw::cli
