// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "service/api/answer.h"
#include "service/core/messages.h"

namespace kw::api {

// How a public half is written: SubjectPublicKeyInfo in PEM (RFC 7468), a JWK (RFC 7517, 7518,
// 8037) with `kid` NAME#VERSION, or a line of authorized_keys (RFC 4253, 5656, 8709).
enum class PublicFormat { Pem, Jwk, Ssh };

// Errors: InvalidArgument.
Result<PublicFormat> parse_public_format(std::string_view text);

Result<Answer> write_public_key(Result<core::PublicKey> result, PublicFormat format);

}  // namespace kw::api
