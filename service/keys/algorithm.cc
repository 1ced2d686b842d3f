// SPDX-License-Identifier: Apache-2.0
#include "service/keys/algorithm.h"

#include <algorithm>
#include <array>

#include "base/result.h"

namespace kw::keys {
namespace {

using enum Purpose;
using enum Family;
using enum Hash;
using Sealing::Counted;
using Sealing::Derived;
using Sealing::OnHost;

constexpr std::array kAlgorithms{
    Algorithm{"xaes-256-gcm", Wrap, Aes, None, 256, "", Derived},
    Algorithm{"aes-256-gcm-counted", Wrap, Aes, None, 256, "", Counted},
    Algorithm{"aes-256-gcm-host", Wrap, Hmac, Sha256, 256, "", OnHost},
    Algorithm{"hmac-sha256", Mac, Hmac, Sha256, 256, "HS256"},
    Algorithm{"hmac-sha512", Mac, Hmac, Sha512, 512, "HS512"},
    Algorithm{"rsa-2048-pss-sha256", Sign, RsaPss, Sha256, 2048, "PS256"},
    Algorithm{"rsa-3072-pss-sha256", Sign, RsaPss, Sha256, 3072, "PS256"},
    Algorithm{"rsa-4096-pss-sha256", Sign, RsaPss, Sha256, 4096, "PS256"},
    Algorithm{"rsa-2048-pkcs1-sha256", Sign, RsaPkcs1, Sha256, 2048, "RS256"},
    Algorithm{"rsa-3072-pkcs1-sha256", Sign, RsaPkcs1, Sha256, 3072, "RS256"},
    Algorithm{"rsa-4096-pkcs1-sha256", Sign, RsaPkcs1, Sha256, 4096, "RS256"},
    Algorithm{"ecdsa-p256-sha256", Sign, Ecdsa, Sha256, 256, "ES256"},
    Algorithm{"ecdsa-p384-sha384", Sign, Ecdsa, Sha384, 384, "ES384"},
    Algorithm{"ecdsa-p521-sha512", Sign, Ecdsa, Sha512, 521, "ES512"},
    Algorithm{"ed25519", Sign, Ed25519, None, 256, "EdDSA"},
};

}  // namespace

std::span<const Algorithm> algorithms() noexcept { return kAlgorithms; }

const Algorithm* find_algorithm(std::string_view name) noexcept {
  const auto* const found = std::find_if(kAlgorithms.begin(), kAlgorithms.end(),
                                         [&](const Algorithm& row) { return row.name == name; });
  return found == kAlgorithms.end() ? nullptr : found;
}

bool works_on_host(const Algorithm& algorithm) noexcept { return algorithm.sealing == OnHost; }

std::string_view name_of(Purpose purpose) noexcept {
  switch (purpose) {
    case Wrap:
      return "wrap";
    case Mac:
      return "mac";
    case Sign:
      return "sign";
  }
  KW_ASSERT(false);
}

}  // namespace kw::keys
