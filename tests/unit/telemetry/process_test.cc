// SPDX-License-Identifier: Apache-2.0
#include "service/telemetry/process.h"

#include <fcntl.h>

#include <vector>

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::telemetry {

TEST_CASE("process: counts the descriptors that are open", "[telemetry][process]") {
  const double before = REQUIRE_OK(read_process_use()).open_descriptors;
  CHECK(before >= 3);
  const test::TempDir folder;
  REQUIRE_OK(write_file(folder / "a", ""));
  std::vector<FileDescriptor> open;
  for (int i = 0; i < 10; ++i) open.emplace_back(::open((folder / "a").c_str(), O_RDONLY));
  const ProcessUse use = REQUIRE_OK(read_process_use());
  CHECK(use.open_descriptors == before + 10);
  CHECK(use.most_descriptors >= use.open_descriptors);
}

TEST_CASE("process: memory and processor time are of this process", "[telemetry][process]") {
  const ProcessUse before = REQUIRE_OK(read_process_use());
  const std::vector<char> touched(64u << 20, 'x');
  const ProcessUse after = REQUIRE_OK(read_process_use());
  CHECK(touched.back() == 'x');
  CHECK(after.resident_bytes - before.resident_bytes > (60 << 20));
  CHECK(after.cpu_seconds >= before.cpu_seconds);
  CHECK(after.cpu_seconds < 3600);
}

TEST_CASE("process: resident pages stand second", "[telemetry][process]") {
  CHECK(REQUIRE_OK(parse_resident_pages("1234 567 89 1 0 2 0\n")) == 567);
  for (const char* bad : {"", "1", "1 ", "1 x 2", "1 2", "1 -2 3", "1  2 3"}) {
    INFO(bad);
    CHECK_CODE(parse_resident_pages(bad), Code::InvalidArgument);
  }
}

TEST_CASE("process: is described under the names that every dashboard knows",
          "[telemetry][process]") {
  Page page;
  describe_process(page, WallTime(std::chrono::seconds(7)));
  const std::string text = page.text();
  CHECK(text.find("\nprocess_start_time_seconds 7\n") != std::string::npos);
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_open_fds", "process_max_fds"}) {
    INFO(name);
    CHECK(text.find("\n" + std::string(name) + " ") != std::string::npos);
  }
}

}  // namespace kw::telemetry
