// SPDX-License-Identifier: Apache-2.0
// A PKCS#11 module for one test: it notes what C_Initialize is given.
#include <p11-kit/pkcs11.h>

#include <string>

namespace {

CK_FLAGS seen_flags = 0;
std::string seen_parameters;

CK_RV initialize(void* arguments) {
  const auto* const given = static_cast<const CK_C_INITIALIZE_ARGS*>(arguments);
  seen_flags = given == nullptr ? 0 : given->flags;
  const bool told = given != nullptr && given->pReserved != nullptr;
  seen_parameters = told ? static_cast<const char*>(given->pReserved) : "";
  return CKR_OK;
}

CK_RV finalize(void*) { return CKR_OK; }
CK_RV get_info(CK_INFO*) { return CKR_OK; }

CK_FUNCTION_LIST functions = [] {
  CK_FUNCTION_LIST list{};
  list.version = {2, 40};
  list.C_Initialize = initialize;
  list.C_Finalize = finalize;
  list.C_GetInfo = get_info;
  return list;
}();

}  // namespace

extern "C" {
__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  *list = &functions;
  return CKR_OK;
}
__attribute__((visibility("default"))) unsigned long init_probe_flags() { return seen_flags; }
__attribute__((visibility("default"))) const char* init_probe_parameters() {
  return seen_parameters.c_str();
}
}
