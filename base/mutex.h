// SPDX-License-Identifier: Apache-2.0
#pragma once

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

// Mutex is std::mutex, annotated. Works with std::condition_variable_any.
class KW_THREAD_ANNOTATION(capability("mutex")) Mutex {
 public:
  void lock() KW_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() KW_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }

 private:
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

}  // namespace kw
