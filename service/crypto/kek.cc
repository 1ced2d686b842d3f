// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/kek.h"

#include <array>

#include "service/crypto/create.h"
#include "service/crypto/token_algorithm.h"

namespace kw::crypto {
namespace {

using pkcs11::KekKind;

struct KekRow {
  std::string_view id;
  const char* name;
  std::string_view canary;  // its algorithm
};

const KekRow& row_of(KekKind kind) {
  static constexpr std::array kRows{
      KekRow{"keyward kek aes.", "keyward/kek-aes", "xaes-256-gcm"},
      KekRow{"keyward kek hmac", "keyward/kek-hmac", "hmac-sha256"},
      KekRow{"keyward kek rsa.", "keyward/kek-rsa", "rsa-2048-pss-sha256"},
      KekRow{"keyward kek ec..", "keyward/kek-ec", "ecdsa-p256-sha256"},
  };
  return kRows.at(static_cast<std::size_t>(kind));
}

std::array<KeyId, 4> make_ids() {
  const auto id = [](KekKind kind) { return KeyId::decode(as_bytes(row_of(kind).id)).value(); };
  return {id(KekKind::Aes), id(KekKind::Hmac), id(KekKind::Rsa), id(KekKind::Ec)};
}

}  // namespace

std::optional<KekKind> kek_kind_of(const keys::Algorithm& algorithm) noexcept {
  return pkcs11::kek_kind_of(profile_of(algorithm));
}

const KeyId& kek_id(KekKind kind) {
  static const std::array<KeyId, 4> ids = make_ids();
  return ids.at(static_cast<std::size_t>(kind));
}

keys::Key canary_of(KekKind kind) {
  return {.id = kek_id(kind),
          .name = KeyName::parse(row_of(kind).name).value(),
          .algorithm = keys::find_algorithm(row_of(kind).canary),
          .residency = keys::Residency::Wrapped,
          .tags = {},
          .created = {},
          .rotate_every = std::nullopt,
          .versions = {}};
}

Result<keys::KeyVersion> create_kek(Workbench& bench, KekKind kind, Version version) {
  const keys::Key canary = canary_of(kind);
  TRY(destroy_version(bench, canary.id, version));
  {
    const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
    TRY(pkcs11::generate_kek(bench.session(), kind, pkcs11::object_id(canary.id, version),
                             pkcs11::object_label(canary.name, version)));
  }
  VersionMaterial made = TRY(create_wrapped_version(bench, canary, version, version));
  keys::KeyVersion checked;
  checked.number = version;
  checked.state = keys::State::Enabled;
  checked.public_key = std::move(made.public_key);
  checked.check = std::move(made.check);
  checked.wrapped = std::move(made.wrapped);
  checked.kek = version;
  return checked;
}

}  // namespace kw::crypto
