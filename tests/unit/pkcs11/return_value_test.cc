// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/return_value.h"

#include <set>

#include "pkcs11/cryptoki.h"
#include "tests/support/expect.h"

namespace kw::pkcs11 {

TEST_CASE("return_value: every class has its cure", "[pkcs11][rv]") {
  CHECK(pkcs11::describe(CKR_ENCRYPTED_DATA_INVALID).rv_class == RvClass::Caller);
  CHECK(pkcs11::describe(CKR_OPERATION_ACTIVE).rv_class == RvClass::Session);
  CHECK(pkcs11::describe(CKR_OPERATION_ACTIVE).fate == pkcs11::SessionFate::Drop);
  CHECK(pkcs11::describe(CKR_OBJECT_HANDLE_INVALID).rv_class == RvClass::Handle);
  CHECK(pkcs11::describe(CKR_SESSION_COUNT).rv_class == RvClass::Pool);
  CHECK(pkcs11::describe(CKR_USER_NOT_LOGGED_IN).rv_class == RvClass::Login);
  CHECK(pkcs11::describe(CKR_PIN_INCORRECT).rv_class == RvClass::Latch);
  CHECK(pkcs11::describe(CKR_DEVICE_REMOVED).rv_class == RvClass::Module);
  CHECK(pkcs11::describe(CKR_HOST_MEMORY).rv_class == RvClass::Host);
  CHECK(pkcs11::describe(CKR_KEY_FUNCTION_NOT_PERMITTED).rv_class == RvClass::Fixed);
  CHECK(pkcs11::describe(CKR_KEY_FUNCTION_NOT_PERMITTED).code == Code::Internal);
  CHECK(pkcs11::describe(CKR_MECHANISM_INVALID).code == Code::Unimplemented);
}

TEST_CASE("return_value: a vendor's code is of class Unknown and shows its number",
          "[pkcs11][rv]") {
  const Error error = pkcs11::fail(CKR_VENDOR_DEFINED | 0x42, "C_Sign");
  CHECK(pkcs11::rv_class(error) == RvClass::Unknown);
  CHECK(error.code() == Code::Unavailable);
  CHECK(error.detail() == "C_Sign: CKR_(unknown) 0x80000042");
}

TEST_CASE("return_value: a failed call says which function, which code, and no advice",
          "[pkcs11][rv]") {
  const Error error = pkcs11::fail(CKR_GENERAL_ERROR, "C_Decrypt");
  CHECK(error.detail() == "C_Decrypt: CKR_GENERAL_ERROR");
  CHECK(error.rv() == CKR_GENERAL_ERROR);
  CHECK(error.advice().empty());
  CHECK(pkcs11::is_ambiguous_on_decrypt(error));
  CHECK_FALSE(pkcs11::is_ambiguous_on_decrypt(pkcs11::fail(CKR_DEVICE_ERROR, "C_Decrypt")));
}

TEST_CASE("return_value: all rows are there, each once", "[pkcs11][rv]") {
  std::set<unsigned long> values;
  for (const ReturnValue& row : all_return_values()) {
    CHECK(values.insert(row.value).second);
    CHECK(pkcs11::find_return_value(row.name)->value == row.value);
  }
  CHECK(values.size() > 90);
}

TEST_CASE("return_value: names lead back to their numbers", "[pkcs11][rv]") {
  CHECK(pkcs11::find_return_value("CKR_DEVICE_ERROR")->value == CKR_DEVICE_ERROR);
  CHECK(pkcs11::find_return_value("CKR_AEAD_DECRYPT_FAILED")->value == 0x35);
  CHECK_FALSE(pkcs11::find_return_value("CKR_NO_SUCH_NAME"));
  CHECK_FALSE(pkcs11::find_return_value(""));
}

}  // namespace kw::pkcs11
