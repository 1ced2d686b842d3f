// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/wrapping.h"

#include <array>

#include "service/doctor/host.h"

namespace kw::doctor {
namespace {

constexpr std::array<std::uint8_t, 16> kZeroIv{};

constexpr std::array<WrappingWay, 6> kWays = {{
    {"AES_KEY_WRAP", CKM_AES_KEY_WRAP, true},
    {"AES_KEY_WRAP_PAD (0x210A)", CKM_AES_KEY_WRAP_PAD, true},
    {"AES_KEY_WRAP_KWP (0x210B)", kAesKeyWrapKwp, true},
    {"AES_CBC", CKM_AES_CBC, false},
    {"AES_CBC_PAD", CKM_AES_CBC_PAD, false},
    {"AES_ECB", CKM_AES_ECB, false},
}};

bool is_cbc(CK_MECHANISM_TYPE type) noexcept {
  return type == CKM_AES_CBC || type == CKM_AES_CBC_PAD;
}

std::optional<Bytes> open(CK_MECHANISM_TYPE type, ByteView kek, ByteView blob) {
  if (type == CKM_AES_ECB) return host::aes_ecb_decrypt(kek, blob);
  if (is_cbc(type)) return host::aes_cbc_decrypt(kek, kZeroIv, blob);
  if (auto plain = host::unwrap(host::Wrapping::Plain, kek, blob)) return plain;
  return host::unwrap(host::Wrapping::Padded, kek, blob);
}

}  // namespace

std::span<const WrappingWay> wrapping_ways() noexcept { return kWays; }

RawMechanism mechanism_of(const WrappingWay& way) {
  return is_cbc(way.type) ? RawMechanism(way.type, kZeroIv) : RawMechanism(way.type);
}

std::optional<Bytes> open_outside(const WrappingWay& way, ByteView kek, ByteView blob,
                                  std::size_t size) {
  std::optional<Bytes> key = open(way.type, kek, blob);
  if (!key || key->size() < size) return std::nullopt;
  key->resize(size);
  return key;
}

Bytes wrap_outside(const WrappingWay& way, ByteView kek, ByteView key) {
  if (way.type == CKM_AES_ECB) return host::aes_ecb(kek, key);
  return host::wrap(way.type == CKM_AES_KEY_WRAP ? host::Wrapping::Plain : host::Wrapping::Padded,
                    kek, key);
}

}  // namespace kw::doctor
