// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "service/store/catalog.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::test {

// HMAC-SHA256 by OpenSSL under the key 00 01 ... 1f.
Result<Bytes> openssl_mac(ByteView message);

// Raw is somebody else's connection to the catalog's file. It knows one more SQL function:
// flip(value, place) changes one bit in the byte at `place`.
class Raw {
 public:
  explicit Raw(const std::filesystem::path& path);
  ~Raw() { sqlite3_close(connection_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;

  void run(const std::string& sql);
  std::int64_t number(const std::string& sql);

 private:
  sqlite3* connection_ = nullptr;
};

// A catalog in a fresh folder.
struct CatalogFixture {
  TempDir folder;
  std::filesystem::path path = folder / "catalog.db";
  std::unique_ptr<store::Catalog> catalog;

  CatalogFixture() { reopen(); }

  void reopen();
  void close() { catalog.reset(); }
};

keys::Key make_key(std::string_view name, std::string_view algorithm = "ed25519");
keys::KeyVersion make_version(std::uint32_t number);

// The same as add_key for a key of residency wrapped.
keys::Key add_wrapped_key(store::Catalog& catalog, std::string_view name);

// Begins and publishes a key with one version; its material is `number` repeated.
keys::Key add_key(store::Catalog& catalog, std::string_view name,
                  std::string_view algorithm = "ed25519");

}  // namespace kw::test
