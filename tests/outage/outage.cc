// SPDX-License-Identifier: Apache-2.0
#include "outage.h"

#include <sys/resource.h>

#include "tests/support/expect.h"

namespace kw::outage {
namespace {

namespace fs = std::filesystem;

constexpr unsigned long kNoMore = 3;

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
}

void Outages::limit_descriptors(unsigned long most) {
  rlimit limit{};
  REQUIRE(::prlimit(sandbox_.server().pid(), RLIMIT_NOFILE, nullptr, &limit) == 0);
  limit.rlim_cur = std::min<rlim_t>(most, limit.rlim_max);
  REQUIRE(::prlimit(sandbox_.server().pid(), RLIMIT_NOFILE, &limit, nullptr) == 0);
}

void Outages::begin(Kind kind) {
  if (kind == Kind::Descriptors) return limit_descriptors(kNoMore);
  fs::rename(tokens(), kept());
  if (kind == Kind::OtherToken) fs::copy(other(), tokens(), fs::copy_options::recursive);
  if (kind == Kind::Emptied) copy_without_objects(kept(), tokens());
}

void Outages::end(Kind kind) {
  if (kind == Kind::Descriptors) return limit_descriptors(~0UL);
  if (fs::exists(tokens())) fs::rename(tokens(), sandbox_ / "token/gone");
  fs::rename(kept(), tokens());
  fs::remove_all(sandbox_ / "token/gone");
}

}  // namespace kw::outage
