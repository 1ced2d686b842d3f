// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/meter.h"
#include "service/audit_verify/checkpoint.h"
#include "service/audit_verify/cosignature.h"
#include "service/core/backend.h"
#include "service/core/checkpointer.h"
#include "service/cosign/witness_client.h"

namespace kw::core {

// Dispute is what a witness holds against the log: Claimed is its word alone, Proven a checkpoint
// that this service's own key signed and that the log does not continue, or does not reach.
enum class Dispute : std::uint8_t { None, Claimed, Proven };

// Cosigner shows checkpoints to one witness (C2SP tlog-witness) and believes what it says only as
// far as it is signed: a cosignature by the witness's key, a dispute by the log's own. For one
// thread, but for what is marked.
class Cosigner {
 public:
  // Errors: InvalidArgument (the URL, the key or the CA file).
  static Result<std::unique_ptr<Cosigner>> open(Shared& shared, const WitnessOptions& options);

  // Shows it the checkpoint, with the proof that it wants; yields the signature line.
  // Errors: Unavailable (no answer, or none that helps), FailedPrecondition (it disputes the log).
  Result<std::string> submit(const Checkpointer::Signed& checkpoint);

  // Safe for concurrent use:
  const std::string& name() const noexcept { return key_.name(); }
  Dispute dispute() const noexcept { return dispute_.load(); }
  // When it cosigned last, by its own clock; nothing if it never did.
  std::optional<WallTime> cosigned_at() const;
  const Counter& failures() const noexcept { return failures_; }
  void stop() { client_->stop(); }

 private:
  Cosigner(Shared& shared, audit_verify::CosignerKey key, audit_verify::VerifierKey own,
           std::unique_ptr<cosign::WitnessClient> client)
      : shared_(shared), key_(std::move(key)), own_(std::move(own)), client_(std::move(client)) {}

  Result<std::string> exchange(const Checkpointer::Signed& checkpoint);
  Result<std::string> request_body(const Checkpointer::Signed& checkpoint) const;
  Result<std::string> take_cosignature(const Checkpointer::Signed& checkpoint,
                                       const std::string& body);
  Result<void> take_known_size(const cosign::WitnessAnswer& answer);
  Error look_into_dispute(const std::string& why);
  bool contradicts(const audit_verify::Checkpoint& shown) const;
  void raise(Dispute dispute, const std::string& why, std::uint64_t size, const std::string& note);

  Shared& shared_;
  const audit_verify::CosignerKey key_;
  const audit_verify::VerifierKey own_;
  const std::unique_ptr<cosign::WitnessClient> client_;
  std::uint64_t known_size_ = 0;  // that the witness cosigned last, as far as is known

  std::atomic<Dispute> dispute_ = Dispute::None;
  std::atomic<std::uint64_t> cosigned_at_ = 0;  // seconds since 1970
  Counter failures_;
};

}  // namespace kw::core
