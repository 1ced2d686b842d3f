// SPDX-License-Identifier: Apache-2.0
#include "outage.h"

#include <sys/resource.h>

#include "tests/support/expect.h"

namespace kw::outage {
namespace {

namespace fs = std::filesystem;

constexpr unsigned long kNoMore = 3;
constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";
constexpr const char* kRules = "rules";

// One of each, counted from when the rules come: requests alone make these calls.
constexpr const char* kTwoHang = "hang C_Encrypt 1;hang C_Decrypt 1\n";
constexpr const char* kAllHang =
    "hang C_FindObjectsInit *;hang C_GetAttributeValue *;hang C_DeriveKey *;hang C_DestroyObject *;"
    "hang C_Encrypt *;hang C_Decrypt *;hang C_Sign *;hang C_GenerateRandom *\n";

// The same token as a re-initialisation leaves it: it says who it is, and holds nothing.
void copy_without_objects(const fs::path& from, const fs::path& to) {
  for (const auto& token : fs::directory_iterator(from)) {
    if (!token.is_directory()) continue;
    const fs::path copy = to / token.path().filename();
    fs::create_directories(copy);
    for (const char* const name : {"token.object", "token.lock", "generation"}) {
      fs::copy_file(token.path() / name, copy / name);
    }
  }
}

}  // namespace

std::string name_of(Kind kind) {
  switch (kind) {
    case Kind::FolderMoved:
      return "folder moved";
    case Kind::OtherToken:
      return "other token";
    case Kind::Emptied:
      return "emptied";
    case Kind::Descriptors:
      return "descriptors";
    case Kind::Blink:
      return "blink";
    case Kind::Hang:
      return "hang";
  }
  return "";
}

Outages::Outages(whole::Sandbox& sandbox) : sandbox_(sandbox) {
  fs::create_directories(other());
  const std::string settings = sandbox.path("token/other.conf");
  sandbox.write("token/other.conf",
                "directories.tokendir = " + other().string() + "\nobjectstore.backend = file\n");
  const std::string pin = REQUIRE_OK(read_file(sandbox / "token/pin"));
  const whole::Outcome made =
      whole::run({"/usr/bin/softhsm2-util", "--init-token", "--free", "--label", "keyward",
                  "--so-pin", "0000-other", "--pin", pin.substr(0, pin.find('\n'))},
                 {{"SOFTHSM2_CONF", settings}});
  INFO(made.out << made.err);
  REQUIRE(made.exit == 0);
  REQUIRE(sandbox.stop() == 0);
  const std::string line = "  module: ";
  sandbox.edit("keyward.yaml", line + kModule, line + KEYWARD_SHIM_PATH + "\n  hung_after: 500ms");
  sandbox.edit("keyward.yaml", "request_deadline: 30s", "request_deadline: 2s");
  steer("");
  start();
}

void Outages::start() {
  sandbox_.dev(
      {{"KEYWARD_SHIM_MODULE", kModule}, {"KEYWARD_SHIM_RULES_FILE", sandbox_.path(kRules)}});
}

// Whole: the server may read it at any time.
void Outages::steer(const std::string& rules) {
  sandbox_.write("rules.next", rules);
  fs::rename(sandbox_ / "rules.next", sandbox_ / kRules);
}

void Outages::hang_all() { steer(kAllHang); }

void Outages::limit_descriptors(unsigned long most) {
  rlimit limit{};
  REQUIRE(::prlimit(sandbox_.server().pid(), RLIMIT_NOFILE, nullptr, &limit) == 0);
  limit.rlim_cur = std::min<rlim_t>(most, limit.rlim_max);
  REQUIRE(::prlimit(sandbox_.server().pid(), RLIMIT_NOFILE, &limit, nullptr) == 0);
}

void Outages::begin(Kind kind) {
  if (kind == Kind::Descriptors) return limit_descriptors(kNoMore);
  if (kind == Kind::Hang) return steer(kTwoHang);
  fs::rename(tokens(), kept());
  if (kind == Kind::OtherToken) fs::copy(other(), tokens(), fs::copy_options::recursive);
  if (kind == Kind::Emptied) copy_without_objects(kept(), tokens());
}

void Outages::end(Kind kind) {
  if (kind == Kind::Descriptors) return limit_descriptors(~0UL);
  if (kind == Kind::Hang) return steer("");
  if (fs::exists(tokens())) fs::rename(tokens(), sandbox_ / "token/gone");
  fs::rename(kept(), tokens());
  fs::remove_all(sandbox_ / "token/gone");
}

}  // namespace kw::outage
