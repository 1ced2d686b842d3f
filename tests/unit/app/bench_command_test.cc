// SPDX-License-Identifier: Apache-2.0
// `keyward bench` as a user runs it. Nothing here looks at how fast anything is.
#include <csignal>
#include <nlohmann/json.hpp>

#include "process.h"
#include "tests/support/expect.h"

namespace kw::test {
namespace {

namespace fs = std::filesystem;

// The server's sandbox has come to be.
bool serves(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (fs::exists(entry.path() / "service" / "url", ignored)) return true;
  }
  return false;
}

std::vector<std::string> long_run(const fs::path& folder) {
  return {"bench", "--seconds", "600", "--dir", folder.string()};
}

bool is_positive(const nlohmann::json& object, const char* name) {
  return object.at(name).get<double>() > 0;
}

}  // namespace

TEST_CASE("bench: what it finds comes as JSON, and nothing stays", "[app][bench]") {
  const TempDir folder;
  Process bench({"bench", "--op", "sign-p-256", "--op", "wrap", "--connections", "1,3", "--seconds",
                 "0.1", "--json", "--dir", folder.path().string()});
  const int exit = bench.wait();
  INFO(bench.err());
  REQUIRE(exit == 0);
  CHECK(bench.err().empty());
  CHECK(fs::is_empty(folder.path()));
  CHECK(processes_in(folder.path()) == 0);

  const auto report = nlohmann::json::parse(bench.out());
  CHECK(report.at("rounds") == 3);
  CHECK(is_positive(report.at("fdatasync"), "calls"));
  const auto& lines = report.at("lines");
  REQUIRE(lines.size() == 4);
  CHECK(lines[0].at("operation") == "wrap");
  CHECK(lines[1].at("connections") == 3);
  CHECK(lines[2].at("operation") == "sign-p-256");
  for (const auto& line : lines) {
    for (const char* side : {"service", "raw"}) {
      for (const char* figure : {"calls", "per_second", "p50_us", "p99_us", "cpu_us"}) {
        INFO(line.dump() << side << figure);
        CHECK(is_positive(line.at(side), figure));
      }
    }
    CHECK(is_positive(line, "ratio"));
    CHECK(line.at("ratio_lowest") <= line.at("ratio"));
    CHECK(line.at("ratio_highest") >= line.at("ratio"));
  }
}

TEST_CASE("bench: people get a table with a line for each figure", "[app][bench]") {
  const TempDir folder;
  Process bench({"bench", "--connections", "2", "--seconds", "0.05", "--dir", folder.path()});
  REQUIRE(bench.wait() == 0);
  const std::string out = bench.out();
  for (const char* operation : {"\nwrap ", "\nunwrap ", "\nsign-rsa-2048 ", "\nsign-p-256 "}) {
    INFO(out);
    CHECK(out.find(operation) != std::string::npos);
  }
  CHECK(out.find("fdatasync p50") != std::string::npos);
}

TEST_CASE("bench: a wrong option is a usage error that names it", "[app][bench]") {
  const auto words = GENERATE(table<std::string, std::string>({{"--seconds", "0"},
                                                               {"--seconds", "4000"},
                                                               {"--seconds", "soon"},
                                                               {"--seconds", "1s"},
                                                               {"--seconds", "nan"},
                                                               {"--connections", "0"},
                                                               {"--connections", ""},
                                                               {"--connections", "1,,2"},
                                                               {"--connections", "1,"},
                                                               {"--connections", "1025"},
                                                               {"--connections", "-1"},
                                                               {"--op", "verify"},
                                                               {"--rounds", "3"}}));
  Process bench({"bench", std::get<0>(words), std::get<1>(words)});
  INFO(std::get<0>(words) << " " << std::get<1>(words));
  CHECK(bench.wait() == 2);
  CHECK(bench.err().find(std::get<0>(words)) != std::string::npos);
  CHECK(bench.out().empty());
}

TEST_CASE("bench: a folder that is not there is an error", "[app][bench][fault]") {
  const TempDir folder;
  Process bench({"bench", "--dir", folder / "missing"});
  CHECK(bench.wait() == 1);
  CHECK(bench.err().find("missing") != std::string::npos);
}

TEST_CASE("bench: told to stop, it removes all and ends its server", "[app][bench][fault]") {
  const TempDir folder;
  Process bench(long_run(folder.path()));
  REQUIRE(eventually([&] { return serves(folder.path()); }));
  bench.kill(GENERATE(SIGTERM, SIGINT));
  CHECK(bench.wait() == 1);
  CHECK(bench.err() == "keyward bench: stopped\n");
  CHECK(fs::is_empty(folder.path()));
  CHECK(processes_in(folder.path()) == 0);
}

TEST_CASE("bench: killed, it leaves no server behind", "[app][bench][fault]") {
  const TempDir folder;
  Process bench(long_run(folder.path()));
  REQUIRE(eventually([&] { return serves(folder.path()); }));
  bench.kill(SIGKILL);
  CHECK(bench.wait() == -SIGKILL);
  CHECK(eventually([&] { return processes_in(folder.path()) == 0; }));
}

}  // namespace kw::test
