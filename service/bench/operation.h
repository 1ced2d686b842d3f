// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kw::bench {

// Operation is what one line of the report measures.
enum class Operation { Wrap, Unwrap, SignRsa, SignEc };

struct OperationRow {
  Operation operation;
  std::string_view name;       // the command line's and the report's word
  std::string_view algorithm;  // of the key, the API's word
  std::string_view key;        // its name in the sandbox
  bool scales;                 // whether the token does several at once faster than one
};

// All rows, in the report's order.
std::span<const OperationRow> operations() noexcept;
const OperationRow& row_of(Operation operation) noexcept;
std::optional<Operation> parse_operation(std::string_view name) noexcept;

// The whole HTTP requests of the load, the same bytes every time. `blob` is what wrap answered.
std::string create_request(const OperationRow& row);
std::string use_request(Operation operation, const std::string& blob);

// 32 bytes that nobody has to hide: a plaintext like a data key, or a digest.
std::span<const unsigned char, 32> input() noexcept;

}  // namespace kw::bench
