// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "service/audit_verify/proof.h"
#include "service/audit_verify/signed_log.h"
#include "tests/unit/core/door_fixture.h"

namespace kw::core {
namespace {

using audit_verify::Checkpoint;
using audit_verify::Finding;
using audit_verify::VerifierKey;

constexpr std::chrono::seconds kPatience{60};

// A service that signs as soon as there is something to sign.
struct CheckpointFixture : DoorFixture {
  CheckpointFixture() : DoorFixture(Closed{}) {
    checkpoint_every = std::chrono::milliseconds(1);
    open();
  }

  VerifierKey key() {
    return REQUIRE_OK(audit_verify::read_verifier_key(folder / "audit" / "checkpoint.vkey"));
  }
  std::string note() { return REQUIRE_OK(opened(door->read_checkpoint(call_as("admin")))); }

  // The newest checkpoint, once it has this record under it.
  Checkpoint covering(std::uint64_t index) {
    const VerifierKey trusted = key();
    const Deadline patience = deadline_in(kPatience);
    for (;;) {
      const std::string text = note();
      const Checkpoint newest = REQUIRE_OK(open_checkpoint(trusted, text));
      if (newest.size > index) return newest;
      REQUIRE_FALSE(has_passed(patience));
    }
  }

  // The receipt of some record.
  audit_verify::Receipt receipt() {
    std::promise<Receipt> promise;
    backend->release<Secret>(
        door->random(call_as("admin"), 16),
        [&](Result<Secret>, std::optional<Receipt> made) { promise.set_value(*made); });
    const Receipt made = promise.get_future().get();
    return {made.index, made.leaf_hash};
  }

  void write(const std::string& file, const std::string& content) {
    REQUIRE_OK(write_file(folder / "audit" / file, content));
  }
  std::string read(const std::string& file) {
    return REQUIRE_OK(read_file(folder / "audit" / file));
  }
  Finding verdict() {
    return REQUIRE_OK(audit_verify::verify_signed(folder / "audit", {})).finding;
  }
};

struct NoEd25519 : DoorFixture {
  NoEd25519() : DoorFixture(Closed{}) {
    hsm.rules("fail C_GenerateKeyPair 1 CKR_MECHANISM_INVALID");
    open();
  }
};

}  // namespace

TEST_CASE_METHOD(CheckpointFixture, "checkpoint: convinces with the public key alone",
                 "[core][audit]") {
  const auto mine = receipt();
  const Checkpoint head = covering(mine.index);
  const AuditProof proof =
      REQUIRE_OK(opened(door->prove_inclusion(call_as("admin"), {mine.index, head.size})));
  CHECK(proof.size == head.size);
  REQUIRE_OK(audit_verify::check_inclusion(mine, head, proof.hashes));
  CHECK_CODE(audit_verify::check_inclusion({mine.index - 1, mine.leaf}, head, proof.hashes),
             Code::InvalidArgument);
}

TEST_CASE_METHOD(CheckpointFixture, "checkpoint: a later one continues it", "[core][audit]") {
  const Checkpoint older = covering(receipt().index);
  const Checkpoint newer = covering(receipt().index);
  REQUIRE(newer.size > older.size);
  const AuditProof proof =
      REQUIRE_OK(opened(door->prove_growth(call_as("admin"), {older.size, newer.size})));
  REQUIRE_OK(audit_verify::check_consistency(older, newer, proof.hashes));
}

TEST_CASE_METHOD(CheckpointFixture, "checkpoint: the last one covers the stop", "[core][audit]") {
  close();
  const auto verdict = REQUIRE_OK(audit_verify::verify_signed(folder / "audit", {}));
  CHECK(verdict.finding == Finding::Good);
  CHECK(verdict.signed_records == verdict.records);
  CHECK(last_record().at("event") == "stop");
}

TEST_CASE_METHOD(DoorFixture, "checkpoint: 10,000 records do not wait for the time to come",
                 "[core][audit]") {
  const auto size = [this] {
    const std::string text = REQUIRE_OK(read_file(folder / "audit" / "checkpoint.vkey"));
    const VerifierKey key = REQUIRE_OK(VerifierKey::parse(text));
    const std::string note = REQUIRE_OK(read_file(folder / "audit" / "checkpoint"));
    return REQUIRE_OK(open_checkpoint(key, note)).size;
  };
  const std::uint64_t before = size();  // `checkpoint_every` is an hour here
  for (int i = 0; i < 10'000; ++i) {
    CHECK_CODE(opened(door->show_key(call_as("app"), name("app/none"))), Code::NotFound);
  }
  const Deadline patience = deadline_in(kPatience);
  while (size() == before && !has_passed(patience)) {
  }
  CHECK(size() >= before + 10'000);
}

TEST_CASE_METHOD(CheckpointFixture, "audit: each argument wrong", "[core][audit]") {
  const auto mine = receipt();
  const Checkpoint head = covering(mine.index);
  const auto prove = [this](std::uint64_t index, std::optional<std::uint64_t> size) {
    return opened(door->prove_inclusion(call_as("admin"), {index, size}));
  };
  CHECK(prove(mine.index, std::nullopt));
  CHECK_CODE(prove(head.size, head.size), Code::InvalidArgument);
  CHECK_CODE(prove(1'000'000'000, std::nullopt), Code::FailedPrecondition);
  CHECK_CODE(prove(0, 1'000'000'000), Code::InvalidArgument);
  CHECK_CODE(prove(0, 0), Code::InvalidArgument);
  CHECK_CODE(opened(door->prove_growth(call_as("admin"), {2, 1})), Code::InvalidArgument);
  CHECK_CODE(opened(door->prove_growth(call_as("admin"), {0, 1'000'000'000})),
             Code::InvalidArgument);
  CHECK(last_record().at("operation") == "read-audit");
  CHECK(last_record().at("outcome") == "invalid_argument");
}

TEST_CASE_METHOD(DoorFixture, "audit: a context's MAC is the one on record", "[core][audit]") {
  make_key("app/lock", "xaes-256-gcm");
  const Context seven = context({{"tenant", "7"}, {"zone", "a"}});
  (void)wrap("app/lock", "x", seven);
  const std::string recorded = last_record().at("context_mac");
  const auto ask = [this](const char* who, const Context& asked) {
    return opened(door->context_mac(call_as(who), asked));
  };
  CHECK(to_hex(REQUIRE_OK(ask("admin", seven))) == recorded);
  CHECK(to_hex(REQUIRE_OK(ask("admin", context({{"tenant", "8"}, {"zone", "a"}})))) != recorded);
  CHECK(last_record().at("operation") == "read-audit");
  CHECK_CODE(ask("admin", Context()), Code::InvalidArgument);
  CHECK_CODE(ask("app", seven), Code::PermissionDenied);
  hsm.rules("fail C_Sign * CKR_DEVICE_ERROR");
  CHECK_CODE(ask("admin", seven), Code::Unavailable);
}

TEST_CASE_METHOD(CheckpointFixture, "audit: who may not read it learns nothing of it",
                 "[core][audit]") {
  for (const char* const who : {"app", "nobody"}) {
    CHECK_CODE(opened(door->read_checkpoint(call_as(who))), Code::PermissionDenied);
    CHECK_CODE(opened(door->prove_inclusion(call_as(who), {0, 1})), Code::PermissionDenied);
    CHECK_CODE(opened(door->prove_inclusion(call_as(who), {1'000'000'000, {}})),
               Code::PermissionDenied);
    CHECK_CODE(opened(door->prove_growth(call_as(who), {0, 1})), Code::PermissionDenied);
    CHECK_CODE(opened(door->read_records(call_as(who), {0, 1})), Code::PermissionDenied);
  }
}

TEST_CASE_METHOD(CheckpointFixture, "audit: a tile that was changed on disk yields no proof",
                 "[core][audit][fault]") {
  while (receipt().index < 530) {
  }
  const Checkpoint head = covering(520);
  const auto tile = folder / "audit" / "tile" / "0" / "000";
  std::string bytes = REQUIRE_OK(read_file(tile));
  REQUIRE(bytes.size() == 8192);
  const auto prove = [&](std::uint64_t index) {
    return opened(door->prove_inclusion(call_as("admin"), {index, head.size}));
  };
  const auto grow = [&] { return opened(door->prove_growth(call_as("admin"), {100, head.size})); };
  REQUIRE_OK(prove(7));
  REQUIRE_OK(grow());
  bytes[7 * 32] = static_cast<char>(bytes[7 * 32] ^ 1);
  REQUIRE_OK(write_file(tile, bytes));
  CHECK_CODE(prove(7), Code::Internal);  // the leaf itself
  CHECK_CODE(prove(6), Code::Internal);  // its sibling
  CHECK_CODE(grow(), Code::Internal);
  CHECK_CODE(opened(door->prove_inclusion(call_as("admin"), {7, 200})), Code::Internal);
  REQUIRE_OK(prove(300));
}

TEST_CASE_METHOD(CheckpointFixture, "audit: records come in pages, as the command prints them",
                 "[core][audit]") {
  for (int i = 0; i < 4; ++i) (void)receipt();
  std::uint64_t next = 0;
  std::vector<std::string> seen;
  for (int i = 0; i < 3; ++i) {
    const RecordPage page = REQUIRE_OK(opened(door->read_records(call_as("admin"), {next, 2})));
    REQUIRE(page.records.size() == 2);
    CHECK(page.next == next + 2);
    next = page.next;
    for (const std::string& record : page.records) seen.push_back(record);
  }
  for (std::size_t i = 0; i < seen.size(); ++i) {
    CHECK(nlohmann::json::parse(seen[i]).at("index") == i);
  }
  const RecordPage beyond =
      REQUIRE_OK(opened(door->read_records(call_as("admin"), {1'000'000'000, 5})));
  CHECK(beyond.records.empty());
  CHECK(beyond.next == 1'000'000'000);
}

TEST_CASE_METHOD(CheckpointFixture, "checkpoint: a token that fails is said, and tried again",
                 "[core][audit][fault]") {
  hsm.rules("fail C_Sign * CKR_DEVICE_ERROR");
  const auto mine = receipt();
  const std::string before = note();
  CHECK(note() == before);
  CHECK(backend->troubles().empty());  // not late yet
  hsm.clear();
  CHECK(covering(mine.index).size > mine.index);
}

TEST_CASE_METHOD(CheckpointFixture, "checkpoint: a log without what was signed is not served",
                 "[core][audit]") {
  const std::string vkey = read("checkpoint.vkey");
  (void)covering(receipt().index);
  close();
  REQUIRE(verdict() == Finding::Good);
  const std::string newest = read("checkpoint");
  SECTION("records are gone") {
    const auto segment = folder / "audit" / "00000000000000000000.kwa";
    const std::string content = REQUIRE_OK(read_file(segment));
    std::size_t at = 64;
    for (int i = 0; i < 3; ++i) at += 8 + read_u32(as_bytes(content).subspan(at));
    std::filesystem::resize_file(segment, at);
    CHECK_CODE(try_open(), Code::Internal);
  }
  SECTION("the checkpoint is gone") {
    std::filesystem::remove(folder / "audit" / "checkpoint");
    CHECK_CODE(try_open(), Code::FailedPrecondition);
    write("checkpoint", newest);
  }
  SECTION("the checkpoint is another's") {
    write("checkpoint", "keyward/0\n" + newest.substr(newest.find('\n') + 1));
    CHECK_CODE(try_open(), Code::FailedPrecondition);
    write("checkpoint", newest);
  }
  SECTION("its signature is not the key's") {
    std::string bad = newest;
    bad[bad.size() - 10] = bad[bad.size() - 10] == 'A' ? 'B' : 'A';
    write("checkpoint", bad);
    CHECK_CODE(try_open(), Code::Internal);
    write("checkpoint", newest);
  }
  SECTION("the verifier key is gone, or another's") {
    std::filesystem::remove(folder / "audit" / "checkpoint.vkey");
    CHECK_CODE(try_open(), Code::FailedPrecondition);
    write("checkpoint.vkey", "x" + vkey);
    CHECK_CODE(try_open(), Code::FailedPrecondition);
    write("checkpoint.vkey", vkey);
  }
}

TEST_CASE_METHOD(CheckpointFixture, "checkpoint: the key stays the same over starts",
                 "[core][audit]") {
  const std::string vkey = read("checkpoint.vkey");
  const Checkpoint older = covering(receipt().index);
  close();
  open();
  CHECK(read("checkpoint.vkey") == vkey);
  const Checkpoint newer = covering(receipt().index);
  const AuditProof proof =
      REQUIRE_OK(opened(door->prove_growth(call_as("admin"), {older.size, newer.size})));
  REQUIRE_OK(audit_verify::check_consistency(older, newer, proof.hashes));
}

TEST_CASE_METHOD(NoEd25519, "checkpoint: a token without Ed25519 signs on P-256", "[core][audit]") {
  const std::string vkey = REQUIRE_OK(read_file(folder / "audit" / "checkpoint.vkey"));
  CHECK(vkey.find("+AjBZ") != std::string::npos);  // type 02, then a DER sequence of 89 bytes
  const VerifierKey key = REQUIRE_OK(VerifierKey::parse(vkey));
  const std::string note = REQUIRE_OK(opened(door->read_checkpoint(call_as("admin"))));
  CHECK(REQUIRE_OK(open_checkpoint(key, note)).size > 0);
  close();
  CHECK(REQUIRE_OK(audit_verify::verify_signed(folder / "audit", {})).finding == Finding::Good);
  open();
  CHECK(REQUIRE_OK(read_file(folder / "audit" / "checkpoint.vkey")) == vkey);
}

}  // namespace kw::core
