// SPDX-License-Identifier: Apache-2.0
// NSS softokn, which gives non-extractable keys away. From the package libnss3; its database is
// made with certutil.
#include <cstdlib>

#include "base/file.h"
#include "service/doctor/doctor.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::doctor {
namespace {

constexpr const char* kSoftokn = "/usr/lib/x86_64-linux-gnu/libsoftokn3.so";

// A fresh key database with the PIN 1234.
Options make_database(const test::TempDir& folder) {
  const std::string directory = folder.path().string();
  REQUIRE_OK(write_file(folder / "pin", "1234"));
  const std::string make = "certutil -N -d sql:" + directory + " -f " + directory + "/pin";
  REQUIRE(std::system(make.c_str()) == 0);  // NOLINT(concurrency-mt-unsafe): one thread
  Options options;
  options.module = kSoftokn;
  options.parameters = "configdir='sql:" + directory +
                       "' certPrefix='' keyPrefix='' secmod='' flags= dbTokenDescription='nss'";
  options.token_uri = "pkcs11:token=nss";
  options.pin = Secret::copy_of(as_bytes("1234"));
  options.slice = std::chrono::duration<double>(0.003);
  return options;
}

}  // namespace

TEST_CASE("doctor: finds NSS softokn unfit, because it gives keys away", "[doctor][nss]") {
  const test::TempDir folder;
  const Report report = REQUIRE_OK(examine(make_database(folder), [](const std::string&) {}));
  CHECK(report.verdict == token_profile::Verdict::Unfit);
  REQUIRE_FALSE(report.reasons.empty());
  INFO(to_table(report));
  CHECK(report.reasons[0].find("marked as not extractable") != std::string::npos);
  CHECK(report.reasons[0].find("outside in clear") != std::string::npos);
  CHECK_FALSE(to_profile(report).check_fit(report.identity));
}

TEST_CASE("doctor: NSS softokn cannot be opened without its parameters", "[doctor][nss]") {
  const test::TempDir folder;
  Options options = make_database(folder);
  options.parameters.clear();
  CHECK_FALSE(examine(std::move(options), [](const std::string&) {}));
}

}  // namespace kw::doctor
