// SPDX-License-Identifier: Apache-2.0
// Keys whose values this test knows, in a TPM that is another process (tests/support/with_tpm -i):
// they are never in the service's memory, its files or what it says, while it works with all of
// them.
#include <atomic>
#include <csignal>
#include <iostream>
#include <set>

#include "tests/residency/scan.h"
#include "tests/support/kwp_oracle.h"
#include "tests/tpm/tpm_sandbox.h"

namespace kw::residency {
namespace {

using whole::json;

constexpr int kScans = 5;

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

// Sights are what several looks at running processes saw.
struct Sights {
  std::vector<Scan> service;
  int controls = 0;           // in how many of them the service's memory showed what is in it
  std::set<std::string> tpm;  // what the TPM's own process showed
};

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

  // This thread asks, another one looks.
  Sights look_while_it_works(const std::vector<Needle>& control) {
    const pid_t service = server().pid();
    const pid_t tpm = std::stoi(whole::from_environment("KEYWARD_TPM_PROCESS"));
    std::atomic<bool> is_over = false;
    Sights sights;
    std::thread looker([&] {
      for (int i = 0; i < kScans; ++i) {
        sights.service.push_back(scan_process(service, needles));
        sights.controls += scan_process(service, control).found.empty() ? 0 : 1;
      }
      // A key is in the clear there only while it is loaded.
      const Deadline bound = deadline_in(std::chrono::seconds(600));
      while (sights.tpm.empty() && !has_passed(bound)) {
        for (const std::string& each : scan_process(tpm, needles).found) sights.tpm.insert(each);
      }
      is_over = true;
    });
    int rounds = 0;
    for (; !is_over; ++rounds) (void)work("text");
    looker.join();
    std::cout << rounds << " rounds of requests meanwhile\n";
    return sights;
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

void print(const char* what, const Scan& scan) {
  std::cout << what << ": " << scan.bytes << " bytes, found " << scan.found.size() << "\n";
  for (const std::string& each : scan.found) std::cout << "  " << each << "\n";
}

}  // namespace

TEST_CASE_METHOD(MemoryFixture, "memory: a key of the token is nowhere in the service",
                 "[residency][memory]") {
  require_known(work("text"));
  const std::string marker = "a marker that the service holds in memory";
  REQUIRE(client("admin")
              .post("/v1/keys", {{"name", "tpm/marked"},
                                 {"algorithm", "ecdsa-p256-sha256"},
                                 {"tags", {{"marker", marker}}}})
              .status == 201);
  const std::vector<Needle> control = {{"marker", marker}};
  const Sights sights = look_while_it_works(control);
  for (const Scan& scan : sights.service) print("the service's memory", scan);
  for (const std::string& each : sights.tpm) std::cout << "in the TPM's process: " << each << "\n";
  if (!sights.service.front().was_allowed) {
    WARN("only root may read the service's memory");
    return;
  }
  for (const Scan& scan : sights.service) CHECK(scan.found.empty());
  CHECK(sights.controls == kScans);
  CHECK_FALSE(sights.tpm.empty());
  CHECK(scan_process(::getpid(), needles).found.size() == needles.size());  // the test's own

  // A crash leaves no core file, and no file of the service holds a key.
  server().signal(SIGABRT);
  CHECK(server().wait() == 128 + SIGABRT);
  const Scan files = scan_files(path(""), needles);
  print("the service's files", files);
  CHECK(files.found.empty());
  CHECK(files.bytes > 0);
  CHECK(scan_files(path(""), control).found.size() == 1);  // it is in the catalog
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path(""))) {
    CHECK_FALSE(entry.path().filename().string().starts_with("core"));
  }
  for (const Needle& needle : needles) CHECK(log().find(needle.bytes) == std::string::npos);
}

}  // namespace kw::residency
