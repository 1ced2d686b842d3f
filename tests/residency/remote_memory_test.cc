// SPDX-License-Identifier: Apache-2.0
// Keys of every kind whose values this test knows, in a SoftHSM that is another process
// (tests/residency/remote): they are never in the service's memory, its files or what it says,
// while it works with all of them. With SoftHSM in its own process they are.
#include <algorithm>
#include <csignal>
#include <iostream>

#include "tests/residency/known.h"
#include "tests/residency/remote/child.h"
#include "tests/residency/scan.h"
#include "tests/residency/sights.h"
#include "tests/support/expect.h"
#include "tests/support/gcm_oracle.h"
#include "tests/support/kwp_oracle.h"
#include "tests/support/signature_oracle.h"
#include "tests/support/xaes_oracle.h"
#include "tests/whole/sandbox.h"

namespace kw::residency {
namespace {

using whole::base64;
using whole::json;

constexpr const char* kSoftHsmModule = "/usr/lib/softhsm/libsofthsm2.so";
const std::string kMessage = "text";

struct Made {
  const char* name;
  const char* algorithm;
  const char* residency;
};
constexpr Made kMade[] = {{"held/one", "xaes-256-gcm", "token"},
                          {"held/two", "aes-256-gcm-counted", "token"},
                          {"held/mac", "hmac-sha256", "token"},
                          {"held/rsa", "rsa-2048-pss-sha256", "token"},
                          {"held/ec", "ecdsa-p256-sha256", "token"},
                          {"held/ed", "ed25519", "token"},
                          {"wrapped/one", "xaes-256-gcm", "wrapped"},
                          {"wrapped/mac", "hmac-sha256", "wrapped"},
                          {"wrapped/rsa", "rsa-2048-pss-sha256", "wrapped"},
                          {"wrapped/ec", "ecdsa-p256-sha256", "wrapped"}};

// What is in use within operations of more than one call.
const std::string kWorkers[] = {"held/one's message key",
                                "held/two#",
                                "held/mac#",
                                "held/rsa#",
                                "held/ec#",
                                "held/ed#",
                                "wrapped/one's message key",
                                "wrapped/mac#",
                                "wrapped/rsa#",
                                "wrapped/ec#",
                                "keyward/mac-key/v1/audit-context"};

bool seals(const Made& key) {
  return std::string_view(key.algorithm).find("gcm") != std::string::npos;
}
bool macs(const Made& key) { return std::string_view(key.algorithm).starts_with("hmac"); }

// Where SoftHSM is. The shim stands in front of it: slowed down, a key is in the clear for longer.
enum class Place { InAnotherProcess, InTheService };

struct PlacedSandbox : whole::Sandbox {
  explicit PlacedSandbox(Place place) {
    const bool is_elsewhere = place == Place::InAnotherProcess;
    REQUIRE(stop() == 0);
    edit("keyward.yaml", kSoftHsmModule, is_elsewhere ? KEYWARD_REMOTE_PATH : KEYWARD_SHIM_PATH);
    write("rules", "");
    serve({{"KEYWARD_REMOTE_MODULE", KEYWARD_SHIM_PATH},
           {"KEYWARD_SHIM_MODULE", kSoftHsmModule},
           {"KEYWARD_SHIM_RULES_FILE", path("rules")}});
    for (const Made& each : kMade) make(each.name, each.algorithm, each.residency);
    rotate("held/one");
    rotate("wrapped/mac");
    keep_blobs();
    know();
  }

  void slow_down() const {
    write("rules.next", "delay C_Encrypt * 200ms; delay C_Decrypt * 200ms; delay C_Sign * 200ms\n");
    std::filesystem::rename(*this / "rules.next", *this / "rules");
  }

  void keep_blobs() {
    whole::Client app = client("app");
    for (const Made& each : kMade) {
      if (!seals(each)) continue;
      const json body = {{"key", each.name}, {"plaintext", base64(kMessage)}};
      blobs[each.name] = ask(app, "wrap", body).body["blob"];
    }
  }

  void make(const std::string& name, const std::string& algorithm, const std::string& residency) {
    const whole::Reply made = client("admin").post(
        "/v1/keys", {{"name", name}, {"algorithm", algorithm}, {"residency", residency}});
    INFO(name << ": " << made.text);
    REQUIRE(made.status == 201);
  }

  void rotate(const std::string& name) {
    REQUIRE(client("admin").post("/v1/keys/" + name + ":rotate", json::object()).status == 200);
  }

  static whole::Reply ask(whole::Client& app, const std::string& path, const json& body) {
    whole::Reply reply = app.post("/v1/" + path, body);
    INFO(path << " " << body.value("key", "") << ": " << reply.text);
    REQUIRE(reply.status == 200);
    return reply;
  }

  bool can_sign() const {
    const json body = {{"key", "held/ec"}, {"message", base64(kMessage)}};
    return client("app").post("/v1/sign", body).status == 200;
  }

  // One operation with each key; and a context's MAC for the log.
  void use_each() const {
    whole::Client app = client("app");
    for (const Made& each : kMade) {
      if (seals(each)) {
        ask(app, "unwrap", {{"blob", blobs.at(each.name)}});
      } else {
        ask(app, macs(each) ? "mac" : "sign", message_for(each));
      }
    }
    ask(app, "data-key", {{"key", "held/one"}, {"bytes", 32}, {"context", {{"tenant", "7"}}}});
  }

  // All that can be done with all keys.
  void work() const {
    use_each();
    whole::Client app = client("app");
    for (const Made& each : kMade) {
      if (seals(each)) {
        const json body = {{"key", each.name}, {"plaintext", base64(kMessage)}};
        ask(app, "unwrap", {{"blob", ask(app, "wrap", body).body["blob"]}});
        ask(app, "rewrap", {{"blob", blobs.at(each.name)}});
      } else if (macs(each)) {
        json body = message_for(each);
        body["mac"] = ask(app, "mac", body).body["mac"];
        ask(app, "verify-mac", body);
      }
    }
  }

  static json message_for(const Made& key) {
    return {{"key", key.name}, {"message", base64(kMessage)}};
  }

  // The same, and now and then another key with two versions: those of known value stay in use.
  void work_and_change() {
    work();
    if (++rounds % 5 != 0) return;
    const Made& like = kMade[rounds / 5 % std::size(kMade)];
    const std::string name = "more/" + std::to_string(rounds);
    make(name, like.algorithm, like.residency);
    rotate(name);
  }

  // The values of all keys that there are, and what they look like.
  void know() {
    const std::string pin = REQUIRE_OK(read_file(*this / "token/pin"));
    keys = keys_of_token(*this / "token/tokens", pin);
    for (KnownKey& each : keys_of_catalog(*this / "catalog.db", keys)) {
      keys.push_back(std::move(each));
    }
    needles.clear();
    for (const KnownKey& key : keys) {
      for (const auto& [part, value] : key.parts) add(key.label + " " + part, value);
    }
    // What the token derives from them: the keys of two messages, and those that MAC.
    for (const char* const name : {"held/one", "wrapped/one"}) {
      const Blob blob = blob_of(name);
      add(std::string(name) + "'s message key",
          text_of(test::xaes_oracle::derive_key(as_bytes(value_of(blob.label)), blob.nonce)));
    }
    const ByteView service = as_bytes(value_of("keyward/service#1"));
    for (const char* const label :
         {"keyward/mac-key/v1/audit-context", "keyward/mac-key/v1/catalog"}) {
      const Bytes data = test::signature_oracle::hash("SHA256", as_bytes(std::string_view(label)));
      add(label, text_of(test::xaes_oracle::aes_block(service, data)));
    }
    std::cout << keys.size() << " keys of known value, in " << needles.size() << " forms\n";
  }

  void add(const std::string& name, const std::string& value) {
    for (Needle& each : needles_of(name, value)) needles.push_back(std::move(each));
  }

  static std::string text_of(const Bytes& bytes) { return std::string(as_text(bytes)); }

  // What docs/envelope-format.md says of a blob that was made without a context.
  struct Blob {
    std::string label;
    Bytes nonce;
    Bytes sealed;
    Bytes associated;
  };
  Blob blob_of(const std::string& name) const {
    const std::string bytes = whole::from_base64url(blobs.at(name));
    const bool counted = bytes[4] == 2;
    const std::size_t nonce = counted ? 12 : 24;
    Blob blob{name + "#" + std::to_string(bytes[25]), to_bytes(as_bytes(bytes.substr(26, nonce))),
              to_bytes(as_bytes(bytes.substr(26 + nonce))),
              to_bytes(as_bytes(std::string_view("keyward/blob/v1\0", 16)))};
    append(blob.associated, as_bytes(bytes.substr(0, 26)));
    append(blob.associated, Bytes(2));
    return blob;
  }

  const std::string& value_of(const std::string& label) const {
    return find_known(keys, label).parts.at("VALUE");
  }

  // The values are those in use: OpenSSL opens with them, and makes the MACs and the public halves
  // that the service does.
  void require_in_use() {
    whole::Client app = client("app");
    for (const Made& each : kMade) {
      INFO(each.name);
      const std::string name = each.name;
      if (seals(each)) {
        const Blob blob = blob_of(name);
        const ByteView key = as_bytes(value_of(blob.label));
        const auto opened =
            blob.nonce.size() == 12
                ? test::gcm_oracle::open(key, blob.nonce, blob.sealed, blob.associated)
                : test::xaes_oracle::open(key, blob.nonce, blob.sealed, blob.associated);
        REQUIRE(opened);
        REQUIRE(text_of(*opened) == kMessage);
      } else if (macs(each)) {
        const whole::Reply mac = ask(app, "mac", {{"key", name}, {"message", base64(kMessage)}});
        const std::string label = name + "#" + std::to_string(mac.body["version"].get<int>());
        const Bytes made =
            test::kwp_oracle::hmac("SHA256", as_bytes(value_of(label)), as_bytes(kMessage));
        REQUIRE(text_of(made) == whole::from_base64(mac.body["mac"]));
      } else {
        const whole::Reply published = app.get("/v1/keys/" + name + ":public");
        REQUIRE(published.status == 200);
        REQUIRE(is_pair(find_known(keys, name + "#1"), whole::der_of(published.text)));
      }
    }
  }

  int rounds = 0;
  std::map<std::string, std::string> blobs;  // one of each key that seals
  std::vector<KnownKey> keys;
  std::vector<Needle> needles;
};

// How many of the workers were seen, in whatever form. Keys that derive or wrap are in the clear
// within one call, and not waited for.
std::size_t workers_in(const std::set<std::string>& found) {
  const auto was_seen = [&](const std::string& name) {
    const auto at = found.lower_bound(name);
    return at != found.end() && at->starts_with(name);
  };
  return static_cast<std::size_t>(std::ranges::count_if(kWorkers, was_seen));
}

std::set<std::string> names_of(const std::set<std::string>& forms) {
  std::set<std::string> names;
  for (const std::string& each : forms) names.insert(each.substr(0, each.find(',')));
  return names;
}

// What a scan sees where the token is, while calls in it are slow.
void check_shows(const PlacedSandbox& sandbox, pid_t process, const char* what,
                 std::size_t wanted) {
  const auto is_enough = [&](const std::set<std::string>& found) {
    return workers_in(found) >= wanted;
  };
  sandbox.slow_down();
  std::set<std::string> seen;
  const int rounds = work_during(
      [&](const std::stop_token& stop) {
        seen = scan_until(process, sandbox.needles, is_enough, stop);
      },
      [&] { sandbox.use_each(); });
  std::cout << "seen in " << what << " during " << rounds << " rounds of requests:\n";
  for (const std::string& each : names_of(seen)) std::cout << "  " << each << "\n";
  CHECK(is_enough(seen));
}

}  // namespace

TEST_CASE("memory: a value is found by its forms in longer texts", "[residency][memory]") {
  const std::string value = "a secret that has thirty-two byt";
  const std::vector<Needle> forms = needles_of("it", value);
  const auto finds = [&](const std::string& form, const std::string& text) {
    const auto at = std::ranges::find(forms, "it, " + form, &Needle::form);
    return at != forms.end() && text.find(at->bytes) != std::string::npos;
  };
  CHECK(finds("base64 at 0", base64(value + "..")));
  CHECK(finds("base64 at 1", base64("." + value + ".")));
  CHECK(finds("base64 at 2", base64("....." + value)));
  CHECK(finds("base64url at 1", whole::base64url("...." + value)));
  CHECK(finds("hex", to_hex(as_bytes("." + value))));
  CHECK(finds("words of 4 reversed", ".es atercaht ah tht sytriowt-tyb ."));
  CHECK(finds("reversed", ".tyb owt-ytriht sah taht terces a"));
}

TEST_CASE("memory: keys of a token in another process are nowhere in the service",
          "[residency][memory]") {
  PlacedSandbox sandbox(Place::InAnotherProcess);
  sandbox.require_in_use();
  mark(sandbox, "held/marked");
  const pid_t service = sandbox.server().pid();
  const pid_t host = child_of(service);
  std::vector<Scan> scans;
  const int rounds = work_during(
      [&](const std::stop_token& stop) {
        scans = scan_again_and_again(service, with_marker(sandbox.needles), stop);
      },
      [&] { sandbox.work_and_change(); });
  std::cout << rounds << " rounds of requests meanwhile\n";
  if (!scans.front().was_allowed) {
    WARN("only root may read the service's memory");
    return;
  }
  check_service(scans);

  // The token's process dies, and the service heals with another one.
  REQUIRE(::kill(host, SIGKILL) == 0);
  REQUIRE(whole::comes_true([&] { return sandbox.can_sign(); }));
  const pid_t next_host = child_of(service);
  CHECK(next_host != host);

  // The keys that were made meanwhile, too; and the token's process shows what is in use.
  sandbox.know();
  check_service({scan_process(service, with_marker(sandbox.needles))});
  check_shows(sandbox, next_host, "the token's process", std::size(kWorkers));

  CHECK(scan_process(::getpid(), sandbox.needles).found.size() == sandbox.needles.size());
  check_after_crash(sandbox, sandbox.needles, sandbox / "token/tokens");
  const std::string host_program = "/proc/" + std::to_string(next_host) + "/exe";
  CHECK(whole::comes_true([&] { return !std::filesystem::exists(host_program); }));
}

TEST_CASE("memory: keys of a token in the service's own process are seen there",
          "[residency][memory][within]") {
  PlacedSandbox sandbox(Place::InTheService);
  sandbox.require_in_use();
  if (!scan_process(sandbox.server().pid(), {}).was_allowed) {
    WARN("only root may read the service's memory");
    return;
  }
  constexpr std::size_t kSome = 5;  // a scan of the service takes longer than a key is in the clear
  check_shows(sandbox, sandbox.server().pid(), "the service", kSome);
}

}  // namespace kw::residency
