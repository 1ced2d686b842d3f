// SPDX-License-Identifier: Apache-2.0
#include "service/core/keks.h"

#include "base/log.h"
#include "service/crypto/kek.h"

namespace kw::core {
namespace {

using pkcs11::KekKind;

constexpr std::array kKinds{KekKind::Aes, KekKind::Hmac, KekKind::Rsa, KekKind::Ec};

std::string setting_name(KekKind kind, Version version) {
  return std::string(pkcs11::to_text(kind)) + "-" + std::to_string(to_number(version));
}

void append_part(Bytes& out, ByteView part) {
  append_u16(out, static_cast<std::uint16_t>(part.size()));
  append(out, part);
}

// u16 length and bytes: the public key, the check value, the wrapped material.
Bytes encode_canary(const keys::KeyVersion& canary) {
  Bytes out;
  for (const Bytes* part : {&canary.public_key, &canary.check, &canary.wrapped}) {
    append_part(out, *part);
  }
  return out;
}

Result<keys::KeyVersion> decode_canary(Version version, ByteView rest) {
  keys::KeyVersion canary;
  canary.number = version;
  canary.state = keys::State::Enabled;
  canary.kek = version;
  for (Bytes* part : {&canary.public_key, &canary.check, &canary.wrapped}) {
    const std::size_t size = rest.size() < 2 ? rest.size() : std::size_t{read_u16(rest)} + 2;
    if (size < 2 || size > rest.size()) {
      return Error(Code::Internal, "catalog: a KEK's canary cannot be read");
    }
    *part = to_bytes(rest.subspan(2, size - 2));
    rest = rest.subspan(size);
  }
  return canary;
}

// The canary with every version that the catalog vouches for; they count from 1 without a gap.
Result<keys::Key> vouched_canary(const store::Catalog& catalog, KekKind kind) {
  keys::Key canary = crypto::canary_of(kind);
  for (std::uint32_t number = 1;; ++number) {
    const Result<Bytes> setting = catalog.setting(setting_name(kind, Version{number}));
    if (!setting) return canary;
    canary.versions.push_back(TRY(decode_canary(Version{number}, *setting)));
  }
}

Result<keys::KeyVersion> make_in_token(Seat& seat, KekKind kind, Version version) {
  const Lease bench = TRY(seat.workbench());
  return crypto::create_kek(*bench, kind, version);
}

Result<Version> make_kek(Seat& seat, KekKind kind, Version version) {
  const keys::KeyVersion canary = TRY(make_in_token(seat, kind, version));
  TRY(sync_token(seat.shared()));
  TRY(seat.shared().catalog->put_setting(setting_name(kind, version), encode_canary(canary)));
  return version;
}

}  // namespace

Result<Version> kek_for(Seat& seat, const keys::Algorithm& algorithm) {
  const auto kind = crypto::kek_kind_of(algorithm);
  if (!kind) return Error(Code::Internal, "no KEK wraps " + std::string(algorithm.name));
  const MutexLock lock(seat.shared().kek_making);
  const keys::Key canary = TRY(vouched_canary(*seat.shared().catalog, *kind));
  if (canary.versions.empty()) return make_kek(seat, *kind, Version{1});
  return canary.versions.back().number;
}

std::shared_ptr<const keys::Key> find_key_or_kek(const store::Catalog& catalog, const KeyId& id) {
  if (auto key = catalog.find(id)) return *std::move(key);
  for (const KekKind kind : kKinds) {
    if (crypto::kek_id(kind) != id) continue;
    Result<keys::Key> canary = vouched_canary(catalog, kind);
    if (canary) return std::make_shared<const keys::Key>(*std::move(canary));
  }
  return nullptr;
}

void compare_keks(Seat& seat) {
  for (const KekKind kind : kKinds) {
    const Result<keys::Key> canary = vouched_canary(*seat.shared().catalog, kind);
    if (canary) {
      compare_with_token(seat, *canary);
    } else {
      log_error(Severity::Alert, "a KEK cannot be compared", canary.error());
    }
  }
}

}  // namespace kw::core
