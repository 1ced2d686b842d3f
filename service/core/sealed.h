// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace kw::core {

// Receipt is where an answer's record stands in the audit log: its index and its leaf hash.
struct Receipt {
  std::uint64_t index = 0;
  Sha256Digest leaf_hash{};
};

class Backend;
class Passage;

// Sealed is an answer that nobody may see before its audit record is durable. What an operation of
// KeyService yields can be given another form (map) but not be opened; only Backend::release opens
// it, after the record's fdatasync, and if that fails the answer is dropped.
template <typename T>
class [[nodiscard]] Sealed {
 public:
  // Applies `form` to the Result inside. What it returns stays under the same seal.
  template <typename F>
  auto map(F&& form) && -> Sealed<typename std::invoke_result_t<F, Result<T>>::value_type> {
    return {std::forward<F>(form)(std::move(answer_)), receipt_, recorded_};
  }

  // Part is one of many gathered answers, with its receipt if it was recorded.
  struct Part {
    Result<T> answer;
    std::optional<Receipt> receipt;
  };

  // Puts many answers under one seal, which opens when the last of their records is durable.
  static Sealed<std::vector<Part>> gather(std::vector<Sealed<T>> sealed) {
    std::vector<Part> parts;
    parts.reserve(sealed.size());
    Receipt last;
    bool recorded = false;
    for (Sealed<T>& one : sealed) {
      parts.push_back({std::move(one.answer_), std::nullopt});
      if (!one.recorded_) continue;
      parts.back().receipt = one.receipt_;
      if (!recorded || one.receipt_.index > last.index) last = one.receipt_;
      recorded = true;
    }
    return {std::move(parts), last, recorded};
  }

 private:
  template <typename U>
  friend class Sealed;
  friend class Backend;
  friend class Passage;

  Sealed(Result<T> answer, Receipt receipt, bool recorded)
      : answer_(std::move(answer)), receipt_(receipt), recorded_(recorded) {}

  Result<T> answer_;
  Receipt receipt_;
  bool recorded_;  // false only where the log refused the record; the answer is then an error
};

}  // namespace kw::core
