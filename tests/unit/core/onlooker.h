// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>

#include "pkcs11/cryptoki.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

namespace kw::core {

// How many objects the module shows of all that this process put into the token, and how it says
// so.
struct Look {
  unsigned long rv;
  unsigned long objects;
};

// Asked past the service, in a session of the test's own: the module is one for the whole process.
struct Onlooker {
  explicit Onlooker(const test::SoftHsm& hsm) {
    void* const library = ::dlopen(hsm.module_path().c_str(), RTLD_NOW | RTLD_NOLOAD);
    REQUIRE(library != nullptr);
    auto* const get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    REQUIRE(get(&call) == CKR_OK);
    CK_SLOT_ID slots[8];
    CK_ULONG count = 8;
    REQUIRE(call->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK);
    REQUIRE(call->C_OpenSession(slots[0], CKF_SERIAL_SESSION, nullptr, nullptr, &session) ==
            CKR_OK);
  }

  Look look() const {
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE token{CKA_TOKEN, &yes, sizeof yes};
    if (const CK_RV rv = call->C_FindObjectsInit(session, &token, 1); rv != CKR_OK) return {rv, 0};
    CK_OBJECT_HANDLE found[64];
    CK_ULONG count = 0;
    const CK_RV rv = call->C_FindObjects(session, found, 64, &count);
    call->C_FindObjectsFinal(session);
    return {rv, count};
  }

  void end() const { call->C_CloseSession(session); }

  CK_FUNCTION_LIST* call = nullptr;
  CK_SESSION_HANDLE session = 0;
};

}  // namespace kw::core
