// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/random.h"

#include <algorithm>
#include <functional>

namespace kw::crypto {

Result<void> mix_random(pkcs11::Session& session, std::span<std::uint8_t> out) {
  Secret from_system(out.size());
  fill_random(from_system.reveal_for_writing());
  TRY(session.generate_random(out));
  std::ranges::transform(out, from_system.reveal(), out.begin(), std::bit_xor<std::uint8_t>());
  return {};
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
