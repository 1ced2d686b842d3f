// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <future>
#include <map>
#include <string>
#include <vector>

#include "service/core/backend.h"
#include "service/core/key_service.h"
#include "tests/support/expect.h"
#include "tests/support/pki.h"
#include "tests/support/softhsm.h"
#include "tests/support/temp_dir.h"

namespace kw::core {

// DoorFixture is a whole backend over a fresh SoftHSM behind the shim, with three callers: admin,
// app and nobody.
struct DoorFixture {
  DoorFixture() : DoorFixture(Closed{}) { open(); }
  ~DoorFixture() { close(); }

  void open();
  void close();
  Result<std::unique_ptr<Backend>> try_open();

  Call call_as(const std::string& name, Deadline deadline = deadline_in(std::chrono::seconds(30)));
  KeyName name(const std::string& text) { return REQUIRE_OK(KeyName::parse(text)); }
  Context context(std::vector<Context::Pair> pairs) {
    return REQUIRE_OK(Context::from_pairs(std::move(pairs)));
  }
  KeyView make_key(const std::string& text, const std::string& algorithm);
  Bytes wrap(const std::string& key, std::string_view plaintext, const Context& context);
  void write_policy_file(const std::string& text);

  // Breaks the seal the one way there is.
  template <typename T>
  Result<T> opened(Sealed<T> sealed) {
    auto promise = std::make_shared<std::promise<Result<T>>>();
    std::future<Result<T>> future = promise->get_future();
    backend->release<T>(std::move(sealed), [promise](Result<T> result, std::optional<Receipt>) {
      promise->set_value(std::move(result));
    });
    return future.get();
  }

  // The log's records as maps of field names to texts, read by the verifier's own parser.
  using Line = std::map<std::string, std::string>;
  std::vector<Line> records();
  Line last_record();

  // A number on /metrics.
  double metric(const std::string& series) const;

  static const std::string kPolicy;

  // Nothing is signed in between: the token's calls are the tests' own.
  std::chrono::milliseconds checkpoint_every = std::chrono::hours(1);
  std::vector<WitnessOptions> witnesses;

  HealerOptions healer;
  CountOptions counts;
  std::string pin{test::SoftHsm::kPin};
  // What try_open gives the backend of the token's profile.
  std::optional<token_profile::TokenProfile> profile;

  bool allow_suite_3 = false;
  test::SoftHsm hsm;
  test::TempDir folder;
  test::Pki pki;
  std::map<std::string, std::shared_ptr<const identity::Caller>> callers;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<KeyService> door;

 protected:
  struct Closed {};
  explicit DoorFixture(Closed);  // for who opens it otherwise
};

}  // namespace kw::core
