// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/store/fixture.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace kw::test {

Result<Bytes> openssl_mac(ByteView message) {
  std::array<std::uint8_t, 32> key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
  Bytes mac(32);
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
       mac.data(), &size);
  return mac;
}

namespace {

// flip(value, place): the value with the lowest bit of one of its bytes the other way.
void flip(sqlite3_context* context, int, sqlite3_value** arguments) {
  const auto place = static_cast<std::size_t>(sqlite3_value_int64(arguments[1]));
  const int type = sqlite3_value_type(arguments[0]);
  if (type == SQLITE_INTEGER) {
    const auto number = static_cast<std::uint64_t>(sqlite3_value_int64(arguments[0]));
    const std::uint64_t bit = std::uint64_t{1} << (place * 8);
    sqlite3_result_int64(context, static_cast<std::int64_t>(number ^ bit));
    return;
  }
  const auto* const bytes = static_cast<const std::uint8_t*>(sqlite3_value_blob(arguments[0]));
  const int size = sqlite3_value_bytes(arguments[0]);
  Bytes changed(bytes, bytes + size);
  changed.at(place) ^= 1;
  if (type == SQLITE_TEXT) {
    sqlite3_result_text(context, as_text(changed).data(), size, SQLITE_TRANSIENT);
  } else {
    sqlite3_result_blob(context, changed.data(), size, SQLITE_TRANSIENT);
  }
}

}  // namespace

Raw::Raw(const std::filesystem::path& path) {
  REQUIRE(sqlite3_open_v2(path.c_str(), &connection_, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK);
  REQUIRE(sqlite3_create_function(connection_, "flip", 2, SQLITE_UTF8, nullptr, flip, nullptr,
                                  nullptr) == SQLITE_OK);
}

void Raw::run(const std::string& sql) {
  char* message = nullptr;
  const int status = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, &message);
  INFO(sql << ": " << (message == nullptr ? "" : message));
  REQUIRE(status == SQLITE_OK);
}

std::int64_t Raw::number(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  INFO(sql);
  REQUIRE(sqlite3_prepare_v2(connection_, sql.c_str(), -1, &statement, nullptr) == SQLITE_OK);
  const int status = sqlite3_step(statement);
  const std::int64_t value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  REQUIRE(status == SQLITE_ROW);
  return value;
}

void CatalogFixture::reopen() {
  close();
  catalog = REQUIRE_OK(store::Catalog::open(path, openssl_mac));
}

keys::Key make_key(std::string_view name, std::string_view algorithm) {
  keys::Key key{KeyId::random(),
                REQUIRE_OK(KeyName::parse(name)),
                keys::find_algorithm(algorithm),
                keys::Residency::Token,
                {{"team", "blue"}, {"empty", ""}},
                WallTime(std::chrono::microseconds(1'700'000'000'123'456)),
                std::chrono::hours(24 * 90),
                {make_version(1)}};
  return key;
}

keys::KeyVersion make_version(std::uint32_t number) {
  return {Version{number},
          keys::State::Creating,
          WallTime(std::chrono::microseconds(1'700'000'000'000'000 + number)),
          {},
          {}};
}

keys::Key add_key(store::Catalog& catalog, std::string_view name, std::string_view algorithm) {
  keys::Key key = make_key(name, algorithm);
  REQUIRE_OK(catalog.begin_key(key));
  keys::KeyVersion& version = key.versions.front();
  version.public_key = Bytes(44, 1);
  version.check = Bytes(16, 2);
  REQUIRE_OK(catalog.publish(key.id, version));
  version.state = keys::State::Enabled;
  return key;
}

keys::Key add_wrapped_key(store::Catalog& catalog, std::string_view name) {
  keys::Key key = make_key(name, "xaes-256-gcm");
  key.residency = keys::Residency::Wrapped;
  REQUIRE_OK(catalog.begin_key(key));
  keys::KeyVersion& version = key.versions.front();
  version.check = Bytes(16, 2);
  version.wrapped = Bytes(40, static_cast<std::uint8_t>(name.back()));
  version.kek = Version{4};
  REQUIRE_OK(catalog.publish(key.id, version));
  version.state = keys::State::Enabled;
  return key;
}

}  // namespace kw::test
