// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

struct x509_st;

namespace kw::identity {

class Caller;

// Makes the caller that an already verified TLS client certificate proves. Verification of the
// chain is the TLS layer's; this refuses what no chain makes acceptable: an RSA key under 2,048
// bits, an elliptic curve under 224, a SHA-1 signature, a CA certificate, an extended key usage
// without clientAuth, a NUL byte in a name. Errors: Unauthenticated, advised.
Result<std::shared_ptr<const Caller>> from_certificate(const x509_st* certificate);

// Caller is a proven principal. Immutable, so safe to share between threads. Only a proof makes
// one; nothing that a request says about itself ends up here. Two callers are the same if their
// SPKI or a SAN is; the subject is for people to read and never proves anything alone.
class Caller {
 public:
  const std::string& spki() const noexcept { return spki_; }  // "sha256:" and 64 hex digits
  const std::vector<std::string>& spiffe_ids() const noexcept { return spiffe_ids_; }
  const std::vector<std::string>& dns_names() const noexcept { return dns_names_; }  // lower case
  const std::string& subject() const noexcept { return subject_; }  // RFC 2253, ASCII

  // The first SPIFFE id, else the first DNS name, else the subject, else the SPKI.
  const std::string& display_name() const noexcept;

  // The proof ends at this time; a caller of a request later than that has proven nothing.
  WallTime not_after() const noexcept { return not_after_; }

  // How it was proven: "mtls".
  std::string_view proof() const noexcept { return "mtls"; }

 private:
  friend Result<std::shared_ptr<const Caller>> from_certificate(const x509_st* certificate);
  Caller() = default;

  std::string spki_;
  std::vector<std::string> spiffe_ids_;
  std::vector<std::string> dns_names_;
  std::string subject_;
  WallTime not_after_;
};

}  // namespace kw::identity
