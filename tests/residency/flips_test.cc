// SPDX-License-Identifier: Apache-2.0
// Every yes or no of every key, turned in SoftHSM's files: found while the service runs and when it
// starts, that key put aside, the others served.
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "base/file.h"
#include "pkcs11/profile.h"
#include "service/keys/algorithm.h"
#include "tests/residency/object_file.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::residency {
namespace {

namespace fs = std::filesystem;

using keys::Residency;

// The service's clock ticks once a second, and has compared every key after so many ticks.
constexpr std::size_t kTicksOfAMinute = 60;

// Part is one object of a key, with what became of its flags.
struct Part {
  std::string name;
  fs::path file;
  std::string content;  // as the service made it
  std::vector<Flag> flags;
  std::vector<std::string> missed;
  std::vector<std::string> unsaid;  // refused, and no alarm is on record
};

// Owner is a key that is used, and the objects that it hangs on: its own, or its KEK.
struct Owner {
  std::string name;
  std::string algorithm;
  std::string alarm;  // the key that the log names
  std::vector<Part> parts;
  std::size_t flags() const {
    std::size_t all = 0;
    for (const Part& part : parts) all += part.flags.size();
    return all;
  }
};

struct Turned {
  Part* part;
  const Flag* flag;
};
using TurnedKeys = std::map<const Owner*, Turned>;

bool is_long_form() { return std::getenv("KEYWARD_RESIDENCY_CALLS") != nullptr; }

bool is_in_the_short_form(std::string_view algorithm) {
  constexpr std::string_view kShort[] = {"xaes-256-gcm",      "hmac-sha256", "rsa-2048-pss-sha256",
                                         "ecdsa-p256-sha256", "ed25519",     "aes-256-gcm-counted"};
  return std::ranges::find(kShort, algorithm) != std::end(kShort);
}

std::string kek_of(std::string_view algorithm) {
  if (algorithm.starts_with("rsa")) return "keyward/kek-rsa";
  if (algorithm.starts_with("ecdsa")) return "keyward/kek-ec";
  return algorithm.starts_with("hmac") ? "keyward/kek-hmac" : "keyward/kek-aes";
}

Part part_of(const std::string& key, const fs::path& file) {
  Part part{key, file, REQUIRE_OK(read_file(file)), flags_of(file), {}, {}};
  const auto is_secrecy = [](const Flag& flag) { return flag.name == "SENSITIVE"; };
  if (std::ranges::none_of(part.flags, is_secrecy)) part.name += " (public half)";
  const auto left_out =
      std::erase_if(part.flags, [&file](const Flag& f) { return is_deadly(file, f); });
  if (left_out > 0)
    std::cout << part.name << ": -PRIVATE is left out, SoftHSM would not survive it\n";
  return part;
}

struct FlipFixture : core::DoorFixture {
  FlipFixture() {
    for (const keys::Algorithm& row : keys::algorithms()) {
      if (keys::works_on_host(row) || !(is_long_form() || is_in_the_short_form(row.name))) continue;
      add_owner(std::string(row.name), Residency::Token);
    }
    for (const char* const each :
         {"xaes-256-gcm", "hmac-sha256", "rsa-2048-pss-sha256", "ecdsa-p256-sha256"}) {
      add_owner(each, Residency::Wrapped);
    }
  }

  // The files that the making of a key brings are its objects, or those of its KEK.
  void add_owner(const std::string& algorithm, Residency residency) {
    const bool is_wrapped = residency == Residency::Wrapped;
    Owner owner{"app/" + algorithm + (is_wrapped ? "-wrapped" : ""), algorithm, {}, {}};
    owner.alarm = is_wrapped ? kek_of(algorithm) : owner.name;
    const std::set<fs::path> before = object_files(hsm.token_directory());
    REQUIRE_OK(
        opened(door->create_key(call_as("admin"), {name(owner.name), algorithm, {}, residency})));
    for (const fs::path& file : object_files(hsm.token_directory())) {
      if (before.contains(file)) continue;
      owner.parts.push_back(part_of(is_wrapped ? owner.alarm : algorithm, file));
    }
    REQUIRE_FALSE(owner.parts.empty());
    owners.push_back(std::move(owner));
  }

  // What the key is for, once. Nothing if it does it.
  std::optional<Code> use(const Owner& owner) {
    const KeyName key = name(owner.name);
    const core::Call call = call_as("app");
    const auto code_of = [](const auto& result) {
      return result ? std::optional<Code>() : result.error().code();
    };
    const auto text = [] { return Secret::copy_of(as_bytes("text")); };
    switch (keys::find_algorithm(owner.algorithm)->purpose) {
      case keys::Purpose::Wrap:
        return code_of(opened(door->wrap(call, {key, text(), {}})));
      case keys::Purpose::Mac:
        return code_of(opened(door->mac(call, {key, text()})));
      case keys::Purpose::Sign:
        return code_of(
            opened(door->sign(call, {key, core::Message{text()}, core::SignatureEncoding::Der})));
    }
    return Code::Internal;
  }

  // The keys that were put aside, on record, since the record of that number.
  std::set<std::string> alarms(std::size_t since) {
    std::set<std::string> names;
    const std::vector<Line> lines = records();
    for (std::size_t i = since; i < lines.size(); ++i) {
      Line line = lines[i];
      if (line["event"] == "key quarantined") names.insert(line["key"]);
    }
    return names;
  }

  bool all_refused(const TurnedKeys& turned) {
    return std::ranges::all_of(
        turned, [this](const auto& each) { return use(*each.first) == Code::Unavailable; });
  }

  bool all_said(const TurnedKeys& turned, std::size_t since) {
    const std::set<std::string> alarmed = alarms(since);
    return std::ranges::all_of(
        turned, [&alarmed](const auto& each) { return alarmed.contains(each.first->alarm); });
  }

  // The upkeep's minute, without its seconds. What the token does not show at all is looked into by
  // the healer's thread first, which takes its time.
  void tick(const TurnedKeys& turned, std::size_t since) {
    core::KeyService upkeep(*backend);
    const Deadline bound = deadline_in(std::chrono::seconds(60));
    for (std::size_t ticks = 1; ticks < kTicksOfAMinute || !has_passed(bound); ++ticks) {
      upkeep.maintain();
      if (ticks > owners.size() && all_refused(turned) && all_said(turned, since)) return;
      if (ticks > kTicksOfAMinute) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  // All that were turned are refused and on record, all others served.
  void look(const TurnedKeys& turned, std::size_t since, const char* when) {
    const std::set<std::string> alarmed = alarms(since);  // `tick` waited for them
    for (const Owner& owner : owners) {
      const auto at = turned.find(&owner);
      const std::optional<Code> code = use(owner);
      INFO(owner.name << " " << when);
      if (at == turned.end()) {
        CHECK_FALSE(code.has_value());
        continue;
      }
      const auto& [part, flag] = at->second;
      if (code != Code::Unavailable) part->missed.push_back(flag->name + " " + when);
      if (!alarmed.contains(owner.alarm)) part->unsaid.push_back(flag->name + " " + when);
    }
  }

  // Turns the flag of that number of every second key; the others keep what they have, and serve.
  TurnedKeys turn(std::size_t number, bool even) {
    TurnedKeys turned;
    for (std::size_t i = even ? 0 : 1; i < owners.size(); i += 2) {
      std::size_t left = number;
      for (Part& part : owners[i].parts) {
        if (left < part.flags.size()) {
          turned[&owners[i]] = {&part, &part.flags[left]};
          flip(part.file, part.flags[left]);
          break;
        }
        left -= part.flags.size();
      }
    }
    return turned;
  }

  // Found while the service runs, within its minute; then at its start.
  void find(const TurnedKeys& turned) {
    std::size_t since = records().size();
    tick(turned, since);
    look(turned, since, "live");
    close();
    since = records().size();
    open();
    tick(turned, since);
    look(turned, since, "at the start");
  }

  void put_back() {
    close();
    for (const Owner& owner : owners) {
      for (const Part& part : owner.parts) REQUIRE_OK(write_file(part.file, part.content));
    }
    open();
  }

  std::vector<Owner> owners;
};

// "-" of a flag that was turned off, "+" of one that was turned on.
void print(const Part& part) {
  std::cout << part.name << ", " << part.flags.size() << " flags:";
  for (const Flag& flag : part.flags) std::cout << " " << (flag.value ? "-" : "+") << flag.name;
  std::cout << "\n";
  for (const std::string& each : part.missed) std::cout << "  ! not found: " << each << "\n";
  for (const std::string& each : part.unsaid) std::cout << "  no alarm: " << each << "\n";
}

bool finds_trouble(core::Backend& backend) {
  core::KeyService upkeep(backend);
  const Deadline bound = deadline_in(std::chrono::seconds(60));
  while (backend.troubles().empty() && !has_passed(bound)) {
    upkeep.maintain();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return !backend.troubles().empty();
}

}  // namespace

TEST_CASE_METHOD(FlipFixture, "flips: every flag of every key, live and at the start",
                 "[residency][flips]") {
  const std::size_t most = std::ranges::max(owners, {}, &Owner::flags).flags();
  std::size_t keys_turned = 0;
  for (std::size_t number = 0; number < most; ++number) {
    for (const bool even : {true, false}) {
      const TurnedKeys turned = turn(number, even);
      keys_turned += turned.size();
      if (turned.empty()) continue;
      find(turned);
      put_back();
    }
  }
  std::size_t flags = 0;
  for (const Owner& owner : owners) {
    flags += owner.flags();
    for (const Part& part : owner.parts) {
      print(part);
      CHECK(part.missed.empty());
      CHECK(part.unsaid.empty());
    }
  }
  std::cout << flags << " flags of " << owners.size()
            << " keys, each turned while the service ran and before it started\n";
  CHECK(keys_turned == flags);
}

// The key behind contexts and the catalog, and the pair that signs checkpoints: nothing can be
// served without the first, and nothing may be signed by the second.
TEST_CASE_METHOD(core::DoorFixture, "flips: every flag of the service's own keys",
                 "[residency][flips]") {
  std::size_t flags = 0;
  for (const fs::path& file : object_files(hsm.token_directory())) {
    Part part = part_of("of the service", file);
    for (const Flag& flag : part.flags) {
      flip(file, flag);
      if (!finds_trouble(*backend)) part.missed.push_back(flag.name + " live");
      close();
      if (try_open()) part.missed.push_back(flag.name + " at the start");
      REQUIRE_OK(write_file(file, part.content));
      open();
      CHECK(backend->troubles().empty());
    }
    CHECK(part.missed.empty());
    flags += part.flags.size();
    print(part);
  }
  std::cout << flags << " flags\n";
}

namespace {

struct DeadlyFixture : core::DoorFixture {
  std::set<fs::path> files() const { return object_files(hsm.token_directory()); }

  static fs::path private_half(const std::set<fs::path>& files) {
    for (const fs::path& file : files) {
      const std::vector<Flag> flags = flags_of(file);
      const auto is_signing = [](const Flag& flag) { return flag.name == "SIGN" && flag.value; };
      if (std::ranges::any_of(flags, is_signing)) return file;
    }
    FAIL("no private half");
    return {};
  }

  static void turn_private_off(const fs::path& file) {
    make_deadly(file);
    for (const Flag& flag : flags_of(file)) {
      CHECK(is_deadly(file, flag) == (flag.name == "PRIVATE"));
      if (flag.name == "PRIVATE") return flip(file, flag);
    }
    FAIL("no such flag");
  }

  // How pkcs11-tool ends that signs with the key, as a shell says it.
  int sign_elsewhere(ByteView id) const {
    const std::string command =
        "ulimit -c 0; echo text > " + (folder / "text").string() + "; pkcs11-tool --module " +
        std::string(test::SoftHsm::kModule) + " --token-label keyward --login --pin " +
        std::string(test::SoftHsm::kPin) + " --sign --mechanism EDDSA --id " + to_hex(id) +
        " --input-file " + (folder / "text").string() + " --output-file " +
        (folder / "signature").string() + " >/dev/null 2>&1; exit $?";
    const int status = std::system(command.c_str());
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }

  Result<core::Signed> sign(const char* key) {
    return opened(door->sign(
        call_as("app"),
        {name(key), core::Message{Secret::copy_of(as_bytes("m"))}, core::SignatureEncoding::Der}));
  }
};

}  // namespace

// The hazard that is_deadly tells of; at a start nothing is used before it was compared.
TEST_CASE_METHOD(DeadlyFixture,
                 "flips: one by which SoftHSM ends the process is found at the start",
                 "[residency][flips]") {
  constexpr int kEndedBySegv = 128 + 11;
  const std::set<fs::path> own = files();
  const core::KeyView key = make_key("app/one", "ed25519");
  std::set<fs::path> made;
  std::ranges::set_difference(files(), own, std::inserter(made, made.end()));
  make_key("app/two", "ed25519");
  close();
  CHECK(sign_elsewhere(pkcs11::object_id(key->id, Version{1})) == 0);
  turn_private_off(private_half(made));
  CHECK(sign_elsewhere(id_on_disk(private_half(made))) == kEndedBySegv);
  open();
  CHECK_CODE(sign("app/one"), Code::Unavailable);
  CHECK(sign("app/two"));
  close();
  turn_private_off(private_half(own));  // the checkpoints'
  CHECK_FALSE(try_open().has_value());
}

}  // namespace kw::residency
