// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/owned.h"
#include "base/result.h"
#include "base/secret.h"

struct evp_pkey_st;
extern "C" void EVP_PKEY_free(evp_pkey_st*);

namespace kw::witness {

// CosigningKey is a witness's Ed25519 key and its name (C2SP tlog-cosignature, type 04). It lies in
// a file of mode 0600; in memory it is OpenSSL's, which wipes it. Safe for concurrent use.
class CosigningKey {
 public:
  // Reads DIR/key (PKCS#8, PEM) and DIR/vkey, or makes both where neither is there: then a name is
  // needed. Errors: InvalidArgument (no name, an unfit one, another than the key's),
  // FailedPrecondition (others may read the key; the files do not belong together), Unavailable.
  static Result<CosigningKey> open(const std::filesystem::path& folder, const std::string& name);

  const std::string& name() const noexcept { return name_; }
  // What logs and auditors are given: NAME+ID+BASE64.
  std::string verifier_key() const;

  // "— NAME BASE64" and a newline: the cosignature of a checkpoint's text at this time, in seconds
  // since 1970.
  std::string cosign(std::string_view text, std::uint64_t time) const;

 private:
  using Pointer = Owned<evp_pkey_st, EVP_PKEY_free>;
  CosigningKey(std::string name, Pointer key);
  static Result<CosigningKey> make(const std::filesystem::path& folder, const std::string& name);
  static Result<CosigningKey> load(const std::filesystem::path& folder, const std::string& name);

  std::string name_;
  Pointer key_;
  std::string public_;  // the type, then 32 bytes
  std::string id_;      // four bytes
};

}  // namespace kw::witness
