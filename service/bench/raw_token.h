// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "pkcs11/token.h"
#include "service/bench/operation.h"
#include "service/bench/sample.h"

namespace kw::bench {

// RawToken makes the token calls that an operation cannot do without, and nothing else: AES-GCM
// with a derived session key that is there already, one signature of a digest. On a token of its
// own, so that it and the server never wait for each other.
class RawToken {
 public:
  // Makes a sandbox with a token in `folder` and its keys; `threads` is how many the token gets
  // where it scales. Sets SOFTHSM2_CONF. Errors: those of the sandbox and of the token.
  static Result<std::unique_ptr<RawToken>> make(const std::filesystem::path& folder,
                                                std::size_t threads);

  // Calls for `span`, warming up not counted, from as many threads as the token likes.
  Result<Sample> measure(Operation operation, Clock::duration span);

  std::size_t threads_for(Operation operation) const noexcept;
  std::string module_name() const;

 private:
  explicit RawToken(std::unique_ptr<pkcs11::Token> token);
  Result<void> make_keys(std::size_t threads);
  Result<void> call(Operation operation, pkcs11::Session& session);
  Result<void> wrap(pkcs11::Session& session);
  Result<void> work(Operation operation, pkcs11::Session& session, Meter& meter);

  std::unique_ptr<pkcs11::Token> token_;
  std::vector<pkcs11::Session> sessions_;  // one for each thread
  pkcs11::ObjectHandle message_key_{};
  pkcs11::ObjectHandle rsa_key_{};
  pkcs11::ObjectHandle ec_key_{};
  std::array<std::uint8_t, pkcs11::kGcmIvSize> iv_{};
  Bytes sealed_;
  Bytes digest_info_;
};

}  // namespace kw::bench
