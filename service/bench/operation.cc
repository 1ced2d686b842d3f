// SPDX-License-Identifier: Apache-2.0
#include "service/bench/operation.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace kw::bench {
namespace {

constexpr std::array<OperationRow, 4> kRows = {{
    {Operation::Wrap, "wrap", "xaes-256-gcm", "bench/wrap", false},
    {Operation::Unwrap, "unwrap", "xaes-256-gcm", "bench/wrap", false},
    {Operation::SignRsa, "sign-rsa-2048", "rsa-2048-pkcs1-sha256", "bench/rsa", true},
    {Operation::SignEc, "sign-p-256", "ecdsa-p256-sha256", "bench/ec", true},
}};

constexpr std::array<unsigned char, 32> kInput = {'k', 'e', 'y', 'w', 'a', 'r', 'd', '/',
                                                  'b', 'e', 'n', 'c', 'h', '/', 'v', '1'};

std::string post(std::string_view path, const std::string& body) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string field(std::string_view name, std::string_view value) {
  return "\"" + std::string(name) + "\":\"" + std::string(value) + "\"";
}

}  // namespace

std::span<const OperationRow> operations() noexcept { return kRows; }

const OperationRow& row_of(Operation operation) noexcept {
  return kRows[static_cast<std::size_t>(operation)];
}

std::optional<Operation> parse_operation(std::string_view name) noexcept {
  const auto found = std::ranges::find(kRows, name, &OperationRow::name);
  if (found == kRows.end()) return std::nullopt;
  return found->operation;
}

std::string create_request(const OperationRow& row) {
  return post("/v1/keys",
              "{" + field("name", row.key) + "," + field("algorithm", row.algorithm) + "}");
}

std::string use_request(Operation operation, const std::string& blob) {
  const std::string key = field("key", row_of(operation).key);
  switch (operation) {
    case Operation::Wrap:
      return post("/v1/wrap", "{" + key + "," + field("plaintext", to_base64(kInput)) + "}");
    case Operation::Unwrap:
      return post("/v1/unwrap", "{" + field("blob", blob) + "}");
    case Operation::SignRsa:
    case Operation::SignEc:
      return post("/v1/sign", "{" + key + "," + field("digest", to_base64(kInput)) + "}");
  }
  KW_ASSERT(false);
}

std::span<const unsigned char, 32> input() noexcept { return kInput; }

}  // namespace kw::bench
