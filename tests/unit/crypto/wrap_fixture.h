// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>

#include "service/crypto/wrap.h"
#include "tests/support/token_bench.h"
#include "tests/support/xaes_oracle.h"

namespace kw::crypto {

namespace xaes_oracle = test::xaes_oracle;

inline constexpr std::string_view kText = "a data key";
inline const Bytes kKeyValue(32, 0x5a);

inline Secret secret(std::string_view text) { return Secret::copy_of(as_bytes(text)); }

inline Context context(std::vector<Context::Pair> pairs) {
  return REQUIRE_OK(Context::from_pairs(std::move(pairs)));
}

// The associated data by hand: what the page says, not what envelope.cc does.
inline Bytes expected_associated(ByteView blob, ByteView canonical) {
  Bytes out = to_bytes(as_bytes(std::string_view("keyward/blob/v1\0", 16)));
  append(out, blob.first(26));
  append(out, canonical);
  return out;
}

// SealingFixture is a token bench with one key that wraps; which, its heirs say.
struct SealingFixture : test::TokenBench {
  const keys::KeyVersion& version() const { return key.versions.front(); }
  Bytes wrapped(std::string_view text, const Context& bound = {}) {
    return REQUIRE_OK(wrap(*bench, key, version(), secret(text), bound));
  }
  Result<Opened> opened(const Blob& blob, const Context& bound = {}) {
    return unwrap(*bench, key, version(), blob, bound);
  }
  std::string text_of(ByteView blob, const Context& bound = {}) {
    const Blob read = REQUIRE_OK(decode_blob(blob));
    const Opened outcome = REQUIRE_OK(opened(read, bound));
    REQUIRE(std::holds_alternative<Secret>(outcome));
    return std::string(as_text(std::get<Secret>(outcome).reveal()));
  }
  // Refused at either of the two places, as one and the same.
  bool is_refused(ByteView bytes, const Context& bound = {}) {
    const auto blob = decode_blob(bytes);
    if (!blob) return blob.error().code() == Code::InvalidArgument;
    const Opened outcome = REQUIRE_OK(opened(*blob, bound));
    return std::holds_alternative<OpenFailure>(outcome);
  }
  // Every flipped bit, every truncation, a byte more, another context and none; the session is
  // kept.
  void check_refuses_what_differs() {
    const Context bound = context({{"a", "1"}});
    const Bytes good = wrapped(kText, bound);
    const unsigned long sessions = hsm.count("C_OpenSession");
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      Bytes bad = good;
      bad[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      INFO("byte " << bit / 8 << " bit " << bit % 8);
      CHECK(is_refused(bad, bound));
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
      CHECK(is_refused(ByteView(good).first(size), bound));
    }
    Bytes longer = good;
    longer.push_back(0);
    CHECK(is_refused(longer, bound));
    CHECK(is_refused(good));
    CHECK(is_refused(good, context({{"a", "2"}})));
    CHECK(bench->usable());
    CHECK(hsm.count("C_OpenSession") == sessions);
    CHECK(text_of(good, bound) == kText);
  }

  keys::Key key = name_key("xaes-256-gcm");
};

// WrapFixture has one of suite 1 whose value the test knows.
struct WrapFixture : SealingFixture {
  WrapFixture() { key = import_wrap_key(kKeyValue); }

  // A blob of this key that another implementation made.
  Bytes foreign_blob(const Nonce& nonce, std::string_view text) const {
    Blob blob{{Suite::Xaes256Gcm, key.id, Version{1}}, nonce, {}};
    const Bytes associated = expected_associated(encode(blob), Context().canonical());
    blob.sealed = xaes_oracle::seal(kKeyValue, nonce, as_bytes(text), associated);
    return encode(blob);
  }
};

inline Nonce nonce_of(ByteView blob) {
  Nonce nonce{};
  std::ranges::copy(blob.subspan(26, 24), nonce.begin());
  return nonce;
}

inline Bytes prefix_of(ByteView blob) { return to_bytes(blob.subspan(26, 12)); }

}  // namespace kw::crypto
