// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "base/bytes.h"
#include "tests/support/tls_client.h"

namespace kw::whole {

using nlohmann::json;

// Reply is an answer of the service as another program sees it.
struct Reply {
  int status = 0;  // 0: none came
  std::string text;
  json body;  // `text`, where it is JSON
  std::string type;
  std::string request_id;
  std::string receipt;

  // `body` without its request id: what may be compared with another refusal.
  json but_for_id() const;
};

// Client is an HTTPS client of this program: cpp-httplib, which knows nothing of keyward. It keeps
// its connection. Without a certificate's file it sends none.
class Client {
 public:
  Client(const std::string& address, const http::test::ClientFiles& files);
  ~Client();
  Client(Client&&) noexcept;

  Reply get(const std::string& target);
  Reply post(const std::string& target, const json& body);
  Reply put(const std::string& target, const json& body);

  // Bytes as they are, of any type.
  Reply post_text(const std::string& target, const std::string& body,
                  const std::string& type = "application/json");

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

// The head of a raw answer, and its body, as a Reply.
Reply reply_of(const http::test::Answer& answer);

// Standard base64, and the other way round, by OpenSSL.
std::string base64(const std::string& bytes);
std::string from_base64(const std::string& text);

// Base64url without padding, from and to bytes.
std::string base64url(const std::string& bytes);
std::string from_base64url(const std::string& text);

// A PEM public key as the DER that it holds, by OpenSSL.
Bytes der_of(const std::string& pem);

}  // namespace kw::whole
