// SPDX-License-Identifier: Apache-2.0
#include "base/result.h"

namespace kw {

std::string_view name_of(Code code) noexcept {
  switch (code) {
    case Code::InvalidArgument:
      return "invalid_argument";
    case Code::Unauthenticated:
      return "unauthenticated";
    case Code::PermissionDenied:
      return "permission_denied";
    case Code::NotFound:
      return "not_found";
    case Code::AlreadyExists:
      return "already_exists";
    case Code::FailedPrecondition:
      return "failed_precondition";
    case Code::Aborted:
      return "aborted";
    case Code::PayloadTooLarge:
      return "payload_too_large";
    case Code::ResourceExhausted:
      return "resource_exhausted";
    case Code::Unimplemented:
      return "unimplemented";
    case Code::Unavailable:
      return "unavailable";
    case Code::DeadlineExceeded:
      return "deadline_exceeded";
    case Code::Internal:
      return "internal";
  }
  return {};
}

}  // namespace kw
