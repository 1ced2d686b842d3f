// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace kw {

template <typename Signature>
class Task;

// Task is a callable that need not be copyable, so that it can own a Secret (std::function cannot,
// and std::move_only_function is C++23). Calling an empty one ends the process.
template <typename R, typename... Args>
class [[nodiscard]] Task<R(Args...)> {
 public:
  Task() = default;
  template <typename F>
    requires(!std::is_same_v<std::remove_cvref_t<F>, Task>)
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): a Task is excluded above
  Task(F&& body) : body_(std::make_unique<Body<std::decay_t<F>>>(std::forward<F>(body))) {}

  explicit operator bool() const noexcept { return body_ != nullptr; }
  R operator()(Args... args) { return body_->call(std::forward<Args>(args)...); }

 private:
  struct Callable {
    virtual ~Callable() = default;
    virtual R call(Args... args) = 0;
  };
  template <typename F>
  struct Body final : Callable {
    explicit Body(F callable) : body(std::move(callable)) {}
    R call(Args... args) override { return body(std::forward<Args>(args)...); }
    F body;
  };

  std::unique_ptr<Callable> body_;
};

}  // namespace kw
