// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstddef>
#include <span>

#include "shim/functions.h"

// What the module of this folder has another process do: the functions that the service may call
// (tests/lint/token_functions.txt) and no other.
namespace kw::remote {

using shim::Function;

// Shape is how one or more arguments that belong together go across.
enum class Shape {
  Number,     // a number or a handle
  Unsent,     // null on the other side
  Out,        // where something of a fixed size is put
  Bytes,      // bytes, and how many
  Filled,     // where so many bytes are put
  Room,       // where items are put, or null; and how many: first may be, then are
  Found,      // where handles are put; how many at most; where their count is put
  Template,   // attributes with values, and how many
  Asked,      // attributes whose values are put where they point to, and how many
  Mechanism,  // with its parameter
};

struct Parameter {
  Shape shape;
  std::size_t size = 0;  // of what is put, or of an item
};

inline constexpr Parameter kNumber{Shape::Number};
inline constexpr Parameter kUnsent{Shape::Unsent};
inline constexpr Parameter kHandle{Shape::Out, sizeof(CK_OBJECT_HANDLE)};
template <typename Structure>
inline constexpr Parameter kOut{Shape::Out, sizeof(Structure)};
inline constexpr Parameter kBytes{Shape::Bytes};
inline constexpr Parameter kFilled{Shape::Filled};
template <typename Item>
inline constexpr Parameter kRoom{Shape::Room, sizeof(Item)};
inline constexpr Parameter kFound{Shape::Found};
inline constexpr Parameter kTemplate{Shape::Template};
inline constexpr Parameter kAsked{Shape::Asked};
inline constexpr Parameter kMechanism{Shape::Mechanism};

// clang-format off
#define KW_REMOTE_FUNCTIONS(X) \
  X(C_Initialize, kUnsent) \
  X(C_Finalize, kUnsent) \
  X(C_GetInfo, kOut<CK_INFO>) \
  X(C_GetSlotList, kNumber, kRoom<CK_SLOT_ID>) \
  X(C_GetTokenInfo, kNumber, kOut<CK_TOKEN_INFO>) \
  X(C_OpenSession, kNumber, kNumber, kUnsent, kUnsent, kHandle) \
  X(C_CloseSession, kNumber) \
  X(C_Login, kNumber, kNumber, kBytes) \
  X(C_FindObjectsInit, kNumber, kTemplate) \
  X(C_FindObjects, kNumber, kFound) \
  X(C_FindObjectsFinal, kNumber) \
  X(C_GetAttributeValue, kNumber, kNumber, kAsked) \
  X(C_GenerateKey, kNumber, kMechanism, kTemplate, kHandle) \
  X(C_GenerateKeyPair, kNumber, kMechanism, kTemplate, kTemplate, kHandle, kHandle) \
  X(C_DestroyObject, kNumber, kNumber) \
  X(C_WrapKey, kNumber, kMechanism, kNumber, kNumber, kRoom<CK_BYTE>) \
  X(C_UnwrapKey, kNumber, kMechanism, kNumber, kBytes, kTemplate, kHandle) \
  X(C_DeriveKey, kNumber, kMechanism, kNumber, kTemplate, kHandle) \
  X(C_EncryptInit, kNumber, kMechanism, kNumber) \
  X(C_Encrypt, kNumber, kBytes, kRoom<CK_BYTE>) \
  X(C_DecryptInit, kNumber, kMechanism, kNumber) \
  X(C_Decrypt, kNumber, kBytes, kRoom<CK_BYTE>) \
  X(C_SignInit, kNumber, kMechanism, kNumber) \
  X(C_Sign, kNumber, kBytes, kRoom<CK_BYTE>) \
  X(C_GenerateRandom, kNumber, kFilled)
// clang-format on

#define KW_REMOTE_ROW(name, ...) inline constexpr Parameter k##name##Takes[] = {__VA_ARGS__};
KW_REMOTE_FUNCTIONS(KW_REMOTE_ROW)
#undef KW_REMOTE_ROW

// What the function takes; nothing of one that does not go across.
constexpr std::span<const Parameter> parameters_of(Function function) {
  switch (function) {
#define KW_REMOTE_CASE(name, ...) \
  case shim::k##name:             \
    return k##name##Takes;
    KW_REMOTE_FUNCTIONS(KW_REMOTE_CASE)
#undef KW_REMOTE_CASE
    default:
      return {};
  }
}

}  // namespace kw::remote
