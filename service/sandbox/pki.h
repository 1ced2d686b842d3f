// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace kw::sandbox {

// Credential is a certificate and its private key, both PEM.
struct Credential {
  std::string certificate;
  Secret key;
};

// Authority is a private CA on P-256 that lives in memory only. Its own certificate lasts ten
// years, what it issues one year.
class Authority {
 public:
  // Errors: Internal (OpenSSL refuses).
  static Result<Authority> make(std::string_view name);

  Authority(Authority&& other) noexcept;
  ~Authority();

  Result<std::string> certificate() const;

  // For localhost, 127.0.0.1 and ::1.
  Result<Credential> issue_server() const;

  // For TLS clients, as spiffe://keyward.dev/NAME. `name` is [a-z0-9-]+. Errors: InvalidArgument,
  // Internal.
  Result<Credential> issue_client(std::string_view name) const;

 private:
  struct State;
  explicit Authority(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace kw::sandbox
