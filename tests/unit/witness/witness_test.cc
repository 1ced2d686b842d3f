// SPDX-License-Identifier: Apache-2.0
#include "service/witness/witness.h"

#include <atomic>
#include <thread>

#include "base/file.h"
#include "tests/support/expect.h"
#include "tests/support/temp_dir.h"

namespace kw::witness {
namespace {

// The log, its signatures and its proofs are those of litewitness' own tests
// (FiloSottile/torchwood, made with sigsum-go): 1, 3 and 5 leaves.
constexpr const char* kOrigin =
    "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
constexpr const char* kLogKey =
    "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562+5202289b+"
    "Af/cLU2Y5BJNP+r3iMDC+av9eWCD0fBJVDfzAux5zxAP";
constexpr const char* kRoot1 = "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
constexpr const char* kRoot3 = "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=";
constexpr const char* kRoot5 = "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=";
constexpr const char* kSignature1 =
    "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=";
constexpr const char* kSignature3 =
    "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=";
constexpr const char* kSignature5 =
    "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=";
const std::string kProof1To3 =
    "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
const std::string kProof1To5 =
    "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=\n"
    "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

std::string text_of(int size, const std::string& root) {
  return std::string(kOrigin) + "\n" + std::to_string(size) + "\n" + root + "\n";
}

std::string note_of(int size, const std::string& root, const std::string& signature) {
  return text_of(size, root) + "\n\u2014 " + kOrigin + " " + signature + "\n";
}

std::string request(int old_size, const std::string& proof, const std::string& note) {
  return "old " + std::to_string(old_size) + "\n" + proof + "\n" + note;
}

const std::string kNote1 = note_of(1, kRoot1, kSignature1);
const std::string kNote3 = note_of(3, kRoot3, kSignature3);
const std::string kNote5 = note_of(5, kRoot5, kSignature5);

struct WitnessFixture {
  WitnessFixture() { open(); }
  void open() {
    witness.reset();
    witness = REQUIRE_OK(Witness::open(options));
  }
  int status(const std::string& body) { return witness->add_checkpoint(body).status; }
  std::string hash() const { return origin_hash(kOrigin); }

  // Whether an answer is one line that cosigns this text at this second.
  bool cosigns(const Verdict& verdict, const std::string& text) {
    const auto key = REQUIRE_OK(audit_verify::CosignerKey::parse(witness->verifier_key()));
    if (verdict.status != 200 || verdict.body.find('\n') != verdict.body.size() - 1) return false;
    const auto read = key.check(verdict.body.substr(0, verdict.body.size() - 1), text);
    return read.claim == audit_verify::CosignerKey::Cosignature::Claim::Good && read.time == now;
  }

  test::TempDir folder;
  std::uint64_t now = 1'700'000'000;
  WitnessOptions options{folder.path(), "w.example/1", {kLogKey}, [this] { return now; }};
  std::unique_ptr<Witness> witness;
};

}  // namespace

TEST_CASE_METHOD(WitnessFixture, "witness: judges litewitness' requests as the text says",
                 "[witness]") {
  CHECK(cosigns(witness->add_checkpoint(request(0, "", kNote1)), text_of(1, kRoot1)));
  std::string forged = kNote3;
  forged[forged.size() - 4] = 'x';
  CHECK(status(request(1, kProof1To3, forged)) == 403);
  std::string unknown = kNote3;
  for (const char* const end : {"562\n", "562 "}) {
    unknown.replace(unknown.find(std::string("309e") + end) + 6, 1, "3");
  }
  CHECK(status(request(1, kProof1To3, unknown)) == 404);
  CHECK(status(request(1, "", kNote3)) == 422);
  std::string other_proof = kProof1To3;
  other_proof[other_proof.size() - 4] = 'B';
  CHECK(status(request(1, other_proof, kNote3)) == 422);
  CHECK(cosigns(witness->add_checkpoint(request(1, kProof1To3, kNote3)), text_of(3, kRoot3)));
}

TEST_CASE_METHOD(WitnessFixture, "witness: a known size that is another's is a conflict",
                 "[witness]") {
  CHECK(status(request(0, "", kNote1)) == 200);
  CHECK(status(request(1, kProof1To5, kNote5)) == 200);
  for (const std::string& body : {request(0, "", kNote5), request(1, kProof1To3, kNote3),
                                  request(3, "", kNote3), request(0, "", kNote1)}) {
    const Verdict verdict = witness->add_checkpoint(body);
    CHECK(verdict.status == 409);
    CHECK(verdict.content_type == "text/x.tlog.size");
    CHECK(verdict.body == "5\n");
  }
  now += 7;
  CHECK(cosigns(witness->add_checkpoint(request(5, "", kNote5)), text_of(5, kRoot5)));
}

TEST_CASE_METHOD(WitnessFixture, "witness: signatures of others change nothing", "[witness]") {
  const std::string other = "\u2014 somebody.else AAAAAAAA\n";
  const std::string alike = "\u2014 " + std::string(kOrigin) + " AAAAAAAA\n";
  CHECK(status(request(0, "", text_of(1, kRoot1) + "\n" + other)) == 403);
  CHECK(status(request(0, "", text_of(1, kRoot1) + "\n" + alike)) == 403);
  CHECK(status(request(0, "", kNote1 + other + alike)) == 200);
  const std::string kept = witness->newest_checkpoint(hash()).body;
  CHECK(kept.find("somebody") == std::string::npos);
}

TEST_CASE_METHOD(WitnessFixture, "witness: what is no request is told so", "[witness][negative]") {
  const std::string note = kNote1;
  std::string many;
  for (int i = 0; i < 64; ++i) many += std::string(kRoot1) + "\n";
  for (const std::string& body :
       {std::string(),
        std::string("\n"),
        std::string("\n\n"),
        note,
        "old 0\n" + note,
        "old\n\n" + note,
        "old 00\n\n" + note,
        "old -1\n\n" + note,
        "old 0 \n\n" + note,
        "old 1x\n\n" + note,
        "Old 0\n\n" + note,
        " old 0\n\n" + note,
        "old 0\r\n\r\n" + note,
        "old 99999999999999999999\n\n" + note,
        request(0, "AAAA\n", note),
        request(0, std::string(kRoot1) + "=\n", note),
        request(1, many, note),
        request(0, "", note.substr(0, note.size() - 1)),
        request(0, "", text_of(1, kRoot1)),
        request(0, "", text_of(1, kRoot1) + "\n"),
        request(0, "", note + "\n"),
        request(0, "", note + "- a AAAAAAAA\n"),
        request(0, "", note + "\u2014 a\n"),
        request(0, "", "\n" + note),
        request(0, "", note_of(1, "AAAA", kSignature1)),
        request(0, "", std::string(kOrigin) + "\n01\n" + kRoot1 + "\n\n\u2014 x AAAAAAAA\n"),
        request(0, "", note + std::string("\u2014 a\x01 AAAAAAAA\n")),
        request(0, "", note + "\u2014 \xff AAAAAAAA\n"),
        request(2, "", kNote1)}) {
    INFO(body);
    CHECK(status(body) == 400);
  }
  // 63 lines are a proof, but not this one.
  CHECK(status(request(0, many.substr(many.size() / 64), note)) == 422);
  CHECK(witness->newest_checkpoint(hash()).status == 404);
}

TEST_CASE_METHOD(WitnessFixture, "witness: serves the checkpoint that it cosigned", "[witness]") {
  CHECK(witness->newest_checkpoint(hash()).status == 404);
  CHECK(witness->newest_checkpoint(std::string(64, '0')).status == 404);
  const std::string line = witness->add_checkpoint(request(0, "", kNote1)).body;
  CHECK(witness->newest_checkpoint(hash()).body == kNote1 + line);
  open();
  CHECK(witness->newest_checkpoint(hash()).body == kNote1 + line);
  CHECK(status(request(0, "", kNote1)) == 409);
}

TEST_CASE_METHOD(WitnessFixture, "witness: of two at once one is the later", "[witness]") {
  for (int round = 0; round < 20; ++round) {
    std::filesystem::remove(folder / "logs" / hash());
    REQUIRE(status(request(0, "", kNote1)) == 200);
    std::atomic<int> good = 0;
    std::atomic<int> conflicts = 0;
    std::vector<std::thread> threads;
    for (const auto& [proof, note] :
         {std::pair(kProof1To3, kNote3), std::pair(kProof1To5, kNote5)}) {
      threads.emplace_back([&, body = request(1, proof, note)] {
        const int answer = witness->add_checkpoint(body).status;
        good += answer == 200 ? 1 : 0;
        conflicts += answer == 409 ? 1 : 0;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(good == 1);
    CHECK(conflicts == 1);
  }
}

TEST_CASE_METHOD(WitnessFixture, "witness: what cannot be kept is not cosigned",
                 "[witness][fault]") {
  REQUIRE(status(request(0, "", kNote1)) == 200);
  std::filesystem::rename(folder / "logs", folder / "away");
  const Verdict verdict = witness->add_checkpoint(request(0, "", kNote1));
  CHECK(verdict.status == 503);
  CHECK(verdict.body.find("\u2014") == std::string::npos);
  std::filesystem::rename(folder / "away", folder / "logs");
  CHECK(status(request(1, kProof1To3, kNote3)) == 200);
}

TEST_CASE_METHOD(WitnessFixture, "witness: a changed memory is none", "[witness][fault]") {
  REQUIRE(status(request(0, "", kNote1)) == 200);
  const auto file = folder / "logs" / hash();
  const std::string good = REQUIRE_OK(read_file(file));
  for (const std::string& bad : {std::string(), kNote1, good.substr(0, good.size() - 9) + "\n",
                                 kNote3 + good.substr(kNote1.size())}) {
    REQUIRE_OK(write_file(file, bad));
    CHECK(status(request(0, "", kNote1)) == 503);
    CHECK(status(request(1, kProof1To3, kNote3)) == 503);
    witness.reset();
    CHECK_CODE(Witness::open(options), Code::Internal);
    REQUIRE_OK(write_file(file, good));
    open();
  }
  CHECK(status(request(1, kProof1To3, kNote3)) == 200);
}

TEST_CASE_METHOD(WitnessFixture, "witness: its folder has one process, and its logs are keys",
                 "[witness][negative]") {
  CHECK_CODE(Witness::open(options), Code::FailedPrecondition);
  witness.reset();
  options.logs = {};
  CHECK_CODE(Witness::open(options), Code::InvalidArgument);
  options.logs = {"no key"};
  CHECK_CODE(Witness::open(options), Code::InvalidArgument);
}

}  // namespace kw::witness
