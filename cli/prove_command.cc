// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <thread>

#include "base/file.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/json_answer.h"
#include "cli/json_body.h"
#include "cli/log_options.h"
#include "cli/problem_text.h"
#include "cli/server_command.h"
#include "service/audit_verify/proof.h"
#include "service/audit_verify/record_reader.h"
#include "service/audit_verify/signed_log.h"

namespace kw::cli {
namespace {

using audit_verify::Checkpoint;
using audit_verify::LogProof;
using audit_verify::Receipt;
using audit_verify::VerifierKey;

// A fresh record is under a checkpoint a second later.
constexpr int kTries = 20;
constexpr int kTriesCosigned = 60;  // and cosigned a few seconds after that
constexpr auto kBetweenTries = std::chrono::milliseconds(250);

std::string check_receipt(const std::string& text) {
  const auto receipt = audit_verify::parse_receipt(text);
  return receipt ? "" : receipt.error().detail();
}

// Trusted are the keys that a proof must satisfy.
struct Trusted {
  VerifierKey log;
  std::vector<audit_verify::CosignerKey> witnesses;

  // Whether every witness has cosigned. Errors: NotFound, InvalidArgument.
  Result<void> check_cosigned(const std::string& note) const {
    for (const auto& witness : witnesses) TRY(audit_verify::find_cosignature(witness, note));
    return {};
  }
};

Result<LogProof> proof_from_folder(const audit_verify::Folders& folders, const Trusted& trusted,
                                   const Receipt& receipt) {
  const VerifierKey& key = trusted.log;
  const auto file =
      trusted.witnesses.empty() ? audit_verify::kCheckpointFile : audit_verify::kCosignedFile;
  std::string note = TRY(read_file(folders.log / file));
  LogProof proof{receipt.index, {}, std::move(note)};
  const Checkpoint checkpoint = TRY(open_checkpoint(key, proof.note));
  audit_verify::Hashes leaves;
  bool from_the_first = false;
  TRY(audit_verify::read_records(folders, 0, [&](const audit_verify::DecodedRecord& record) {
    from_the_first = from_the_first || record.index == 0;
    leaves.push_back(record.leaf);
    return from_the_first && leaves.size() < checkpoint.size;
  }));
  if (!from_the_first) {
    return Error(Code::NotFound,
                 folders.log.string() + ": the first records were moved: --archive");
  }
  if (receipt.index < leaves.size())
    proof.path = audit_verify::inclusion_path(leaves, receipt.index);
  return proof;
}

// The newest checkpoint, or one of the next seconds that has the record under it.
Result<std::string> covering_note(Client& server, const Trusted& trusted, const Receipt& receipt) {
  std::string note;
  const int tries = trusted.witnesses.empty() ? kTries : kTriesCosigned;
  for (int i = 0; i < tries; ++i) {
    if (i > 0) std::this_thread::sleep_for(kBetweenTries);
    const Answer answer = TRY(server.get("/v1/audit/checkpoint"));
    note = as_text(answer.body.reveal());
    const Checkpoint checkpoint = TRY(open_checkpoint(trusted.log, note));
    if (receipt.index < checkpoint.size && trusted.check_cosigned(note)) break;
  }
  return note;
}

Result<LogProof> proof_from_server(Client& server, const Trusted& trusted, const Receipt& receipt) {
  std::string note = TRY(covering_note(server, trusted, receipt));
  LogProof proof{receipt.index, {}, std::move(note)};
  const Checkpoint checkpoint = TRY(open_checkpoint(trusted.log, proof.note));
  const Answer answer = TRY(server.get("/v1/audit/proof?index=" + std::to_string(receipt.index) +
                                       "&size=" + std::to_string(checkpoint.size)));
  const JsonAnswer json = TRY(JsonAnswer::parse(answer.body.reveal()));
  const std::string encoded = TRY(json.text("hashes"));
  const Bytes hashes = TRY(decode_base64(encoded));
  proof.path = TRY(audit_verify::split_hashes(hashes));
  return proof;
}

std::string verdict_line(const Arguments& arguments, const VerifierKey& key, const Receipt& receipt,
                         const Checkpoint& checkpoint) {
  if (!arguments.has("--json")) {
    return "good: record " + std::to_string(receipt.index) + " is one of the " +
           std::to_string(checkpoint.size) + " that " + printable(key.name()) + " signed\n";
  }
  JsonBody body;
  body.text("verdict", "good").number("index", receipt.index).number("size", checkpoint.size);
  body.text("origin", key.name());
  const Secret line = body.finish();
  return std::string(as_text(line.reveal())) + "\n";
}

Result<LogProof> find_proof(const Arguments& arguments, const Trusted& trusted,
                            const Receipt& receipt) {
  if (arguments.has("--proof")) {
    const std::string text = TRY(read_file(arguments.get("--proof")));
    return audit_verify::parse_log_proof(text);
  }
  if (arguments.has("DIR")) return proof_from_folder(log_folders(arguments), trusted, receipt);
  const auto server = TRY(Client::open(client_settings(arguments)));
  return proof_from_server(*server, trusted, receipt);
}

Result<int> prove(const Arguments& arguments, const Io& io) {
  if (arguments.has("DIR") && arguments.has("--proof")) {
    return usage_fault(io, "give DIR or --proof, not both");
  }
  std::filesystem::path key_file = arguments.get("--key");
  if (key_file.empty() && arguments.has("DIR")) {
    key_file = std::filesystem::path(arguments.get("DIR")) / audit_verify::kVerifierKeyFile;
  }
  if (key_file.empty()) return usage_fault(io, "give --key: the verifier key that you trust");
  VerifierKey key = TRY(audit_verify::read_verifier_key(key_file));
  Trusted trusted{std::move(key), {}};
  trusted.witnesses = TRY(trusted_witnesses(arguments));
  const Receipt receipt = TRY(audit_verify::parse_receipt(arguments.get("--receipt")));
  const LogProof proof = TRY(find_proof(arguments, trusted, receipt));
  const Checkpoint checkpoint = TRY(check_log_proof(trusted.log, receipt, proof));
  TRY(trusted.check_cosigned(proof.note));
  if (arguments.has("--out")) TRY(write_file(arguments.get("--out"), to_text(proof)));
  TRY(write_all(io.out, verdict_line(arguments, trusted.log, receipt, checkpoint)));
  return kExitOk;
}

}  // namespace

Command prove_command() {
  const Option folder{.name = "DIR",
                      .value = "DIR",
                      .help = "the log's folder; without it, a server is asked",
                      .completion = Option::Completion::Directory};
  const Option receipt{.name = "--receipt",
                       .value = "INDEX:LEAFHASH",
                       .help = "what the answer's Keyward-Receipt said",
                       .need = Option::Need::Required,
                       .check = check_receipt};
  Command command{
      .path = "audit prove",
      .summary = "prove with the public key alone that a receipt's record is in the log",
      .details =
          "The proof comes from the log's folder, from a server, or from --proof FILE, which\n"
          "needs neither. Ends with 0 proven, 1 not proven.",
      .options = {folder,
                  archive_option(),
                  receipt,
                  file_option("--key", "the verifier key that you trust [DIR/checkpoint.vkey]"),
                  witness_option(),
                  file_option("--proof", "a .tlog-proof that was kept"),
                  file_option("--out", "keep the proof here (C2SP tlog-proof)"),
                  {.name = "--json", .value = "", .help = "print the verdict as JSON"}},
      .run = prove};
  for (Option& option : client_options()) command.options.push_back(std::move(option));
  return command;
}

}  // namespace kw::cli
