// SPDX-License-Identifier: Apache-2.0
#include "service/witness/cosigning_key.h"

#include <sys/stat.h>

#include "base/file.h"
#include "service/audit_verify/checkpoint.h"
#include "service/audit_verify/cosignature.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::witness {
namespace {

using audit_verify::CosignerKey;
using Claim = CosignerKey::Cosignature::Claim;

// The witness key of litewitness' tests, and what Python's `cryptography` signs with it as C2SP
// tlog-cosignature says.
constexpr const char* kPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIDH/whFuy+ADrKqACrcHV719UyBuP+vvam0HltlVMLNP\n"
    "-----END PRIVATE KEY-----\n";
constexpr const char* kVkey =
    "example.com/witness+10a1c019+BGSEitir7W6FmBs7OHWyUrh2frtLAvcDrKOx5xu9ao5Q";
constexpr std::uint64_t kTime = 1679315147;
constexpr const char* kText =
    "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562\n1\n"
    "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
const std::string kLine =
    "\u2014 example.com/witness "
    "EKHAGQAAAABkGFDL6nT3tdWsnr60QRZM37d3Muo2MeCQf6qCeVmIcJczUPW+0wqqcKXK"
    "PaU7yt6vRIaGiaTt8vwiEciBIHFemInCDA==";

Result<CosigningKey> known_key(const std::filesystem::path& folder) {
  REQUIRE_OK(write_file(folder / "key", kPem, 0600));
  return CosigningKey::open(folder, "example.com/witness");
}

}  // namespace

TEST_CASE("cosigning key: signs what another implementation signs", "[witness]") {
  const test::TempDir folder;
  const CosigningKey key = REQUIRE_OK(known_key(folder.path()));
  CHECK(key.verifier_key() == kVkey);
  CHECK(key.cosign(kText, kTime) == kLine + "\n");
  CHECK(REQUIRE_OK(read_file(folder / "vkey")) == std::string(kVkey) + "\n");
}

TEST_CASE("cosigner key: believes it, and nothing that differs by a bit", "[witness][verify]") {
  const CosignerKey key = REQUIRE_OK(CosignerKey::parse(kVkey));
  CHECK(key.name() == "example.com/witness");
  const auto good = key.check(kLine, kText);
  CHECK(good.claim == Claim::Good);
  CHECK(good.time == kTime);
  CHECK(key.check(kLine, std::string("x") + kText).claim == Claim::Bad);
  for (std::size_t at = kLine.rfind(' ') + 8; at < kLine.size() - 3; ++at) {
    std::string other = kLine;
    other[at] = other[at] == 'A' ? 'B' : 'A';
    CHECK(key.check(other, kText).claim == Claim::Bad);
  }
  std::string other_id = kLine;
  other_id[kLine.rfind(' ') + 1] = 'A';
  CHECK(key.check(other_id, kText).claim == Claim::Others);
  CHECK(key.check("\u2014 example.com/other" + kLine.substr(kLine.rfind(' ')), kText).claim ==
        Claim::Others);
}

TEST_CASE("cosigner key: a text that is none is refused", "[witness][verify][negative]") {
  const std::string vkey = kVkey;
  CHECK(CosignerKey::parse(vkey + "\n"));
  for (const std::string& bad :
       {std::string(), std::string("example.com/witness"), vkey + "=", "+" + vkey, "x" + vkey,
        vkey.substr(0, vkey.size() - 4), "a b" + vkey.substr(vkey.find('+')),
        // The same key as type 01: not what a witness signs with.
        std::string("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")}) {
    INFO(bad);
    CHECK_CODE(CosignerKey::parse(bad), Code::InvalidArgument);
  }
}

TEST_CASE("cosigner key: finds the newest cosignature in a note", "[witness][verify]") {
  const CosignerKey key = REQUIRE_OK(CosignerKey::parse(kVkey));
  const std::string note = std::string(kText) + "\n\u2014 a.b AAAAAAAA\n" + kLine + "\n";
  const auto found = REQUIRE_OK(find_cosignature(key, note));
  CHECK(found.size == 1);
  CHECK(found.time == kTime);
  CHECK_CODE(find_cosignature(key, std::string(kText) + "\n\u2014 a.b AAAAAAAA\n"), Code::NotFound);
  std::string forged = note;
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  CHECK_CODE(find_cosignature(key, forged), Code::InvalidArgument);
  CHECK_CODE(find_cosignature(key, note + "no line\n"), Code::InvalidArgument);
}

TEST_CASE("verifier key: believes the example of C2SP signed-note", "[verify]") {
  const auto key = REQUIRE_OK(audit_verify::VerifierKey::parse(
      "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"));
  const std::string text = "This is an example message.\n";
  const std::string line =
      "\u2014 example.com/foo "
      "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFX"
      "mRKuwHjG1Yu72IneyaQM=";
  using KeyClaim = audit_verify::VerifierKey::Claim;
  CHECK(key.check(line, text) == KeyClaim::Good);
  CHECK(key.check(line, text + "x") == KeyClaim::Bad);
}

TEST_CASE("cosigning key: is made once, for its owner alone, and stays", "[witness]") {
  const test::TempDir folder;
  const CosigningKey made = REQUIRE_OK(CosigningKey::open(folder.path(), "w.example/1"));
  struct stat status {};
  REQUIRE(::stat((folder / "key").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const CosigningKey again = REQUIRE_OK(CosigningKey::open(folder.path(), ""));
  CHECK(again.verifier_key() == made.verifier_key());
  const CosignerKey key = REQUIRE_OK(CosignerKey::parse(made.verifier_key()));
  std::string line = again.cosign(kText, kTime);
  line.pop_back();
  CHECK(key.check(line, kText).claim == Claim::Good);
  std::filesystem::remove(folder / "vkey");  // a first start that was cut short
  CHECK(REQUIRE_OK(CosigningKey::open(folder.path(), "w.example/1")).verifier_key() ==
        made.verifier_key());
}

TEST_CASE("cosigning key: what does not fit is refused", "[witness][negative]") {
  const test::TempDir folder;
  const auto open = [&](const char* name) { return CosigningKey::open(folder.path(), name); };
  for (const char* const name : {"", "a b", "a+b", "w\n", "\xc3\xbc"}) {
    CHECK_CODE(open(name), Code::InvalidArgument);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "key"));
  REQUIRE_OK(open("w"));
  CHECK_CODE(open("another"), Code::InvalidArgument);
  SECTION("others may read it") {
    std::filesystem::permissions(folder / "key", std::filesystem::perms(0640));
    CHECK_CODE(open("w"), Code::FailedPrecondition);
  }
  SECTION("the key is gone") {
    std::filesystem::remove(folder / "key");
    CHECK_CODE(open("w"), Code::FailedPrecondition);
  }
  SECTION("the key is another's") {
    REQUIRE_OK(write_file(folder / "key", kPem, 0600));
    CHECK_CODE(open("w"), Code::FailedPrecondition);
  }
  SECTION("the key is none") {
    REQUIRE_OK(write_file(folder / "key", "none", 0600));
    CHECK_CODE(open("w"), Code::FailedPrecondition);
  }
}

}  // namespace kw::witness
