// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/return_value.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "pkcs11/cryptoki.h"

namespace kw::pkcs11 {
namespace {

SessionFate fate_of(RvClass rv_class) noexcept {
  switch (rv_class) {
    case RvClass::Session:
    case RvClass::Module:
    case RvClass::Host:
    case RvClass::Unknown:
      return SessionFate::Drop;
    case RvClass::Success:
    case RvClass::Caller:
    case RvClass::Handle:
    case RvClass::Pool:
    case RvClass::Login:
    case RvClass::Latch:
    case RvClass::Fixed:
      return SessionFate::Keep;
  }
  return SessionFate::Drop;
}

struct Row {
  unsigned long value;
  std::string_view name;
  RvClass rv_class;
  Code code;
};

#define KW_RV(name, rv_class, code) \
  { name, #name, RvClass::rv_class, Code::code }

constexpr Row kTable[] = {
    KW_RV(CKR_OK, Success, Internal),

    KW_RV(CKR_ENCRYPTED_DATA_INVALID, Caller, InvalidArgument),
    KW_RV(CKR_ENCRYPTED_DATA_LEN_RANGE, Caller, InvalidArgument),
    KW_RV(CKR_AEAD_DECRYPT_FAILED, Caller, InvalidArgument),
    KW_RV(CKR_WRAPPED_KEY_INVALID, Caller, InvalidArgument),
    KW_RV(CKR_WRAPPED_KEY_LEN_RANGE, Caller, InvalidArgument),
    KW_RV(CKR_SIGNATURE_INVALID, Caller, InvalidArgument),
    KW_RV(CKR_SIGNATURE_LEN_RANGE, Caller, InvalidArgument),
    KW_RV(CKR_DATA_INVALID, Caller, InvalidArgument),
    KW_RV(CKR_DATA_LEN_RANGE, Caller, InvalidArgument),

    KW_RV(CKR_SESSION_HANDLE_INVALID, Session, Unavailable),
    KW_RV(CKR_SESSION_CLOSED, Session, Unavailable),
    KW_RV(CKR_OPERATION_ACTIVE, Session, Unavailable),
    KW_RV(CKR_OPERATION_NOT_INITIALIZED, Session, Unavailable),
    KW_RV(CKR_OPERATION_CANCEL_FAILED, Session, Unavailable),
    KW_RV(CKR_FUNCTION_CANCELED, Session, Unavailable),
    KW_RV(CKR_CANCEL, Session, Unavailable),
    KW_RV(CKR_BUFFER_TOO_SMALL, Session, Unavailable),

    KW_RV(CKR_KEY_HANDLE_INVALID, Handle, Unavailable),
    KW_RV(CKR_OBJECT_HANDLE_INVALID, Handle, Unavailable),
    KW_RV(CKR_WRAPPING_KEY_HANDLE_INVALID, Handle, Unavailable),
    KW_RV(CKR_UNWRAPPING_KEY_HANDLE_INVALID, Handle, Unavailable),

    KW_RV(CKR_SESSION_COUNT, Pool, Unavailable),
    KW_RV(CKR_SESSION_PARALLEL_NOT_SUPPORTED, Pool, Unavailable),
    KW_RV(CKR_TOKEN_RESOURCE_EXCEEDED, Pool, Unavailable),

    KW_RV(CKR_USER_NOT_LOGGED_IN, Login, Unavailable),
    KW_RV(CKR_USER_ALREADY_LOGGED_IN, Login, Unavailable),

    KW_RV(CKR_PIN_INCORRECT, Latch, Unavailable),
    KW_RV(CKR_PIN_INVALID, Latch, Unavailable),
    KW_RV(CKR_PIN_LEN_RANGE, Latch, Unavailable),
    KW_RV(CKR_PIN_EXPIRED, Latch, Unavailable),
    KW_RV(CKR_PIN_LOCKED, Latch, Unavailable),
    KW_RV(CKR_PIN_TOO_WEAK, Latch, Unavailable),
    KW_RV(CKR_NEW_PIN_MODE, Latch, Unavailable),
    KW_RV(CKR_NEXT_OTP, Latch, Unavailable),
    KW_RV(CKR_USER_PIN_NOT_INITIALIZED, Latch, Unavailable),
    KW_RV(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, Latch, Unavailable),

    KW_RV(CKR_CRYPTOKI_NOT_INITIALIZED, Module, Unavailable),
    KW_RV(CKR_DEVICE_ERROR, Module, Unavailable),
    KW_RV(CKR_DEVICE_MEMORY, Module, Unavailable),
    KW_RV(CKR_DEVICE_REMOVED, Module, Unavailable),
    KW_RV(CKR_TOKEN_NOT_PRESENT, Module, Unavailable),
    KW_RV(CKR_TOKEN_NOT_RECOGNIZED, Module, Unavailable),
    KW_RV(CKR_SLOT_ID_INVALID, Module, Unavailable),
    KW_RV(CKR_GENERAL_ERROR, Module, Unavailable),
    KW_RV(CKR_FUNCTION_FAILED, Module, Unavailable),
    KW_RV(CKR_FUNCTION_NOT_PARALLEL, Module, Unavailable),
    KW_RV(CKR_MUTEX_BAD, Module, Unavailable),
    KW_RV(CKR_MUTEX_NOT_LOCKED, Module, Unavailable),
    KW_RV(CKR_FIPS_SELF_TEST_FAILED, Module, Unavailable),
    KW_RV(CKR_LIBRARY_LOAD_FAILED, Module, Unavailable),

    KW_RV(CKR_HOST_MEMORY, Host, Unavailable),
    KW_RV(CKR_CANT_LOCK, Host, Unavailable),
    KW_RV(CKR_NEED_TO_CREATE_THREADS, Host, Unavailable),

    // What the token cannot do at all.
    KW_RV(CKR_MECHANISM_INVALID, Fixed, Unimplemented),
    KW_RV(CKR_FUNCTION_NOT_SUPPORTED, Fixed, Unimplemented),
    KW_RV(CKR_CURVE_NOT_SUPPORTED, Fixed, Unimplemented),
    KW_RV(CKR_DOMAIN_PARAMS_INVALID, Fixed, Unimplemented),
    KW_RV(CKR_KEY_SIZE_RANGE, Fixed, Unimplemented),

    // What is our bug, or a token that changed.
    KW_RV(CKR_CRYPTOKI_ALREADY_INITIALIZED, Fixed, FailedPrecondition),
    KW_RV(CKR_MECHANISM_PARAM_INVALID, Fixed, Internal),
    KW_RV(CKR_KEY_TYPE_INCONSISTENT, Fixed, Internal),
    KW_RV(CKR_KEY_FUNCTION_NOT_PERMITTED, Fixed, Internal),
    KW_RV(CKR_KEY_UNEXTRACTABLE, Fixed, Internal),
    KW_RV(CKR_KEY_NOT_WRAPPABLE, Fixed, Internal),
    KW_RV(CKR_KEY_NOT_NEEDED, Fixed, Internal),
    KW_RV(CKR_KEY_CHANGED, Fixed, Internal),
    KW_RV(CKR_KEY_NEEDED, Fixed, Internal),
    KW_RV(CKR_KEY_INDIGESTIBLE, Fixed, Internal),
    KW_RV(CKR_ATTRIBUTE_READ_ONLY, Fixed, Internal),
    KW_RV(CKR_ATTRIBUTE_SENSITIVE, Fixed, Internal),
    KW_RV(CKR_ATTRIBUTE_TYPE_INVALID, Fixed, Internal),
    KW_RV(CKR_ATTRIBUTE_VALUE_INVALID, Fixed, Internal),
    KW_RV(CKR_TEMPLATE_INCOMPLETE, Fixed, Internal),
    KW_RV(CKR_TEMPLATE_INCONSISTENT, Fixed, Internal),
    KW_RV(CKR_ARGUMENTS_BAD, Fixed, Internal),
    KW_RV(CKR_ACTION_PROHIBITED, Fixed, Internal),
    KW_RV(CKR_SESSION_READ_ONLY, Fixed, Internal),
    KW_RV(CKR_SESSION_EXISTS, Fixed, Internal),
    KW_RV(CKR_SESSION_READ_ONLY_EXISTS, Fixed, Internal),
    KW_RV(CKR_SESSION_READ_WRITE_SO_EXISTS, Fixed, Internal),
    KW_RV(CKR_TOKEN_WRITE_PROTECTED, Fixed, Internal),
    KW_RV(CKR_RANDOM_NO_RNG, Fixed, Internal),
    KW_RV(CKR_RANDOM_SEED_NOT_SUPPORTED, Fixed, Internal),
    KW_RV(CKR_UNWRAPPING_KEY_SIZE_RANGE, Fixed, Internal),
    KW_RV(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, Fixed, Internal),
    KW_RV(CKR_WRAPPING_KEY_SIZE_RANGE, Fixed, Internal),
    KW_RV(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, Fixed, Internal),
    KW_RV(CKR_USER_TYPE_INVALID, Fixed, Internal),
    KW_RV(CKR_USER_TOO_MANY_TYPES, Fixed, Internal),
    KW_RV(CKR_NO_EVENT, Fixed, Internal),
    KW_RV(CKR_SAVED_STATE_INVALID, Fixed, Internal),
    KW_RV(CKR_INFORMATION_SENSITIVE, Fixed, Internal),
    KW_RV(CKR_STATE_UNSAVEABLE, Fixed, Internal),
    KW_RV(CKR_EXCEEDED_MAX_ITERATIONS, Fixed, Internal),
    KW_RV(CKR_PUBLIC_KEY_INVALID, Fixed, Internal),
    KW_RV(CKR_FUNCTION_REJECTED, Fixed, Internal),
};
#undef KW_RV

ReturnValue to_return_value(const Row& row) noexcept {
  return {row.value, row.name, row.rv_class, row.code, fate_of(row.rv_class)};
}

}  // namespace

ReturnValue describe(unsigned long rv) noexcept {
  const auto row = std::ranges::find(kTable, rv, &Row::value);
  if (row == std::end(kTable)) {
    return to_return_value({rv, "CKR_(unknown)", RvClass::Unknown, Code::Unavailable});
  }
  return to_return_value(*row);
}

std::optional<ReturnValue> find_return_value(std::string_view name) noexcept {
  const auto row = std::ranges::find(kTable, name, &Row::name);
  if (row == std::end(kTable)) {
    return std::nullopt;
  }
  return to_return_value(*row);
}

std::vector<ReturnValue> all_return_values() {
  std::vector<ReturnValue> rows;
  std::ranges::transform(kTable, std::back_inserter(rows), to_return_value);
  return rows;
}

RvClass rv_class(const Error& error) noexcept {
  return error.rv() == CKR_OK ? RvClass::Unknown : describe(error.rv()).rv_class;
}

bool is_ambiguous_on_decrypt(const Error& error) noexcept {
  return error.rv() == CKR_GENERAL_ERROR || error.rv() == CKR_FUNCTION_FAILED;
}

Error fail(unsigned long rv, std::string_view function, const char* file, int line) {
  const ReturnValue known = describe(rv);
  std::string detail(function);
  detail.append(": ").append(known.name);
  if (known.rv_class == RvClass::Unknown) {
    char number[24];
    std::snprintf(number, sizeof number, " 0x%lx", rv);
    detail.append(number);
  }
  return Error(known.code, std::move(detail), rv, file, line);
}

}  // namespace kw::pkcs11
