// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include "policy/policy.h"
#include "service/audit/record.h"
#include "service/core/call.h"
#include "service/core/messages.h"
#include "service/core/sealed.h"
#include "service/core/shared.h"

namespace kw::core {

// What the catalog knows of a key, as the policy is asked; borrowed from `key`.
policy::Question question_about(const keys::Key& key);

// Passage is one operation's way through the door: decide, act, record, answer. It ends in
// `conclude`, which appends the record and seals the answer; there is no other way to make a
// Sealed. Private to service/core; for one thread, within one call of KeyService.
class Passage {
 public:
  Passage(Seat& seat, const Call& call, policy::Operation operation);
  // For a request that could not be read: it has a name of an operation, but no decision.
  Passage(Seat& seat, const Call& call, std::string_view operation);

  // What goes on record.
  void about(const KeyName& name) { record_.key_name = name.text(); }
  void about(const keys::Key& key, Version version);
  void bind(const Context& context) { context_ = &context; }  // must outlive the passage
  void takes(std::size_t bytes) { record_.bytes_in = bytes; }
  void gives(std::size_t bytes) { record_.bytes_out = bytes; }

  // Asks the policy. `question.operation` and the time are filled in here.
  // Errors: PermissionDenied; DeadlineExceeded (asked too late).
  Result<void> decide(policy::Question question);
  // decide() with what the catalog knows of a key.
  Result<void> decide_on(const keys::Key& key);
  // Whether the policy gives the caller this operation on any key at all. Errors: PermissionDenied.
  Result<void> decide_on_any_key();
  // Asks with what the catalog knows of a key, for filters: nothing goes on record.
  bool may_see(const keys::Key& key) const;

  // decide() on a key's name and what is known of it, then the key itself.
  // Errors: PermissionDenied, NotFound, DeadlineExceeded.
  Result<KeyView> admit(const KeyName& name);

  // The version that produces, or the one to consume with, of a key made for `purpose`.
  // Errors: InvalidArgument (another purpose), NotFound, FailedPrecondition, Unavailable
  // (quarantined).
  Result<const keys::KeyVersion*> producing(const keys::Key& key, keys::Purpose purpose);
  Result<const keys::KeyVersion*> consuming(const keys::Key& key, keys::Purpose purpose,
                                            Version version);

  // Whether the configuration lets keys of this algorithm work. Errors: FailedPrecondition,
  // advised.
  Result<void> check_configured(const keys::Algorithm& algorithm);

  // Runs `use(bench)`, which works at the token. Where the session, a handle or the login was lost
  // meanwhile, and the caller's time allows it, `use` runs once more with others: so it must
  // neither make nor destroy anything that outlives its session. What fails is reported.
  template <typename Use>
  auto at_bench(Use&& use) -> std::invoke_result_t<Use, crypto::Workbench&>;

  // The same with a version of a key, which was compared with the catalog since the epoch began,
  // and is compared again before the answer counts if the token was asked for it anew.
  template <typename Use>
  auto at_bench(const keys::Key& key, const keys::KeyVersion& version, Use&& use)
      -> std::invoke_result_t<Use, crypto::Workbench&>;

  // A change of state begins: the intent record is durable when this returns.
  // Errors: Unavailable, DeadlineExceeded; then nothing may be changed.
  Result<void> intend();

  // Gives a refusal its reason, for the record alone.
  Error because(audit::Reason reason, Error error);

  template <typename T>
  Sealed<T> conclude(Result<T> result) {
    std::optional<Error> failure;
    if (!result) failure.emplace(result.error());
    Result<audit::Ticket> ticket = append_record(failure);
    if (!ticket) return {std::move(ticket).error(), Receipt{}, false};
    const Receipt receipt{ticket->index, ticket->leaf};
    // A context that could not be put on record keeps its answer back, too.
    if (failure) return {*std::move(failure), receipt, true};
    return {std::move(result), receipt, true};
  }

  Seat& seat() noexcept { return seat_; }
  Deadline deadline() const noexcept { return call_.deadline; }
  Shared& shared() noexcept { return seat_.shared(); }

 private:
  policy::Facts facts() const;
  policy::Decision ask(const policy::Question& question) const;
  void count_decision(bool allowed);
  Result<void> check_usable(const keys::Key& key, const keys::KeyVersion& version);
  // Fills in the outcome and appends. Sets `failure` where the context's MAC cannot be made.
  Result<audit::Ticket> append_record(std::optional<Error>& failure);
  Result<void> add_context_mac();

  // Whether work that failed so may be done again, now that what it lacked is there again.
  bool goes_on_after(const Error& error, std::uint64_t epoch);
  // Says what failed to who cures it; a version that the token cannot work with is suspended.
  void report(const Error& error, const keys::Key* key, const keys::KeyVersion* version);

  template <typename Use>
  auto work_once(const keys::Key* key, const keys::KeyVersion* version, Use& use,
                 std::uint64_t& epoch) -> std::invoke_result_t<Use, crypto::Workbench&>;
  template <typename Use>
  auto work(const keys::Key* key, const keys::KeyVersion* version, Use& use)
      -> std::invoke_result_t<Use, crypto::Workbench&>;

  Seat& seat_;
  const Call& call_;
  policy::Operation operation_;
  const Context* context_ = nullptr;
  audit::Record record_;
  std::shared_ptr<const policy::Policy> policy_;  // the one that decides, to the end
};

template <typename Use>
auto Passage::work_once(const keys::Key* key, const keys::KeyVersion* version, Use& use,
                        std::uint64_t& epoch) -> std::invoke_result_t<Use, crypto::Workbench&> {
  Lease bench = TRY(seat_.workbench(call_.deadline));
  epoch = bench.epoch().number();
  if (key != nullptr) TRY(verify_once(seat_, bench, *key, *version));
  const std::uint64_t finds = bench->refinds();
  auto outcome = use(*bench);
  if (bench->refinds() == finds) return outcome;
  bench.epoch().forget_verified();
  if (key == nullptr || !outcome) return outcome;
  TRY(verify_once(seat_, bench, *key, *version));
  return outcome;
}

template <typename Use>
auto Passage::work(const keys::Key* key, const keys::KeyVersion* version, Use& use)
    -> std::invoke_result_t<Use, crypto::Workbench&> {
  std::uint64_t epoch = 0;
  auto outcome = work_once(key, version, use, epoch);
  if (!outcome) report(outcome.error(), key, version);
  if (outcome || !goes_on_after(outcome.error(), epoch)) return outcome;
  outcome = work_once(key, version, use, epoch);
  if (!outcome) report(outcome.error(), key, version);
  return outcome;
}

template <typename Use>
auto Passage::at_bench(Use&& use) -> std::invoke_result_t<Use, crypto::Workbench&> {
  return work(nullptr, nullptr, use);
}

template <typename Use>
auto Passage::at_bench(const keys::Key& key, const keys::KeyVersion& version, Use&& use)
    -> std::invoke_result_t<Use, crypto::Workbench&> {
  return work(&key, &version, use);
}

}  // namespace kw::core
