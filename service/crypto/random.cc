// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/random.h"

#include <algorithm>
#include <atomic>
#include <functional>

#include "base/clock.h"

namespace kw::crypto {

Result<void> mix_random(pkcs11::Session& session, std::span<std::uint8_t> out) {
  Secret from_system(out.size());
  fill_random(from_system.reveal_for_writing());
  TRY(session.generate_random(out));
  std::ranges::transform(out, from_system.reveal(), out.begin(), std::bit_xor<std::uint8_t>());
  return {};
}

Result<void> draw_nonce(pkcs11::Session& session, std::span<std::uint8_t> out) {
  static std::atomic<std::uint32_t> drawn{0};
  Bytes unique;
  append_u32(unique, ++drawn);
  append_u64(unique, static_cast<std::uint64_t>(wall_now().time_since_epoch().count()));
  KW_ASSERT(out.size() >= unique.size());
  TRY(mix_random(session, out));
  const auto first = out.first(unique.size());
  std::ranges::transform(first, unique, first.begin(), std::bit_xor<std::uint8_t>());
  return {};
}

// Hashed, because a field is too short for time and count beside enough that is random.
Result<FixedField> draw_fixed_field(Workbench& bench) {
  std::array<std::uint8_t, 32> drawn{};
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  TRY(draw_nonce(bench.session(), drawn));
  FixedField field{};
  const Sha256Digest digest = sha256(drawn);
  std::copy_n(digest.begin(), field.size(), field.begin());
  return field;
}

Result<Secret> random_bytes(Workbench& bench, std::size_t size) {
  if (size == 0 || size > kMaxRandomSize) {
    return refusal(Code::InvalidArgument, "bytes: 1 to 4096");
  }
  Secret out(size);
  const auto permit = bench.pace().enter(pkcs11::Pace::Kind::Symmetric);
  TRY(mix_random(bench.session(), out.reveal_for_writing()));
  return out;
}

}  // namespace kw::crypto
