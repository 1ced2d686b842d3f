// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/derived_keys.h"

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include <set>
#include <vector>

#include "wrap_fixture.h"

namespace kw::crypto {
namespace {

// StuckGenerator makes OpenSSL's generator yield one byte for ever: the system's and SoftHSM's.
struct StuckGenerator {
  StuckGenerator() { RAND_set_rand_method(&kStuck); }
  StuckGenerator(const StuckGenerator&) = delete;
  StuckGenerator& operator=(const StuckGenerator&) = delete;
  ~StuckGenerator() { RAND_set_rand_method(before_); }

 private:
  static int fill(unsigned char* out, int size) {
    std::fill_n(out, size, static_cast<unsigned char>(0x77));
    return 1;
  }
  static int status() { return 1; }
  static constexpr RAND_METHOD kStuck{nullptr, fill, nullptr, nullptr, fill, status};
  const RAND_METHOD* before_ = RAND_get_rand_method();
};

}  // namespace

TEST_CASE_METHOD(WrapFixture, "derived keys: an epoch ends after its messages",
                 "[crypto][derived]") {
  const auto small = open_bench({.epoch_messages = 3});
  key = make_key("xaes-256-gcm");
  std::set<Bytes> prefixes;
  std::set<Nonce> nonces;
  for (int i = 0; i < 7; ++i) {
    const Bytes blob = REQUIRE_OK(wrap(*small, key, version(), secret(kText), Context()));
    prefixes.insert(prefix_of(blob));
    nonces.insert(nonce_of(blob));
  }
  CHECK(prefixes.size() == 3);
  CHECK(nonces.size() == 7);
  CHECK(small->derived().derivations() == 3);
}

TEST_CASE_METHOD(WrapFixture, "derived keys: an epoch ends with its time", "[crypto][derived]") {
  const auto brief = open_bench({.epoch_age = Clock::duration::zero()});
  key = make_key("xaes-256-gcm");
  const Bytes first = REQUIRE_OK(wrap(*brief, key, version(), secret(kText), Context()));
  const Bytes second = REQUIRE_OK(wrap(*brief, key, version(), secret(kText), Context()));
  CHECK(prefix_of(first) != prefix_of(second));
}

TEST_CASE_METHOD(WrapFixture, "derived keys: an epoch ends when its key is forgotten",
                 "[crypto][derived]") {
  key = make_key("xaes-256-gcm");
  const Bytes first = wrapped(kText);
  CHECK(prefix_of(wrapped(kText)) == prefix_of(first));
  bench->forget(key.id);
  CHECK(prefix_of(wrapped(kText)) != prefix_of(first));
}

TEST_CASE_METHOD(WrapFixture, "derived keys: an epoch counts its nonces up by one",
                 "[crypto][derived]") {
  xaes::Suffix expected{};
  std::copy_n(nonce_of(wrapped(kText)).begin() + 12, 12, expected.begin());
  for (int i = 0; i < 5; ++i) {
    xaes::increment(expected);
    CHECK(to_hex(ByteView(wrapped(kText)).subspan(38, 12)) == to_hex(expected));
  }
}

TEST_CASE_METHOD(WrapFixture, "derived keys: opening its own blob derives nothing",
                 "[crypto][derived]") {
  const Bytes blob = wrapped(kText);
  const auto before = bench->derived().derivations();
  CHECK(text_of(blob) == kText);
  CHECK(bench->derived().derivations() == before);
}

TEST_CASE_METHOD(WrapFixture, "derived keys: keeps a bounded number for opening",
                 "[crypto][derived]") {
  bench = open_bench({.opening_keys = 4});
  key = import_wrap_key(kKeyValue);
  std::vector<Bytes> blobs;
  for (std::uint8_t i = 0; i < 10; ++i) {
    Nonce nonce{};
    nonce[0] = i;
    blobs.push_back(foreign_blob(nonce, kText));
  }
  hsm.clear();
  for (const Bytes& blob : blobs) CHECK(text_of(blob) == kText);
  CHECK(bench->derived().opening_keys() == 4);
  CHECK(bench->derived().derivations() == 10);
  CHECK(hsm.count("C_DestroyObject") == 6);
  for (std::size_t i = 6; i < 10; ++i) CHECK(text_of(blobs[i]) == kText);
  CHECK(bench->derived().derivations() == 10);  // the four were still there
  CHECK(text_of(blobs[6]) == kText);
  CHECK(text_of(blobs[0]) == kText);  // pushes out the longest unused, which is now 7
  CHECK(text_of(blobs[6]) == kText);
  CHECK(bench->derived().derivations() == 11);
}

TEST_CASE_METHOD(WrapFixture, "wrap: stuck generators repeat no nonce", "[crypto][derived]") {
  key = make_key("xaes-256-gcm");
  const StuckGenerator stuck;
  std::set<Nonce> nonces;
  for (int epoch = 0; epoch < 3; ++epoch) {
    const auto started_again = open_bench({.epoch_messages = 2});
    for (int i = 0; i < 5; ++i) {
      const Bytes blob = REQUIRE_OK(wrap(*started_again, key, version(), secret(kText), Context()));
      nonces.insert(nonce_of(blob));
    }
  }
  CHECK(nonces.size() == 15);
}

}  // namespace kw::crypto
