// SPDX-License-Identifier: Apache-2.0
// The minute of the comparison by the service's own clock: flags of keys in use are turned on disk,
// and each key is put aside before it is over. residency_test turns all flags, with a clock that it
// drives.
#include <algorithm>
#include <iostream>
#include <map>
#include <thread>

#include "base/clock.h"
#include "tests/residency/object_file.h"
#include "tests/support/expect.h"
#include "tests/whole/sandbox.h"

namespace kw::residency {
namespace {

namespace fs = std::filesystem;

using whole::json;

constexpr const char* kAlgorithms[] = {"xaes-256-gcm",        "aes-256-gcm-counted", "hmac-sha256",
                                       "rsa-2048-pss-sha256", "ecdsa-p256-sha256",   "ed25519"};
constexpr const char* kTurned[] = {"EXTRACTABLE", "COPYABLE", "MODIFIABLE"};

// Names of keys: those that are turned at once, those that are turned when these have just been
// found, and so wait longest, and those that nobody turns.
constexpr const char* kFirst = "first/";
constexpr const char* kThen = "then/";
constexpr const char* kLeft = "left/";

struct MinuteFixture : whole::Sandbox {
  MinuteFixture() {
    for (const std::string algorithm : kAlgorithms) {
      for (const char* const group : {kFirst, kThen, kLeft}) make(group + algorithm, algorithm);
    }
  }

  void make(const std::string& key, const std::string& algorithm) {
    const std::set<fs::path> before = files();
    make_key(key, algorithm);
    std::ranges::set_difference(files(), before, std::back_inserter(objects[key]));
  }

  std::set<fs::path> files() const { return object_files(*this / "token/tokens"); }

  // The status of the answer when the key does what it is for.
  int use(const std::string& key, const std::string& algorithm) {
    const std::string text = whole::base64("text");
    if (algorithm.find("gcm") != std::string::npos) {
      return app.post("/v1/wrap", {{"key", key}, {"plaintext", text}}).status;
    }
    const bool signs = !algorithm.starts_with("hmac");
    return app.post(signs ? "/v1/sign" : "/v1/mac", {{"key", key}, {"message", text}}).status;
  }

  // Of one object of the key: not every one of a pair has every flag.
  void turn(const std::string& key, const std::string& name) {
    for (const fs::path& file : objects[key]) {
      for (const Flag& flag : flags_of(file)) {
        if (flag.name == name) return flip(file, flag);
      }
    }
    FAIL(key << " has no flag " << name);
  }

  // Turns a flag of each key of the group, and asks until all of them are refused.
  void turn_and_wait(const std::string& group) {
    std::size_t next = 0;
    for (const std::string algorithm : kAlgorithms) {
      REQUIRE(use(group + algorithm, algorithm) == 200);
      turn(group + algorithm, kTurned[next++ % std::size(kTurned)]);
    }
    const Clock::time_point begin = Clock::now();
    const Deadline bound = deadline_in(std::chrono::seconds(600));
    std::set<std::string> found;
    while (found.size() < std::size(kAlgorithms) && !has_passed(bound)) {
      for (const std::string algorithm : kAlgorithms) {
        CHECK(use(kLeft + algorithm, algorithm) == 200);
        if (use(group + algorithm, algorithm) == 503) found.insert(algorithm);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    std::cout << group << ": " << found.size() << " keys put aside within " << seconds << " s\n";
    CHECK(found.size() == std::size(kAlgorithms));
    CHECK(seconds < 60);
  }

  whole::Client app = client("app");
  std::map<std::string, std::vector<fs::path>> objects;  // by key
};

}  // namespace

TEST_CASE_METHOD(MinuteFixture, "minute: keys turned on disk are put aside within a minute",
                 "[residency][minute]") {
  turn_and_wait(kFirst);
  turn_and_wait(kThen);
  std::set<std::string> alarmed;
  for (const json& record : records()) {
    if (record.value("event", "") == "key quarantined") alarmed.insert(record.value("key", ""));
  }
  CHECK(alarmed.size() == 2 * std::size(kAlgorithms));
}

}  // namespace kw::residency
