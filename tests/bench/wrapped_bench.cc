// SPDX-License-Identifier: Apache-2.0
// Wrapped keys by number: how long the service takes to start with so many, how much memory they
// take, and what a look-up, a first use and a second use of one of them cost. KEYWARD_BENCH_KEYS
// says how many (200): run it with 1000, 100000 and 1000000 and compare. Each has an id, a name and
// rows of its own; KEYWARD_BENCH_DISTINCT says how many have material of their own (all), which the
// others share: nothing that is measured depends on it, and making a million takes long.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>

#include "pkcs11/cryptoki.h"
#include "service/crypto/create.h"
#include "service/crypto/service_mac.h"
#include "service/store/catalog.h"
#include "service/store/key_row.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

constexpr std::size_t kBatch = 10'000;  // keys in one transaction
constexpr int kLookUps = 100'000;
constexpr std::size_t kUses = 2'000;
constexpr int kTicks = 120;

std::size_t number_in(const char* variable, std::size_t otherwise) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::stoul(text);
}

template <typename Work>
double microseconds(Work work) {
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// What a busy machine does not stretch: the processor's time for it.
struct Cost {
  double seconds;
  double processor_seconds;
};

template <typename Work>
Cost cost_of(Work work) {
  const std::clock_t start = std::clock();
  const double taken = microseconds(work);
  return {taken / 1e6, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC};
}

double megabytes_resident() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word && word != "VmRSS:") {
  }
  double kilobytes = 0;
  status >> kilobytes;
  return kilobytes / 1024;
}

struct Times {
  std::vector<double> all;

  void print(const char* what) {
    std::sort(all.begin(), all.end());
    std::printf("  %-34s p50 %8.1f us   p99 %8.1f us   max %8.1f us\n", what, all[all.size() / 2],
                all[all.size() * 99 / 100], all.back());
  }
};

bool is_mac(std::size_t number) { return number % 2 == 1; }
std::string name_of(std::size_t number) { return "app/key-" + std::to_string(10'000'000 + number); }

// Ids and names in one order: SQLite writes what is sorted much faster. Looking up is by hash.
KeyId id_of(std::size_t number) {
  Bytes id;
  append_u64(id, number);
  append_u64(id, number * 0x9e3779b97f4a7c15);
  return REQUIRE_OK(KeyId::decode(id));
}

// Makes keys in the token as the service does and puts their rows into the catalog's file, many in
// one transaction, which the service does not. In a process of its own, whose memory goes with it.
struct Population {
  explicit Population(const test::SoftHsm& hsm)
      : token(hsm.open()), bench(REQUIRE_OK(token->open_session()), pace) {}

  Result<Bytes> mac(ByteView message) {
    const keys::Key service_key{.id = REQUIRE_OK(KeyId::decode(as_bytes("keyward service."))),
                                .name = REQUIRE_OK(KeyName::parse("keyward/service")),
                                .algorithm = keys::find_algorithm("xaes-256-gcm"),
                                .residency = keys::Residency::Token,
                                .tags = {},
                                .created = {},
                                .rotate_every = std::nullopt,
                                .versions = {}};
    return crypto::service_mac(bench, service_key, Version{1}, crypto::MacPurpose::Catalog,
                               message);
  }

  keys::Key make(std::size_t number) {
    const char* const algorithm = is_mac(number) ? "hmac-sha256" : "xaes-256-gcm";
    keys::Key key{.id = id_of(number),
                  .name = REQUIRE_OK(KeyName::parse(name_of(number))),
                  .algorithm = keys::find_algorithm(algorithm),
                  .residency = keys::Residency::Wrapped,
                  .tags = {},
                  .created = wall_now(),
                  .rotate_every = std::nullopt,
                  .versions = {}};
    if (number < distinct) {
      materials.push_back(
          REQUIRE_OK(crypto::create_wrapped_version(bench, key, Version{1}, Version{1})));
    }
    // An even number of them, so that each is of the right kind.
    const crypto::VersionMaterial& made = materials[number < distinct ? number : number % distinct];
    keys::KeyVersion version;
    version.number = Version{1};
    version.state = keys::State::Enabled;
    version.created = key.created;
    version.check = made.check;
    version.wrapped = made.wrapped;
    version.kek = made.kek;
    key.versions.push_back(std::move(version));
    return key;
  }

  void fill(const std::filesystem::path& file, std::size_t count) {
    const auto ledger = REQUIRE_OK(store::Ledger::open(
        file, [this](ByteView message) { return mac(message); },
        [](const store::Row&) -> Result<void> { return {}; }));
    for (std::size_t done = 0; done < count;) {
      store::Change change;
      for (std::size_t i = 0; i < kBatch && done < count; ++i, ++done) {
        const keys::Key key = make(done);
        change.put.push_back(REQUIRE_OK(store::make_key_row(key)));
        change.put.push_back(store::make_version_row(key, key.versions.front()));
      }
      REQUIRE_OK(ledger->commit(change));
    }
  }

  // The catalog alone: how long it takes to open and to look keys up.
  void look_up(const std::filesystem::path& file, std::size_t count) {
    std::unique_ptr<store::Catalog> catalog;
    const double before = megabytes_resident();
    const Cost opening = cost_of([&] {
      catalog =
          REQUIRE_OK(store::Catalog::open(file, [this](ByteView message) { return mac(message); }));
    });
    std::printf("  the catalog alone opens in %.2f s, %.2f s of the processor, %.0f MB\n",
                opening.seconds, opening.processor_seconds, megabytes_resident() - before);
    std::mt19937_64 random(1);
    std::vector<KeyName> names;
    for (int i = 0; i < kLookUps; ++i) {
      names.push_back(REQUIRE_OK(KeyName::parse(name_of(random() % count))));
    }
    const Cost looking = cost_of([&] {
      for (const KeyName& each : names) (void)catalog->find(each);
    });
    std::printf("  a look-up by name in the catalog: %.2f us of the processor\n",
                looking.processor_seconds * 1e6 / kLookUps);
  }

  const std::size_t distinct = number_in("KEYWARD_BENCH_DISTINCT", 10'000'000) / 2 * 2;
  std::vector<crypto::VersionMaterial> materials;
  std::unique_ptr<pkcs11::Token> token;
  pkcs11::Pace pace{{.symmetric = 1, .asymmetric = 1}};
  crypto::Workbench bench;
};

struct WrappedBench : DoorFixture {
  WrappedBench() : DoorFixture(Closed{}) {
    open();
    for (const char* algorithm : {"xaes-256-gcm", "hmac-sha256"}) {
      const CreateKey request{
          name(std::string("first/") + algorithm), algorithm, {}, keys::Residency::Wrapped};
      (void)REQUIRE_OK(opened(door->create_key(call_as("admin"), request)));
    }
    close();
  }

  void in_child(const std::function<void(Population&)>& work) {
    std::fflush(stdout);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      {
        Population population(hsm);
        work(population);
      }
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = 1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
  }

  void use(std::size_t number) {
    const KeyName key = name(name_of(number));
    if (is_mac(number)) {
      const ComputeMac request{key, Secret::copy_of(as_bytes("text"))};
      (void)REQUIRE_OK(opened(door->mac(call_as("app"), request)));
    } else {
      const Wrap request{key, Secret::copy_of(as_bytes("text")), {}};
      (void)REQUIRE_OK(opened(door->wrap(call_as("app"), request)));
    }
  }

  std::size_t token_objects() const {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(hsm.token_directory())) {
      const bool is_object = file.path().extension() == ".object";
      count += is_object && file.path().stem() != "token" ? 1 : 0;
    }
    return count;
  }
};

}  // namespace

TEST_CASE_METHOD(WrappedBench, "bench: wrapped keys by number", "[bench]") {
  const std::size_t count = number_in("KEYWARD_BENCH_KEYS", 200);
  std::printf("%zu wrapped keys, half AES, half HMAC\n", count);
  const std::filesystem::path file = folder / "catalog.db";
  in_child([&](Population& population) {
    const Cost making = cost_of([&] { population.fill(file, count); });
    std::printf("  made in %.1f s, %.1f s of the processor\n", making.seconds,
                making.processor_seconds);
  });
  in_child([&](Population& population) { population.look_up(file, count); });

  const double before = megabytes_resident();
  const Cost opening = cost_of([&] { open(); });
  std::printf("  the service starts in %.2f s, %.2f s of the processor, %.0f MB; %zu objects\n",
              opening.seconds, opening.processor_seconds, megabytes_resident() - before,
              token_objects());

  std::mt19937_64 random(2);
  Times shown, first, second, ticks;
  for (std::size_t i = 0; i < std::min(kUses, count); ++i) {
    const std::size_t number = random() % count;
    const KeyName key = name(name_of(number));
    shown.all.push_back(
        microseconds([&] { (void)REQUIRE_OK(opened(door->show_key(call_as("app"), key))); }));
    first.all.push_back(microseconds([&] { use(number); }));
    second.all.push_back(microseconds([&] { use(number); }));
  }
  for (int i = 0; i < kTicks; ++i) ticks.all.push_back(microseconds([&] { door->maintain(); }));
  shown.print("show a key, recorded");
  first.print("first use, unwrap and check in it");
  second.print("second use");
  ticks.print("the service's tick, once a second");
  const double used = megabytes_resident();
  std::printf("  after %zu first uses %.0f MB\n", first.all.size(), used - before);
}

}  // namespace kw::core
