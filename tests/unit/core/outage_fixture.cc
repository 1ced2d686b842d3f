// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/core/outage_fixture.h"

#include <thread>

namespace kw::core {
namespace {

constexpr std::string_view kPlaintext = "from before";
constexpr std::string_view kMessage = "message";

template <typename T>
bool is_answer(const Result<T>& answer) {
  if (!answer) REQUIRE(answer.error().code() == Code::Unavailable);
  return answer.has_value();
}

}  // namespace

OutageFixture::OutageFixture() { prepare(); }

OutageFixture::OutageFixture(HealerOptions options) : DoorFixture(Closed{}) {
  healer = options;
  open();
  prepare();
}

void OutageFixture::prepare() {
  make_key("app/wrap", "xaes-256-gcm");
  make_key("app/sign", "ecdsa-p256-sha256");
  make_key("app/mac", "hmac-sha256");
  blob = wrap("app/wrap", kPlaintext, none);
  mac_before = REQUIRE_OK(mac()).mac;
}

void OutageFixture::await(const std::string& what, const std::function<bool()>& is_so) {
  INFO(what);
  const Deadline bound = deadline_in(std::chrono::seconds(120));
  while (!is_so()) {
    REQUIRE_FALSE(has_passed(bound));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

void OutageFixture::await_service() {
  await("in service", [this] {
    door->maintain();
    return is_ready() && all_work();
  });
}

Result<Unwrapped> OutageFixture::unwrap() {
  return opened(door->unwrap(call_as("app"), {blob, none, std::nullopt}));
}

Result<Signed> OutageFixture::sign() {
  const Sign request{.key = name("app/sign"),
                     .input = Message{Secret::copy_of(as_bytes(kMessage))},
                     .encoding = SignatureEncoding::Der};
  return opened(door->sign(call_as("app"), request));
}

Result<Mac> OutageFixture::mac() {
  return opened(door->mac(call_as("app"), {name("app/mac"), Secret::copy_of(as_bytes(kMessage))}));
}

bool OutageFixture::all_work() {
  const auto unwrapped = unwrap();
  const auto made = sign();
  const auto maced = mac();
  if (unwrapped) REQUIRE(as_text(unwrapped->plaintext.reveal()) == kPlaintext);
  if (maced) REQUIRE(maced->mac == mac_before);
  if (made) {
    const Verify check{.key = name("app/sign"),
                       .version = std::nullopt,
                       .input = Message{Secret::copy_of(as_bytes(kMessage))},
                       .signature = made->signature,
                       .encoding = SignatureEncoding::Der};
    REQUIRE(REQUIRE_OK(opened(door->verify(call_as("app"), check))).valid);
  }
  return is_answer(unwrapped) && is_answer(made) && is_answer(maced);
}

TokenAccess OutageFixture::access() const {
  return {.module = hsm.module_path(),
          .uri = "pkcs11:token=keyward",
          .pin = hsm.pin(),
          .directory = hsm.token_directory()};
}

void OutageFixture::move_away() { std::filesystem::rename(hsm.token_directory(), away()); }

void OutageFixture::move_back() {
  // The module makes no folder, but a guard of a login may have left its lock in an empty one.
  std::filesystem::remove_all(hsm.token_directory());
  std::filesystem::rename(away(), hsm.token_directory());
}

}  // namespace kw::core
