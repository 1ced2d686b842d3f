// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>

#include "audit_fixture.h"
#include "call.h"

namespace kw::test {

// A log of several segments, and its folder as words of a command line.
struct LogFixture : AuditFixture {
  LogFixture() { options.segment_size = 3000; }

  // Appends `count` records, with a start before and a stop after them.
  void write(int count, const audit::Record& record = a_wrap()) {
    const auto log = open();
    for (int i = 0; i < count; ++i) append_durably(*log, record);
  }

  std::string folder() const { return dir.path().string(); }

  Outcome audit(const std::string& verb, std::vector<std::string> words = {}) const {
    words.insert(words.begin(), {"audit", verb, folder()});
    return call(words);
  }

  // Flips a bit in the middle of a segment.
  void damage(std::size_t segment) const {
    const auto path = segments().at(segment);
    std::string content = REQUIRE_OK(read_file(path));
    char& byte = content[content.size() / 2];
    byte = static_cast<char>(byte ^ 1);
    // In place: as another file it would have other rights.
    std::ofstream(path, std::ios::binary) << content;
  }
};

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

inline audit::Record a_refusal(const std::string& caller) {
  audit::Record record = a_wrap(caller);
  record.operation = "unwrap";
  record.outcome = audit::Outcome::PermissionDenied;
  record.reason = audit::Reason::NoRuleAllows;
  return record;
}

}  // namespace kw::test
