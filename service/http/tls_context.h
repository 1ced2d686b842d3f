// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>

#include "base/mutex.h"
#include "base/owned.h"
#include "base/result.h"
#include "service/http/server.h"

namespace kw::http {

// TlsContext is one immutable set of certificate, key, client CA and CRLs, ready to serve TLS 1.3.
class TlsContext {
 public:
  // Errors: NotFound (a file), InvalidArgument (a file that holds something else, a key that does
  // not match its certificate).
  static Result<std::shared_ptr<const TlsContext>> open(const TlsFiles& files);

  SSL_CTX* get() const noexcept { return context_.get(); }

  // When the server's certificate expires; nothing where its date cannot be read.
  std::optional<WallTime> certificate_expires() const;

  // Whether a client's certificate holds against the client CA and CRLs now.
  // Errors: Unauthenticated, advised.
  Result<void> verify(X509* certificate, STACK_OF(X509) * chain) const;

 private:
  explicit TlsContext(SSL_CTX* context) noexcept : context_(context) {}
  void harden() const;
  Result<void> load_server(const TlsFiles& files) const;
  Result<void> load_client_trust(const TlsFiles& files) const;

  Owned<SSL_CTX, SSL_CTX_free> context_;
};

// CurrentTls is the context that new connections get; null where there is no TLS. Safe for
// concurrent use.
class CurrentTls {
 public:
  explicit CurrentTls(std::shared_ptr<const TlsContext> context) : context_(std::move(context)) {}

  std::shared_ptr<const TlsContext> get() const KW_EXCLUDES(mutex_);
  void set(std::shared_ptr<const TlsContext> context) KW_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const TlsContext> context_ KW_GUARDED_BY(mutex_);
};

}  // namespace kw::http
