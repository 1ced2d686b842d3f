// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace kw {

// Code says what the caller can do about a failure. Each code has exactly one HTTP status.
enum class Code {
  InvalidArgument,     // 400  fix the request
  Unauthenticated,     // 401  prove who you are
  PermissionDenied,    // 403  ask for a grant
  NotFound,            // 404  there is no such thing
  AlreadyExists,       // 409
  FailedPrecondition,  // 409  the key's state forbids it: change the state first
  Aborted,             // 409  somebody was faster: read again, then retry
  PayloadTooLarge,     // 413
  ResourceExhausted,   // 429  slow down
  Unimplemented,       // 501  this token cannot do it
  Unavailable,         // 503  retry the same call
  DeadlineExceeded,    // 504  it may or may not have happened
  Internal,            // 500  our bug, or what is stored cannot be right: page somebody
};

// The code's name on the wire: "invalid_argument".
std::string_view name_of(Code code) noexcept;

// Error is one failure: a code to act on, a detail for operators, and, where the request itself is
// at fault, advice for the caller. `detail` is logged and never sent; `advice` is sent, so it names
// what to fix in the request and never holds key bytes, plaintext, PINs or a library's text.
class [[nodiscard]] Error {
 public:
  explicit Error(Code code, std::string detail, unsigned long rv = 0,
                 const char* file = __builtin_FILE(), int line = __builtin_LINE())
      : code_(code), detail_(std::move(detail)), rv_(rv), file_(file), line_(line) {}

  Code code() const noexcept { return code_; }
  const std::string& detail() const noexcept { return detail_; }
  const std::string& advice() const noexcept { return advice_; }
  unsigned long rv() const noexcept { return rv_; }  // the CK_RV behind it; 0 where there is none
  const char* file() const noexcept { return file_; }
  int line() const noexcept { return line_; }

  // Makes the detail fit for the caller too.
  Error&& advised() && {
    advice_ = detail_;
    return std::move(*this);
  }

 private:
  Code code_;
  std::string detail_;
  std::string advice_;
  unsigned long rv_;
  const char* file_;
  int line_;
};

// refusal is an Error whose text the caller may read: it says what to fix in the request.
inline Error refusal(Code code, std::string advice, const char* file = __builtin_FILE(),
                     int line = __builtin_LINE()) {
  return Error(code, std::move(advice), 0, file, line).advised();
}

// Result holds a value or the Error that kept it from existing. Asking for the wrong one ends the
// process. A subset of std::expected's member names, and can give way to it one day.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return *checked(std::get_if<0>(&state_)); }
  const T& value() const& { return *checked(std::get_if<0>(&state_)); }
  T&& value() && { return std::move(*checked(std::get_if<0>(&state_))); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return *checked(std::get_if<1>(&state_)); }
  const Error& error() const& { return *checked(std::get_if<1>(&state_)); }
  Error&& error() && { return std::move(*checked(std::get_if<1>(&state_))); }

 private:
  template <typename U>
  static U* checked(U* held) {
    if (held == nullptr) [[unlikely]] {
      std::abort();
    }
    return held;
  }

  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error) : error_(std::move(error)) {}

  bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  void value() const {
    if (error_) [[unlikely]] {
      std::abort();
    }
  }
  Error& error() & { return error_.value(); }
  const Error& error() const& { return error_.value(); }
  Error&& error() && { return std::move(error_.value()); }

 private:
  std::optional<Error> error_;
};

}  // namespace kw

// TRY yields the value of a Result, or returns its Error from the enclosing function. Not nested,
// not inside the braces of an aggregate, not among the arguments of new: g++ 12 and clang 16 never
// destroy the members that were already built, nor free the memory, when it returns. Read into
// locals first.
#define TRY(expr)                            \
  __extension__({                            \
    auto&& try_result_ = (expr);             \
    if (!try_result_) [[unlikely]] {         \
      return std::move(try_result_).error(); \
    }                                        \
    std::move(try_result_).value();          \
  })

// KW_ASSERT ends the process when what cannot happen happened. Always on.
#define KW_ASSERT(claim)                                                                 \
  do {                                                                                   \
    if (!(claim)) [[unlikely]] {                                                         \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #claim); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
