// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "tests/whole/sandbox.h"

namespace kw::outage {

// What happens to the token.
enum class Kind {
  FolderMoved,  // the folder goes and comes back
  OtherToken,   // another token with the same label and PIN stands there meanwhile
  Emptied,      // the same token, without its objects: initialized by somebody
  Descriptors,  // the server cannot open a file any more
  Blink,        // the folder goes and is back at once: nothing shows that it went
  Hang,         // a call for each thread does not come back before it ends, all others do
};
inline constexpr int kKinds = 6;
inline constexpr int kHanging = 2;  // calls of a Hang
std::string name_of(Kind kind);

// Outages take the token of a sandbox away and give it back.
class Outages {
 public:
  // Makes the other token, and starts the server anew, behind the shim: it has another address. The
  // sandbox must outlive it.
  explicit Outages(whole::Sandbox& sandbox);

  void begin(Kind kind);
  void end(Kind kind);

  // No call comes back that a request needs, until the hang's end.
  void hang_all();

  // What a supervisor does when the server has ended.
  void start();

 private:
  void steer(const std::string& rules);
  void limit_descriptors(unsigned long most);
  std::filesystem::path tokens() const { return sandbox_ / "token/tokens"; }
  std::filesystem::path kept() const { return sandbox_ / "token/kept"; }
  std::filesystem::path other() const { return sandbox_ / "token/other"; }

  whole::Sandbox& sandbox_;
};

}  // namespace kw::outage
