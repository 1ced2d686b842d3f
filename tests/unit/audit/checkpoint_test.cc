// SPDX-License-Identifier: Apache-2.0
#include "service/audit/checkpoint.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <fstream>

#include "audit_fixture.h"
#include "base/owned.h"
#include "service/audit_verify/checkpoint.h"
#include "service/audit_verify/proof.h"
#include "service/audit_verify/signed_log.h"

namespace kw::test {
namespace {

using audit::NoteKey;
using audit::TreeHead;
using audit_verify::Finding;
using audit_verify::VerifierKey;

// Signer stands in for the token: a key of OpenSSL's.
class Signer {
 public:
  explicit Signer(NoteKey::Kind kind)
      : kind_(kind),
        key_(kind == NoteKey::Kind::Ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                            : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")) {
    REQUIRE(key_);
  }

  NoteKey note_key() const {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key_.get(), &der);
    REQUIRE(size > 0);
    const NoteKey made(kind_, ByteView(der, static_cast<std::size_t>(size)));
    OPENSSL_free(der);
    return made;
  }

  std::string note(const TreeHead& head) const {
    const std::string text = audit::checkpoint_text(note_key(), head);
    return audit::checkpoint_note(note_key(), text, sign(text));
  }

 private:
  Bytes sign(const std::string& text) const {
    const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
    const EVP_MD* const hash = kind_ == NoteKey::Kind::Ed25519 ? nullptr : EVP_sha256();
    REQUIRE(EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key_.get()) == 1);
    Bytes signature(128);
    std::size_t size = signature.size();
    REQUIRE(EVP_DigestSign(context.get(), signature.data(), &size, as_bytes(text).data(),
                           text.size()) == 1);
    signature.resize(size);
    return signature;
  }

  NoteKey::Kind kind_;
  Owned<EVP_PKEY, EVP_PKEY_free> key_;
};

TreeHead some_head() { return {1234, sha256(as_bytes("root"))}; }

// A log with a signed checkpoint over all of its records, in two segments.
struct SignedFixture : AuditFixture {
  SignedFixture() {
    options.segment_size = 4096;
    const auto log = open();
    for (int i = 0; i < 20; ++i) receipts.push_back(append_durably(*log));
    log->stop();
    head = REQUIRE_OK(log->tree().head(log->tree().size()));
    set("checkpoint", signer.note(head));
    set("checkpoint.vkey", signer.note_key().verifier_key() + "\n");
  }

  void set(const std::string& name, const std::string& content) const {
    std::ofstream(dir / name, std::ios::binary | std::ios::trunc) << content;
  }
  std::string get(const std::string& name) const { return REQUIRE_OK(read_file(dir / name)); }
  audit_verify::Verdict signed_verdict(const audit_verify::Trust& trust = {}) const {
    return REQUIRE_OK(audit_verify::verify_signed(dir.path(), trust));
  }

  Signer signer{NoteKey::Kind::Ed25519};
  std::vector<audit::Ticket> receipts;
  TreeHead head;
};

}  // namespace

// The example of golang.org/x/mod/sumdb/note, on which C2SP signed-note is modelled.
TEST_CASE("verifier key: checks the note that is published", "[audit][checkpoint][vectors]") {
  const auto key = REQUIRE_OK(
      VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"));
  const std::string text =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n";
  const std::string line =
      "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
      "otpRZb6KE6RyyBwJnAM=";
  CHECK(key.check(line, text) == VerifierKey::Claim::Good);
  CHECK(key.check(line, text + "\n") == VerifierKey::Claim::Bad);
  CHECK(key.check("\u2014 PeterNeumann x08go/ZJ", text) == VerifierKey::Claim::Bad);
  CHECK(key.check("\u2014 EnochRoot " + line.substr(17), text) == VerifierKey::Claim::Others);
  CHECK(key.name() == "PeterNeumann");
}

TEST_CASE("verifier key: refuses what is none", "[audit][checkpoint]") {
  const auto good =
      std::string("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  for (const std::string& bad :
       {std::string(), std::string("a+b"), std::string("+c74f20a3+ARpc"), good + "\n\n",
        std::string("PeterNeumann+c74f20a4") + good.substr(21),
        std::string("Peter") + good.substr(12), good.substr(0, good.size() - 4),
        std::string("a+00000000+") + to_base64(Bytes(33, 7))}) {
    INFO(bad);
    CHECK_CODE(VerifierKey::parse(bad), Code::InvalidArgument);
  }
}

TEST_CASE("checkpoint: what the writer writes the verifier opens", "[audit][checkpoint]") {
  for (const auto kind : {NoteKey::Kind::Ed25519, NoteKey::Kind::Ecdsa}) {
    const Signer signer(kind);
    const auto key = REQUIRE_OK(VerifierKey::parse(signer.note_key().verifier_key()));
    const std::string note = signer.note(some_head());
    const auto opened = REQUIRE_OK(audit_verify::open_checkpoint(key, note));
    CHECK(opened.size == 1234);
    CHECK(opened.root == some_head().root);
    const auto read = REQUIRE_OK(audit::read_checkpoint(signer.note_key(), note));
    CHECK(read.head == some_head());
    // A witness's line, before or behind, changes nothing.
    const std::string witness = "\u2014 witness.example " + to_base64(Bytes(76, 1)) + "\n";
    REQUIRE_OK(audit_verify::open_checkpoint(key, note + witness));
    const std::size_t gap = note.find("\n\n") + 2;
    REQUIRE_OK(
        audit_verify::open_checkpoint(key, note.substr(0, gap) + witness + note.substr(gap)));
  }
}

TEST_CASE("checkpoint: no byte of it can be another", "[audit][checkpoint]") {
  const Signer signer(NoteKey::Kind::Ed25519);
  const auto key = REQUIRE_OK(VerifierKey::parse(signer.note_key().verifier_key()));
  const std::string note = signer.note(some_head());
  for (std::size_t i = 0; i < note.size(); ++i) {
    std::string bad = note;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    CHECK_CODE(audit_verify::open_checkpoint(key, bad), Code::InvalidArgument);
    CHECK_CODE(audit::read_checkpoint(signer.note_key(), bad.substr(0, i)), Code::InvalidArgument);
    CHECK_CODE(audit_verify::open_checkpoint(key, note.substr(0, i)), Code::InvalidArgument);
  }
  const Signer other(NoteKey::Kind::Ed25519);
  const auto others = REQUIRE_OK(VerifierKey::parse(other.note_key().verifier_key()));
  CHECK_CODE(audit_verify::open_checkpoint(others, note), Code::InvalidArgument);
  CHECK_CODE(audit::read_checkpoint(other.note_key(), note), Code::InvalidArgument);
}

// The page's values come from Python's hashlib and cryptography, with the key of RFC 8032, 7.1.
TEST_CASE("checkpoint: is the one of the page", "[audit][checkpoint][vectors]") {
  const std::string page = REQUIRE_OK(read_file(std::string(KW_DOCS) + "/audit-format.md"));
  const auto block = [&page](const std::string& name) {
    const std::size_t begin = page.find("```" + name + "\n") + name.size() + 4;
    return page.substr(begin, page.find("```", begin) - begin);
  };
  const Bytes spki = REQUIRE_OK(decode_hex(
      "302a300506032b6570032100d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
  const NoteKey note_key(NoteKey::Kind::Ed25519, spki);
  const std::string vkey = note_key.verifier_key();
  CHECK(page.find("\n    " + vkey + "\n") != std::string::npos);
  const std::string note = block("note");
  const auto read = REQUIRE_OK(audit::read_checkpoint(note_key, note));
  CHECK(read.head.size == 2);
  CHECK(audit::checkpoint_note(note_key, read.text, read.signature) == note);
  const auto key = REQUIRE_OK(VerifierKey::parse(vkey));
  const auto receipt = REQUIRE_OK(audit_verify::parse_receipt(
      "1:3554f365d71d4fc18a93c03f5c54c02a99dd5d9f5494e8f6620da91680c57a34"));
  const auto proof = REQUIRE_OK(audit_verify::parse_log_proof(block("proof") + "\n" + note));
  CHECK(REQUIRE_OK(check_log_proof(key, receipt, proof)).root == read.head.root);
}

TEST_CASE_METHOD(SignedFixture, "signed log: is good, to its last record", "[audit][checkpoint]") {
  CHECK(segments().size() > 1);
  CHECK(signed_verdict().finding == Finding::Good);
  CHECK(signed_verdict().signed_records == head.size);
}

TEST_CASE_METHOD(SignedFixture, "signed log: a cut at a record's end is found",
                 "[audit][checkpoint]") {
  const std::filesystem::path last = segments().back();
  const std::string content = REQUIRE_OK(read_file(last));
  std::vector<std::size_t> ends{audit::kSegmentHeader};
  while (ends.back() < content.size()) {
    ends.push_back(ends.back() + audit::kFrameHeader +
                   read_u32(as_bytes(content).subspan(ends.back())));
  }
  REQUIRE(ends.back() == content.size());
  ends.pop_back();
  for (const std::size_t end : ends) {
    std::filesystem::resize_file(last, end);
    CHECK(verdict().finding == Finding::Good);  // nothing in the records says so
    CHECK(signed_verdict().finding == Finding::Truncated);
  }
  CHECK_CODE(audit::Log::open(dir.path(),
                              [&] {
                                options.signed_head = head;
                                return options;
                              }()),
             Code::Internal);
}

TEST_CASE_METHOD(SignedFixture, "signed log: one that was written anew is found",
                 "[audit][checkpoint]") {
  const std::string note = get("checkpoint");
  const std::string vkey = get("checkpoint.vkey");
  for (const auto& segment : segments()) std::filesystem::remove(segment);
  std::filesystem::remove_all(dir / "tile");
  {
    const auto log = open();
    for (int i = 0; i < 20; ++i) append_durably(*log);
  }
  CHECK(verdict().finding == Finding::Good);
  const auto found = signed_verdict();
  CHECK(found.finding == Finding::Tampered);
  CHECK(found.index == head.size - 1);
  options.signed_head = head;
  CHECK_CODE(audit::Log::open(dir.path(), options), Code::Internal);
}

TEST_CASE_METHOD(SignedFixture, "signed log: an older checkpoint finds a rollback",
                 "[audit][checkpoint]") {
  const TempDir elsewhere;
  const std::filesystem::path kept = elsewhere / "kept";
  REQUIRE_OK(write_file(kept, get("checkpoint")));
  const audit_verify::Trust trust{.key = {}, .checkpoint = kept};
  CHECK(signed_verdict(trust).finding == Finding::Good);
  // An older copy of the whole folder, with its own good checkpoint.
  std::filesystem::remove(segments().back());
  audit_verify::Hashes leaves;
  REQUIRE_OK(audit_verify::read_records(dir.path(), 0, [&](const auto& record) {
    leaves.push_back(record.leaf);
    return true;
  }));
  audit::Tree tree(audit::TileFiles(elsewhere.path()));
  tree.append(leaves);
  set("checkpoint", signer.note(REQUIRE_OK(tree.head(leaves.size()))));
  CHECK(signed_verdict(trust).finding == Finding::Truncated);
}

TEST_CASE_METHOD(SignedFixture, "signed log: what is missing or another's is no good log",
                 "[audit][checkpoint]") {
  const Signer other(NoteKey::Kind::Ed25519);
  SECTION("no checkpoint") {
    std::filesystem::remove(dir / "checkpoint");
    CHECK(signed_verdict().finding == Finding::Truncated);
    CHECK(signed_verdict({.records_alone = true}).finding == Finding::Good);
  }
  SECTION("no verifier key") {
    std::filesystem::remove(dir / "checkpoint.vkey");
    CHECK(signed_verdict().finding == Finding::Truncated);
  }
  SECTION("signed by another") {
    set("checkpoint", other.note(head));
    CHECK(signed_verdict().finding == Finding::Tampered);
  }
  SECTION("signed by another who left a key of his own: the trusted key tells") {
    set("checkpoint", other.note(head));
    set("checkpoint.vkey", other.note_key().verifier_key());
    CHECK(signed_verdict().finding == Finding::Good);
    const TempDir elsewhere;
    REQUIRE_OK(write_file(elsewhere / "vkey", signer.note_key().verifier_key()));
    CHECK(signed_verdict({.key = elsewhere / "vkey"}).finding == Finding::Tampered);
  }
  SECTION("a trusted key or checkpoint that is none is an error") {
    CHECK_CODE(audit_verify::verify_signed(dir.path(), {.key = dir / "none"}), Code::NotFound);
    CHECK_CODE(audit_verify::verify_signed(dir.path(), {.key = dir / "checkpoint"}),
               Code::InvalidArgument);
    CHECK_CODE(audit_verify::verify_signed(dir.path(), {.checkpoint = dir / "checkpoint.vkey"}),
               Code::InvalidArgument);
  }
}

TEST_CASE_METHOD(SignedFixture, "signed log: bad or missing tiles are made anew from the records",
                 "[audit][checkpoint][tiles]") {
  options.segment_size = 64u << 10;
  {
    const auto log = open();
    for (int i = 0; i < 400; ++i) (void)REQUIRE_OK(log->append(a_wrap()));
    log->stop();
    head = REQUIRE_OK(log->tree().head(log->tree().size()));
  }
  options.signed_head = head;
  const std::filesystem::path tile = dir / "tile" / "0" / "000";
  REQUIRE(std::filesystem::file_size(tile) == 8192);
  const std::string whole = REQUIRE_OK(read_file(tile));
  SECTION("missing") { std::filesystem::remove_all(dir / "tile"); }
  SECTION("short") { std::filesystem::resize_file(tile, 100); }
  SECTION("another hash in it") {
    std::string bad = whole;
    bad[77] = static_cast<char>(bad[77] ^ 1);
    REQUIRE_OK(write_file(tile, bad));
  }
  const auto log = open();
  CHECK(REQUIRE_OK(log->tree().head(head.size)) == head);
  REQUIRE_OK(log->save_tree());
  CHECK(REQUIRE_OK(read_file(tile)) == whole);
}

TEST_CASE_METHOD(SignedFixture, "log proof: convinces with the key alone", "[audit][proof]") {
  const auto key = REQUIRE_OK(VerifierKey::parse(signer.note_key().verifier_key()));
  audit_verify::Hashes leaves;
  REQUIRE_OK(audit_verify::read_records(dir.path(), 0, [&](const auto& record) {
    leaves.push_back(record.leaf);
    return true;
  }));
  for (const audit::Ticket& ticket : receipts) {
    const auto receipt = REQUIRE_OK(audit_verify::parse_receipt(audit::receipt_text(ticket)));
    const audit_verify::LogProof proof{
        ticket.index, audit_verify::inclusion_path(leaves, ticket.index), get("checkpoint")};
    const auto read = REQUIRE_OK(audit_verify::parse_log_proof(to_text(proof)));
    CHECK(REQUIRE_OK(check_log_proof(key, receipt, read)).size == head.size);
    CHECK_CODE(check_log_proof(key, {receipt.index + 1, receipt.leaf}, read),
               Code::InvalidArgument);
    CHECK_CODE(check_log_proof(key, {receipt.index, leaves[0]}, read), Code::InvalidArgument);
  }
}

TEST_CASE("log proof: refuses a text that is none", "[audit][proof]") {
  const std::string good =
      "c2sp.org/tlog-proof@v1\nindex 3\n" + to_base64(Bytes(32, 1)) + "\n\nnote";
  CHECK(REQUIRE_OK(audit_verify::parse_log_proof(good)).path.size() == 1);
  CHECK(REQUIRE_OK(
            audit_verify::parse_log_proof("c2sp.org/tlog-proof@v1\nextra AAAA\n" + good.substr(23)))
            .index == 3);
  for (const std::string& bad : {std::string(), std::string("c2sp.org/tlog-proof@v2\nindex 3\n\n"),
                                 std::string("c2sp.org/tlog-proof@v1\n\n"),
                                 std::string("c2sp.org/tlog-proof@v1\nindex 03\n\n"),
                                 std::string("c2sp.org/tlog-proof@v1\nindex -1\n\n"),
                                 std::string("c2sp.org/tlog-proof@v1\nindex 3\nAAAA\n\n")}) {
    INFO(bad);
    CHECK_CODE(audit_verify::parse_log_proof(bad), Code::InvalidArgument);
  }
  for (const char* const bad : {"", "3", "3:", ":00", "03:00", "3:00", "x:00"}) {
    CHECK_CODE(audit_verify::parse_receipt(bad), Code::InvalidArgument);
  }
}

}  // namespace kw::test
