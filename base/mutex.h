// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

// Clang's thread-safety analysis; g++ sees nothing.
#if defined(__clang__)
#define KW_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define KW_THREAD_ANNOTATION(x)
#endif
#define KW_GUARDED_BY(x) KW_THREAD_ANNOTATION(guarded_by(x))
#define KW_REQUIRES(x) KW_THREAD_ANNOTATION(requires_capability(x))
#define KW_EXCLUDES(x) KW_THREAD_ANNOTATION(locks_excluded(x))

namespace kw {

// Mutex is std::mutex, annotated.
class KW_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() KW_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() KW_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
  friend class ConditionVariable;
  std::mutex mutex_;
};

class KW_THREAD_ANNOTATION(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) KW_THREAD_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() KW_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// ConditionVariable is std::condition_variable for a Mutex. std::condition_variable_any would do,
// but wakes a thread while it holds a mutex of its own: on the same processor the woken one runs,
// blocks on it, and is switched to a second time.
class ConditionVariable {
 public:
  void notify_one() noexcept { condition_.notify_one(); }
  void notify_all() noexcept { condition_.notify_all(); }

  void wait(Mutex& mutex) KW_REQUIRES(mutex) {
    Held held(mutex);
    condition_.wait(held.lock);
  }
  template <typename Predicate>
  void wait(Mutex& mutex, Predicate is_so) KW_REQUIRES(mutex) {
    Held held(mutex);
    condition_.wait(held.lock, is_so);
  }
  void wait_until(Mutex& mutex, std::chrono::steady_clock::time_point end) KW_REQUIRES(mutex) {
    Held held(mutex);
    condition_.wait_until(held.lock, end);
  }
  // Yields what the predicate says at last.
  template <typename Predicate>
  bool wait_until(Mutex& mutex, std::chrono::steady_clock::time_point end, Predicate is_so)
      KW_REQUIRES(mutex) {
    Held held(mutex);
    return condition_.wait_until(held.lock, end, is_so);
  }

 private:
  // The caller's lock, which stays his.
  struct Held {
    explicit Held(Mutex& mutex) : lock(mutex.mutex_, std::adopt_lock) {}
    ~Held() { (void)lock.release(); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    std::unique_lock<std::mutex> lock;
  };

  std::condition_variable condition_;
};

}  // namespace kw
