// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/secret.h"
#include "service/http/head_gate.h"
#include "service/http/request.h"

namespace kw::http {

// Extent says how much of an answer is sent: to HEAD, what would be its head to GET.
enum class Extent { Whole, HeadAlone };

// The bytes of an answer, to be written at once. Wipes the reply's body, whichever kind it is. A
// reply whose headers could be read as something else becomes a 500.
Secret serialize(Reply reply, const RequestId& id, Persistence persistence,
                 Extent extent = Extent::Whole);

// The bytes that ask for a body that was announced with Expect.
Secret continue_response();

}  // namespace kw::http
