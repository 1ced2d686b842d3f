// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/print.h"
#include "service/audit_verify/proof.h"
#include "service/core/checkpointer.h"
#include "service/core/cosigners.h"
#include "service/core/key_service.h"
#include "service/core/passage.h"
#include "service/crypto/service_mac.h"

namespace kw::core {
namespace {

// The size to prove against: nothing beyond the newest checkpoint can be checked by anybody.
Result<std::uint64_t> provable(std::uint64_t newest, std::optional<std::uint64_t> wanted) {
  if (!wanted) return newest;
  if (*wanted <= newest) return *wanted;
  return refusal(Code::InvalidArgument, "size: no checkpoint has reached it");
}

using audit_verify::Checkpoint;

// A proof is checked as its reader would check it: a tile that was changed on disk must not become
// one that only others find to be wrong.
Result<void> require_proof(const Result<void>& checked) {
  if (checked) return {};
  return Error(Code::Internal,
               "the audit log's tiles do not yield what was signed: " + checked.error().detail());
}

Result<Checkpoint> head_of(const audit::Tree& tree, std::uint64_t size) {
  const audit::TreeHead head = TRY(tree.head(size));
  return Checkpoint{head.size, head.root};
}

// The head at `size`, which the signed one is proven to continue.
Result<Checkpoint> proven_head(const audit::Tree& tree, std::uint64_t size,
                               const audit::TreeHead& newest) {
  const Checkpoint head = TRY(head_of(tree, size));
  const audit::Hashes path = TRY(tree.consistency(size, newest.size));
  TRY(require_proof(check_consistency(head, {newest.size, newest.root}, path)));
  return head;
}

Result<AuditProof> inclusion_now(Passage& passage, const ProveInclusion& request) {
  TRY(passage.decide({}));
  const audit::Tree& tree = passage.shared().log->tree();
  const audit::TreeHead newest = passage.shared().checkpointer->newest().head;
  const std::uint64_t size = TRY(provable(newest.size, request.size));
  if (request.index >= size) {
    if (request.size) return refusal(Code::InvalidArgument, "index: not below size");
    return refusal(Code::FailedPrecondition, "index: not under a checkpoint yet; ask again");
  }
  const Checkpoint head = TRY(proven_head(tree, size, newest));
  const Sha256Digest leaf = TRY(tree.leaf(request.index));
  audit::Hashes hashes = TRY(tree.inclusion(request.index, size));
  TRY(require_proof(audit_verify::check_inclusion({request.index, leaf}, head, hashes)));
  return AuditProof{size, std::move(hashes)};
}

Result<AuditProof> growth_now(Passage& passage, const ProveGrowth& request) {
  TRY(passage.decide({}));
  const audit::Tree& tree = passage.shared().log->tree();
  const audit::TreeHead newest = passage.shared().checkpointer->newest().head;
  const std::uint64_t size = TRY(provable(newest.size, request.size));
  if (request.from > size) return refusal(Code::InvalidArgument, "from: larger than size");
  const Checkpoint head = TRY(proven_head(tree, size, newest));
  const Checkpoint older = TRY(head_of(tree, request.from));
  audit::Hashes hashes = TRY(tree.consistency(request.from, size));
  TRY(require_proof(check_consistency(older, head, hashes)));
  return AuditProof{size, std::move(hashes)};
}

Result<RecordPage> records_now(Passage& passage, const ReadRecords& request) {
  TRY(passage.decide({}));
  RecordPage page;
  page.next = request.from;
  // Never more than is durable: the file holds what is being written, too.
  const std::uint64_t end = passage.shared().log->tree().size();
  if (request.from >= end) return page;
  const auto take = [&](const audit_verify::DecodedRecord& record) {
    if (record.index >= end) return false;
    page.records.push_back(audit_verify::to_json(record));
    page.next = record.index + 1;
    return page.records.size() < request.limit;
  };
  TRY(passage.shared().record_reader->read(request.from, take));
  return page;
}

Result<Bytes> context_mac_now(Passage& passage, const Context& context) {
  TRY(passage.decide({}));
  if (context.empty()) {
    return refusal(Code::InvalidArgument, "context: an empty one leaves nothing in the log");
  }
  const keys::Key& service_key = passage.shared().service_key();
  return passage.at_bench([&](crypto::Workbench& bench) {
    return crypto::context_mac(bench, service_key, kServiceKeyVersion, context);
  });
}

}  // namespace

Sealed<std::string> KeyService::read_checkpoint(const Call& call) {
  Passage passage(*seat_, call, policy::Operation::ReadAudit);
  const auto act = [&]() -> Result<std::string> {
    TRY(passage.decide({}));
    const Shared& shared = passage.shared();
    return shared.cosigners == nullptr ? shared.checkpointer->newest().note
                                       : shared.cosigners->note_to_serve();
  };
  return passage.conclude(act());
}

Sealed<AuditProof> KeyService::prove_inclusion(const Call& call, const ProveInclusion& request) {
  Passage passage(*seat_, call, policy::Operation::ReadAudit);
  return passage.conclude(inclusion_now(passage, request));
}

Sealed<AuditProof> KeyService::prove_growth(const Call& call, const ProveGrowth& request) {
  Passage passage(*seat_, call, policy::Operation::ReadAudit);
  return passage.conclude(growth_now(passage, request));
}

Sealed<RecordPage> KeyService::read_records(const Call& call, const ReadRecords& request) {
  Passage passage(*seat_, call, policy::Operation::ReadAudit);
  return passage.conclude(records_now(passage, request));
}

Sealed<Bytes> KeyService::context_mac(const Call& call, const Context& context) {
  Passage passage(*seat_, call, policy::Operation::ReadAudit);
  return passage.conclude(context_mac_now(passage, context));
}

}  // namespace kw::core
