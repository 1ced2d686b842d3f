// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "audit_fixture.h"
#include "service/audit_sinks/transport.h"

namespace kw::test {

// The bytes are those of systemd.io/JOURNAL_NATIVE_PROTOCOL: a value with a newline has its length
// in front, 64 bits, little-endian.
TEST_CASE_METHOD(AuditFixture, "audit sinks: a caller cannot forge a journal's field",
                 "[sinks][journald]") {
  append_durably(*open(), a_wrap("a\nPRIORITY=0"));
  const auto journald = audit_sinks::make_journald({});
  std::string entry;
  REQUIRE_OK(audit_verify::read_records(dir.path(), 1, [&](const auto& record) {
    entry = journald->encode(record);
    return false;
  }));
  const std::string caller("KEYWARD_CALLER\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n", 15 + 8 + 12 + 1);
  CHECK(entry.find(caller) != std::string::npos);
  CHECK(entry.find("\nPRIORITY=6\n") != std::string::npos);
  CHECK(entry.find("\nKEYWARD_OPERATION=wrap\n") != std::string::npos);
  CHECK(entry.find("MESSAGE={\"index\":1,") == 0);
}

}  // namespace kw::test
