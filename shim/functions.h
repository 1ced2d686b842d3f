// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string_view>

namespace kw::shim {

// Every function of PKCS#11 2.40, each with what it works on: the module, a slot or a session.
// clang-format off
#define KW_SHIM_FUNCTIONS(X) \
  X(C_Initialize, Module) X(C_Finalize, Module) X(C_GetInfo, Module) X(C_GetFunctionList, Module) \
  X(C_GetSlotList, Module) X(C_WaitForSlotEvent, Module) X(C_GetSlotInfo, Module) \
  X(C_GetTokenInfo, Slot) X(C_GetMechanismList, Slot) X(C_GetMechanismInfo, Slot) \
  X(C_InitToken, Slot) X(C_OpenSession, Slot) X(C_CloseAllSessions, Slot) \
  X(C_InitPIN, Session) X(C_SetPIN, Session) X(C_CloseSession, Session) \
  X(C_GetSessionInfo, Session) X(C_GetOperationState, Session) X(C_SetOperationState, Session) \
  X(C_Login, Session) X(C_Logout, Session) X(C_CreateObject, Session) X(C_CopyObject, Session) \
  X(C_DestroyObject, Session) X(C_GetObjectSize, Session) X(C_GetAttributeValue, Session) \
  X(C_SetAttributeValue, Session) X(C_FindObjectsInit, Session) X(C_FindObjects, Session) \
  X(C_FindObjectsFinal, Session) X(C_EncryptInit, Session) X(C_Encrypt, Session) \
  X(C_EncryptUpdate, Session) X(C_EncryptFinal, Session) X(C_DecryptInit, Session) \
  X(C_Decrypt, Session) X(C_DecryptUpdate, Session) X(C_DecryptFinal, Session) \
  X(C_DigestInit, Session) X(C_Digest, Session) X(C_DigestUpdate, Session) \
  X(C_DigestKey, Session) X(C_DigestFinal, Session) X(C_SignInit, Session) X(C_Sign, Session) \
  X(C_SignUpdate, Session) X(C_SignFinal, Session) X(C_SignRecoverInit, Session) \
  X(C_SignRecover, Session) X(C_VerifyInit, Session) X(C_Verify, Session) \
  X(C_VerifyUpdate, Session) X(C_VerifyFinal, Session) X(C_VerifyRecoverInit, Session) \
  X(C_VerifyRecover, Session) X(C_DigestEncryptUpdate, Session) \
  X(C_DecryptDigestUpdate, Session) X(C_SignEncryptUpdate, Session) \
  X(C_DecryptVerifyUpdate, Session) X(C_GenerateKey, Session) X(C_GenerateKeyPair, Session) \
  X(C_WrapKey, Session) X(C_UnwrapKey, Session) X(C_DeriveKey, Session) \
  X(C_SeedRandom, Session) X(C_GenerateRandom, Session) X(C_GetFunctionStatus, Session) \
  X(C_CancelFunction, Session)
// clang-format on

// Function numbers them: kC_Sign is C_Sign's place in every table of the shim.
enum Function : std::size_t {
#define KW_SHIM_NUMBER(name, subject) k##name,
  KW_SHIM_FUNCTIONS(KW_SHIM_NUMBER)
#undef KW_SHIM_NUMBER
};

// Subject is what a function works on, and so what a lost token makes of it.
enum class Subject { Module, Slot, Session };

struct FunctionRow {
  std::string_view name;
  Subject subject;
};

inline constexpr FunctionRow kFunctions[] = {
#define KW_SHIM_ROW(name, subject) {#name, Subject::subject},
    KW_SHIM_FUNCTIONS(KW_SHIM_ROW)
#undef KW_SHIM_ROW
};
inline constexpr std::size_t kFunctionCount = std::size(kFunctions);

constexpr std::optional<Function> find_function(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kFunctionCount; ++i) {
    if (kFunctions[i].name == name) return static_cast<Function>(i);
  }
  return std::nullopt;
}

// Whether the function fills a buffer and says how much of it; C_FindObjects' buffer is of handles.
constexpr bool gives_length(Function function) noexcept {
  switch (function) {
    case kC_GetOperationState:
    case kC_FindObjects:
    case kC_Encrypt:
    case kC_EncryptUpdate:
    case kC_EncryptFinal:
    case kC_Decrypt:
    case kC_DecryptUpdate:
    case kC_DecryptFinal:
    case kC_Digest:
    case kC_DigestFinal:
    case kC_Sign:
    case kC_SignFinal:
    case kC_SignRecover:
    case kC_VerifyRecover:
    case kC_DigestEncryptUpdate:
    case kC_DecryptDigestUpdate:
    case kC_SignEncryptUpdate:
    case kC_DecryptVerifyUpdate:
    case kC_WrapKey:
      return true;
    default:
      return false;
  }
}

// Whether the function gives bytes that a rule may corrupt.
constexpr bool gives_bytes(Function function) noexcept {
  return (gives_length(function) && function != kC_FindObjects) || function == kC_GenerateRandom ||
         function == kC_GetAttributeValue;
}

}  // namespace kw::shim
