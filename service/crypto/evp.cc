// SPDX-License-Identifier: Apache-2.0
#include "service/crypto/evp.h"

#include "base/result.h"

namespace kw::crypto {

const EVP_MD* to_evp(keys::Hash hash) {
  switch (hash) {
    case keys::Hash::Sha256:
      return EVP_sha256();
    case keys::Hash::Sha384:
      return EVP_sha384();
    case keys::Hash::Sha512:
      return EVP_sha512();
    case keys::Hash::None:
      break;
  }
  KW_ASSERT(false);
}

}  // namespace kw::crypto
