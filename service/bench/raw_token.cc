// SPDX-License-Identifier: Apache-2.0
#include "service/bench/raw_token.h"

#include <thread>

#include "base/file.h"
#include "pkcs11/profile.h"
#include "pkcs11/uri.h"
#include "service/sandbox/sandbox.h"

namespace kw::bench {
namespace {

constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
constexpr const char* kLabel = "keyward";
constexpr std::array<std::uint8_t, pkcs11::kGcmIvSize> kSealedIv = {};
// As long as a blob's associated data without a context (docs/envelope-format.md).
constexpr std::array<std::uint8_t, 44> kAssociated = {};

Result<pkcs11::ObjectHandle> generate(pkcs11::Session& session, pkcs11::Profile profile,
                                      const char* label) {
  const Bytes id = pkcs11::object_id(KeyId::random(), Version{1});
  return TRY(pkcs11::generate(session, profile, id, label)).key;
}

void increment(std::span<std::uint8_t> counter) {
  for (std::uint8_t& digit : counter) {
    if (++digit != 0) return;
  }
}

}  // namespace

RawToken::RawToken(std::unique_ptr<pkcs11::Token> token) : token_(std::move(token)) {}

Result<std::unique_ptr<RawToken>> RawToken::make(const std::filesystem::path& folder,
                                                 std::size_t threads) {
  const auto made = TRY(sandbox::prepare_sandbox(folder, "127.0.0.1:0"));
  const Secret pin = TRY(read_secret_file(made.directory / "token" / "pin"));
  auto module = TRY(pkcs11::Module::load(kModule));
  auto token = TRY(pkcs11::Token::open(std::move(module), pkcs11::TokenUri::of_label(kLabel), pin));
  std::unique_ptr<RawToken> raw(new RawToken(std::move(token)));
  TRY(raw->make_keys(threads));
  return raw;
}

Result<void> RawToken::make_keys(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) sessions_.push_back(TRY(token_->open_session()));
  pkcs11::Session& session = sessions_.front();
  const auto master = TRY(generate(session, pkcs11::Profile::MasterAes, "bench/wrap"));
  rsa_key_ = TRY(generate(session, pkcs11::Profile::Rsa2048Pkcs, "bench/rsa"));
  ec_key_ = TRY(generate(session, pkcs11::Profile::EcdsaP256, "bench/ec"));
  message_key_ =
      TRY(pkcs11::derive(session, pkcs11::Profile::MessageKey, master, input())).release();
  digest_info_ = TRY(pkcs11::digest_info(pkcs11::Hash::Sha256, input()));
  const auto gcm = pkcs11::Mechanism::aes_gcm(kSealedIv, kAssociated);
  sealed_ = TRY(session.encrypt(gcm, message_key_, input()));
  return {};
}

std::size_t RawToken::threads_for(Operation operation) const noexcept {
  return row_of(operation).scales ? sessions_.size() : 1;
}

std::string RawToken::module_name() const {
  const auto& identity = token_->module().identity();
  return identity.manufacturer + " " + identity.library_version;
}

Result<void> RawToken::wrap(pkcs11::Session& session) {
  increment(iv_);
  TRY(session.encrypt(pkcs11::Mechanism::aes_gcm(iv_, kAssociated), message_key_, input()));
  return {};
}

Result<void> RawToken::call(Operation operation, pkcs11::Session& session) {
  switch (operation) {
    case Operation::Wrap:
      return wrap(session);
    case Operation::Unwrap:
      static_cast<void>(TRY(session.decrypt(pkcs11::Mechanism::aes_gcm(kSealedIv, kAssociated),
                                            message_key_, sealed_)));
      return {};
    case Operation::SignRsa:
      TRY(session.sign(pkcs11::Mechanism::rsa_pkcs(), rsa_key_, digest_info_));
      return {};
    case Operation::SignEc:
      TRY(session.sign(pkcs11::Mechanism::ecdsa(), ec_key_, input()));
      return {};
  }
  KW_ASSERT(false);
}

Result<void> RawToken::work(Operation operation, pkcs11::Session& session, Meter& meter) {
  auto start = Clock::now();
  while (!meter.is_full()) {
    TRY(call(operation, session));
    const auto end = Clock::now();
    meter.call_ended(start, end);
    start = end;
  }
  return {};
}

Result<Sample> RawToken::measure(Operation operation, Clock::duration span) {
  const std::size_t count = threads_for(operation);
  std::vector<Meter> meters;
  for (std::size_t i = 0; i < count; ++i) {
    meters.emplace_back(span, [] { return Cost{thread_cpu(), {}}; });
  }
  std::vector<Result<void>> outcomes(count);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([&, i] { outcomes[i] = work(operation, sessions_[i], meters[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (Result<void>& outcome : outcomes) TRY(std::move(outcome));
  return Meter::sample(meters);
}

}  // namespace kw::bench
