// SPDX-License-Identifier: Apache-2.0
// Keys whose values this test knows, in a TPM that is another process (tests/support/with_tpm -i):
// they are never in the service's memory, its files or what it says, while it works with all of
// them.
#include <iostream>
#include <thread>

#include "tests/residency/scan.h"
#include "tests/residency/sights.h"
#include "tests/support/kwp_oracle.h"
#include "tests/tpm/tpm_sandbox.h"

namespace kw::residency {
namespace {

using whole::json;

// The values of the keys that the operator imported.
std::vector<std::string> known_values() {
  std::vector<std::string> values;
  for (const auto& entry :
       std::filesystem::directory_iterator(whole::from_environment("KEYWARD_TPM_VALUES"))) {
    values.push_back(REQUIRE_OK(read_file(entry.path())));
    REQUIRE(values.back().size() == 32);
  }
  return values;
}

std::vector<Needle> needles_of_all(const std::vector<std::string>& values) {
  std::vector<Needle> all;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (Needle& each : needles_of("key " + std::to_string(i), values[i])) {
      all.push_back(std::move(each));
    }
  }
  return all;
}

struct MemoryFixture : whole::TpmSandbox {
  MemoryFixture() {
    serve();
    REQUIRE(create("tpm/mac", "hmac-sha256").status == 201);
    REQUIRE(create("tpm/key", "aes-256-gcm-host").status == 201);
    REQUIRE(create("tpm/sign", "ecdsa-p256-sha256").status == 201);
  }

  // One of everything; the MAC is answered.
  std::string work(const std::string& text) {
    whole::Client app = client("app");
    const whole::Reply mac =
        app.post("/v1/mac", {{"key", "tpm/mac"}, {"message", base64_of(text)}});
    REQUIRE(mac.status == 200);
    const whole::Reply wrapped =
        app.post("/v1/wrap", {{"key", "tpm/key"}, {"plaintext", base64_of(text)}});
    REQUIRE(wrapped.status == 200);
    REQUIRE(app.post("/v1/unwrap", {{"blob", wrapped.body["blob"]}}).status == 200);
    REQUIRE(app.post("/v1/data-key", {{"key", "tpm/key"}, {"bytes", 32}}).status == 200);
    REQUIRE(app.post("/v1/sign", {{"key", "tpm/sign"}, {"message", base64_of(text)}}).status ==
            200);
    return whole::from_base64(mac.body["mac"]);
  }

  static std::string base64_of(const std::string& text) { return whole::base64(text); }

  // The keys in use are those whose values are known: OpenSSL computes the same MAC with one.
  void require_known(const std::string& mac) const {
    const auto makes_it = [&mac](const std::string& value) {
      const Bytes made = test::kwp_oracle::hmac("SHA256", as_bytes(value), as_bytes("text"));
      return as_text(made) == mac;
    };
    REQUIRE(std::ranges::count_if(values, makes_it) == 1);
  }

  std::vector<std::string> values = known_values();
  std::vector<Needle> needles = needles_of_all(values);
};

}  // namespace

TEST_CASE_METHOD(MemoryFixture, "memory: a key of the token is nowhere in the service",
                 "[residency][memory]") {
  require_known(work("text"));
  mark(*this, "tpm/marked");
  const pid_t tpm = std::stoi(whole::from_environment("KEYWARD_TPM_PROCESS"));
  std::vector<Scan> scans;
  std::set<std::string> seen;  // in the TPM's own process
  const int rounds = work_during(
      [&](const std::stop_token& stop) {
        scans = scan_again_and_again(server().pid(), with_marker(needles), stop);
        seen = scan_until(
            tpm, needles, [](const auto& found) { return !found.empty(); }, stop);
      },
      [this] { (void)work("text"); });
  std::cout << rounds << " rounds of requests meanwhile\n";
  for (const std::string& each : seen) std::cout << "in the TPM's process: " << each << "\n";
  if (!scans.front().was_allowed) {
    WARN("only root may read the service's memory");
    return;
  }
  check_service(scans);
  CHECK_FALSE(seen.empty());
  CHECK(scan_process(::getpid(), needles).found.size() == needles.size());  // the test's own
  check_after_crash(*this, needles);
}

}  // namespace kw::residency
