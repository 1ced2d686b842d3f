// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>

#include "service/keys/algorithm.h"

namespace kw::crypto {

// OpenSSL's name of a hash. Not for Hash::None.
const EVP_MD* to_evp(keys::Hash hash);

}  // namespace kw::crypto
