// SPDX-License-Identifier: Apache-2.0
#include "service/core/cure.h"

#include "pkcs11/return_value.h"

namespace kw::core {

Cure cure_of(const Error& error) {
  if (error.rv() == 0) return Cure::Nothing;
  switch (pkcs11::rv_class(error)) {
    case pkcs11::RvClass::Success:
    case pkcs11::RvClass::Caller:
      return Cure::Nothing;
    case pkcs11::RvClass::Session:
      return Cure::OtherSession;
    case pkcs11::RvClass::Handle:
      return Cure::FindAgain;
    case pkcs11::RvClass::Pool:
    case pkcs11::RvClass::Host:
      return Cure::Shed;
    case pkcs11::RvClass::Login:
      return Cure::LogIn;
    case pkcs11::RvClass::Latch:
      return Cure::Stop;
    case pkcs11::RvClass::Module:
      return Cure::Examine;
    case pkcs11::RvClass::Fixed:
      return Cure::Quarantine;
    case pkcs11::RvClass::Unknown:
      return Cure::Count;
  }
  KW_ASSERT(false);
}

bool may_work_again(Cure cure) {
  return cure == Cure::OtherSession || cure == Cure::FindAgain || cure == Cure::LogIn;
}

bool is_absence(const Error& error) { return error.code() == Code::Unavailable && error.rv() == 0; }

}  // namespace kw::core
