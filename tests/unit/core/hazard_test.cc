// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <future>
#include <set>

#include "base/file.h"
#include "service/keys/key.h"
#include "tests/unit/core/onlooker.h"
#include "tests/unit/core/outage_fixture.h"

// SoftHSM's hazards: each is shown to be there first, then met.
namespace kw::core {
namespace {

// No file can be opened while it lives: the descriptors above are used up.
struct NoDescriptors {
  NoDescriptors() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    rlimit none = before;
    none.rlim_cur = 3;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before); }

  rlimit before{};
};

std::set<std::filesystem::path> objects_in(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> objects;
  for (const auto& each : std::filesystem::recursive_directory_iterator(folder)) {
    const bool is_object = each.path().extension() == ".object";
    if (is_object && each.path().filename() != "token.object") objects.insert(each.path());
  }
  return objects;
}

// What another process leaves behind that changed the token: SoftHSM lists its files anew.
void count_up(const std::filesystem::path& generation) {
  std::string number = REQUIRE_OK(read_file(generation));
  REQUIRE(number.size() == 8);
  ++number[6];
  std::ofstream(generation, std::ios::binary) << number;
}

// A service with one key more, whose file in the token is known.
struct LateKey : OutageFixture {
  LateKey() {
    const auto before = objects_in(hsm.token_directory());
    const CreateKey request{name("app/late"), "hmac-sha256", {}};
    (void)REQUIRE_OK(opened(door->create_key(call_as("admin"), request)));
    for (const auto& each : objects_in(hsm.token_directory())) {
      if (!before.contains(each)) file = each;
    }
    REQUIRE(!file.empty());
  }

  Result<Mac> use() {
    return opened(door->mac(call_as("app"), {name("app/late"), Secret::copy_of(as_bytes("m"))}));
  }

  std::filesystem::path file;
};

}  // namespace

TEST_CASE_METHOD(LateKey,
                 "a look at a bad moment hides one key for good: it is looked for in a new epoch",
                 "[core][hazard]") {
  const Bytes mac = REQUIRE_OK(use()).mac;
  const Onlooker onlooker(hsm);
  const auto all = onlooker.look().objects;
  std::filesystem::rename(file, away());
  count_up(file.parent_path() / "generation");
  (void)onlooker.look();
  std::filesystem::rename(away(), file);
  // The hazard: the module shows the others, the service's own among them, and says that all is
  // well.
  CHECK(onlooker.look().rv == CKR_OK);
  CHECK(onlooker.look().objects == all - 1);
  onlooker.end();
  await("served", [&] {
    door->maintain();
    const auto again = use();
    return again && again->mac == mac;
  });
  CHECK(all_work());
  CHECK(epochs() == 2);
  CHECK(metric("keyward_quarantined_versions") == 0);
}

TEST_CASE_METHOD(OutageFixture, "folder moved away: an outage, never a key that does not exist",
                 "[core][hazard]") {
  const Onlooker onlooker(hsm);
  REQUIRE(onlooker.look().objects > 0);
  move_away();
  // The hazard: the module says that all is well, and shows nothing.
  CHECK(onlooker.look().rv == CKR_OK);
  CHECK(onlooker.look().objects == 0);
  onlooker.end();
  await("out of service", [this] {
    door->maintain();
    (void)all_work();
    return !is_ready();
  });
  CHECK_CODE(sign(), Code::Unavailable);
  move_back();
  await_service();
  CHECK(metric("keyward_token_outages_total") == 1);
  CHECK(metric("keyward_quarantined_versions") == 0);
}

TEST_CASE_METHOD(OutageFixture, "folder moved and back between two looks: found out and mended",
                 "[core][hazard]") {
  move_away();
  const Onlooker onlooker(hsm);
  CHECK(onlooker.look().objects == 0);
  move_back();
  // The hazard: it never heals by itself.
  CHECK(onlooker.look().objects == 0);
  onlooker.end();
  await_service();
}

TEST_CASE_METHOD(OutageFixture, "descriptors used up: an outage that ends with the shortage",
                 "[core][hazard]") {
  const Onlooker onlooker(hsm);
  REQUIRE(onlooker.look().objects > 0);
  {
    const NoDescriptors shortage;
    // The hazard: objects vanish without an error.
    const Look look = onlooker.look();
    CHECK(look.rv == CKR_OK);
    CHECK(look.objects == 0);
    onlooker.end();
    for (int i = 0; i < 3; ++i) {
      door->maintain();
      (void)all_work();
    }
  }
  await_service();
  CHECK(metric("keyward_quarantined_versions") == 0);
}

TEST_CASE_METHOD(OutageFixture,
                 "token replaced by another of the same label: refused until the right one is back",
                 "[core][hazard]") {
  move_away();
  std::filesystem::create_directory(hsm.token_directory());
  const std::string make = "softhsm2-util --init-token --free --label keyward --pin " +
                           std::string(test::SoftHsm::kPin) + " --so-pin " +
                           std::string(test::SoftHsm::kSoPin) + " >/dev/null 2>&1";
  REQUIRE(std::system(make.c_str()) == 0);
  await("out of service", [this] {
    door->maintain();
    (void)all_work();
    return metric("keyward_token_bringups_total") >= 3;
  });
  CHECK_CODE(sign(), Code::Unavailable);
  CHECK(epochs() == 1);
  move_back();
  await_service();
  CHECK(epochs() == 2);
}

TEST_CASE_METHOD(OutageFixture,
                 "one key lost: it is looked for in one new epoch, then it alone is put aside",
                 "[core][hazard]") {
  const CreateKey request{name("app/lost"), "hmac-sha256", {}};
  const KeyView lost = REQUIRE_OK(opened(door->create_key(call_as("admin"), request)));
  // Another process destroys it.
  const std::string id = to_hex(to_bytes(lost->id.bytes())) + "00000001";
  const std::string destroy = "pkcs11-tool --module " + std::string(test::SoftHsm::kModule) +
                              " --token-label keyward --login --pin " +
                              std::string(test::SoftHsm::kPin) +
                              " --delete-object --type secrkey --id " + id + " >/dev/null 2>&1";
  REQUIRE(std::system(destroy.c_str()) == 0);
  const auto use = [this] {
    return opened(door->mac(call_as("app"), {name("app/lost"), Secret::copy_of(as_bytes("m"))}));
  };
  CHECK_CODE(use(), Code::Unavailable);
  await("put aside", [&] {
    CHECK_CODE(use(), Code::Unavailable);
    return metric("keyward_quarantined_versions") == 1;
  });
  CHECK_CODE(use(), Code::Unavailable);
  await("the others", [this] { return all_work(); });
  CHECK(epochs() == 2);
}

TEST_CASE_METHOD(OutageFixture, "one key is made at a time", "[core][hazard]") {
  hsm.clear();
  hsm.rules("hang C_GenerateKey 1");
  const auto create = [this](const char* key, Deadline deadline) {
    KeyService other(*backend);
    const CreateKey request{name(key), "xaes-256-gcm", {}};
    return opened(other.create_key(call_as("admin", deadline), request)).has_value();
  };
  auto first =
      std::async(std::launch::async, create, "app/first", deadline_in(std::chrono::seconds(120)));
  await("making", [this] { return hsm.hanging() == 1; });
  CHECK_FALSE(create("app/second", deadline_in(std::chrono::milliseconds(500))));
  CHECK(hsm.count("C_GenerateKey") == 1);
  hsm.clear();
  CHECK(first.get());
  CHECK(create("app/third", deadline_in(std::chrono::seconds(120))));
}

struct SmallBudget : OutageFixture {
  static HealerOptions options() {
    HealerOptions small;
    small.object_budget = 40;
    return small;
  }
  SmallBudget() : OutageFixture(options()) {}
};

TEST_CASE_METHOD(SmallBudget,
                 "session objects leak: the module is renewed before they are many, unnoticed",
                 "[core][hazard]") {
  // Each blob has a nonce, and so a session object, of its own: of another service, as it were.
  const double before = epochs();
  for (int round = 0; round < 3; ++round) {
    await("renewed", [&] {
      Bytes foreign = blob;
      foreign[30] ^= static_cast<std::uint8_t>(1 + std::rand() % 255);
      CHECK_CODE(opened(door->unwrap(call_as("app"), {foreign, none, std::nullopt})),
                 Code::InvalidArgument);
      door->maintain();
      return epochs() > before + round;
    });
    CHECK(all_work());
  }
  CHECK(metric("keyward_token_outages_total") == 0);
}

}  // namespace kw::core
