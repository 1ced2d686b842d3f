// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <variant>

#include "base/context.h"
#include "base/secret.h"
#include "service/crypto/envelope.h"
#include "service/crypto/workbench.h"
#include "service/keys/key.h"

namespace kw::crypto {

// Blobs, of the suite of their key: suites 1 and 2 are made and opened in the token, suite 3 with a
// message key in locked memory. Which key and version, and whether the caller may, is decided
// above. Errors common to all: Unavailable (the token), Internal (a key that is not what the
// catalog says).

// OpenFailure is why a blob was refused, for the audit record: the caller gets one answer for all.
// A changed byte and another context look the same, by design.
enum class OpenFailure { WrongKey, NotAuthentic };
std::string_view to_text(OpenFailure failure);

// Plaintext up to 65,536 bytes. Errors: PayloadTooLarge; of suite 2 those of CountedNonces::draw.
Result<Bytes> wrap(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                   const Secret& plaintext, const Context& context);

// The plaintext, or why not. A token that fails a known-answer probe on the same key is
// Unavailable, never the caller's fault.
using Opened = std::variant<Secret, OpenFailure>;
Result<Opened> unwrap(Workbench& bench, const keys::Key& key, const keys::KeyVersion& version,
                      const Blob& blob, const Context& context);

// Opens with one version and context and seals with another of the same key.
struct RewrapRequest {
  const keys::KeyVersion& from;
  const keys::KeyVersion& to;
  const Blob& blob;
  const Context& context;
  const Context& new_context;
};
using Rewrapped = std::variant<Bytes, OpenFailure>;
Result<Rewrapped> rewrap(Workbench& bench, const keys::Key& key, const RewrapRequest& request);

struct DataKey {
  Secret plaintext;
  Bytes blob;
};

// A fresh random key of 16, 32 or 64 bytes and its blob. Errors: InvalidArgument (another size).
Result<DataKey> make_data_key(Workbench& bench, const keys::Key& key,
                              const keys::KeyVersion& version, std::size_t size,
                              const Context& context);

}  // namespace kw::crypto
