// SPDX-License-Identifier: Apache-2.0
// A PKCS#11 module whose token is in another process: each call goes to a host (host.cc), which the
// module starts when it is initialized and which ends with it. KEYWARD_REMOTE_MODULE is the module
// that the host loads. What is not in functions.h is refused.
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <mutex>
#include <utility>

#include "tests/residency/remote/wire.h"

namespace kw::remote {
namespace {

// Host is the process with the token: one call at a time. Never destroyed; safe for concurrent use.
class Host {
 public:
  static Host& get() {
    static auto* const kHost = new Host;
    return *kHost;
  }

  CK_RV call(Function function, std::span<Word> arguments) {
    const std::lock_guard lock(mutex_);
    const bool begins = function == shim::kC_Initialize;
    if (begins && socket_ >= 0) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (begins && !start()) return CKR_GENERAL_ERROR;
    if (socket_ < 0) return CKR_CRYPTOKI_NOT_INITIALIZED;
    const CK_RV rv = ask(function, arguments);
    if (function == shim::kC_Finalize || (begins && rv != CKR_OK)) end();
    return rv;
  }

 private:
  // The host has the other end as its standard input.
  bool start() {
    const char* const module = std::getenv("KEYWARD_REMOTE_MODULE");
    std::array<int, 2> ends{};
    if (module == nullptr ||
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
      return false;
    }
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
    std::string words[] = {KEYWARD_TOKEN_HOST, module};
    char* const arguments[] = {words[0].data(), words[1].data(), nullptr};
    const bool started =
        ::posix_spawn(&process_, KEYWARD_TOKEN_HOST, &actions, nullptr, arguments, environ) == 0;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    socket_ = ends[0];
    if (!started) ::close(std::exchange(socket_, -1));
    return started;
  }

  CK_RV ask(Function function, std::span<Word> arguments) {
    Frame question;
    std::uint64_t number = function;
    question.pass(number);
    pass_question(question, function, arguments);
    std::string text;
    if (!send_frame(socket_, question.text()) || !receive_frame(socket_, text)) {
      return CKR_DEVICE_ERROR;
    }
    Frame answer(std::move(text));
    CK_RV rv = CKR_DEVICE_ERROR;
    answer.pass(rv);
    pass_answer(answer, function, arguments, rv);
    return answer.is_broken() ? CKR_DEVICE_ERROR : rv;
  }

  void end() {
    ::close(std::exchange(socket_, -1));
    (void)::waitpid(process_, nullptr, 0);
  }

  std::mutex mutex_;
  int socket_ = -1;
  pid_t process_ = -1;
};

const CK_MECHANISM* mechanism_of(CK_MECHANISM* mechanism) { return mechanism; }
template <typename Other>
const CK_MECHANISM* mechanism_of(Other /*argument*/) {
  return nullptr;
}

// Forward<member, number>::call is the module's function in that place of the function list.
template <auto kMember, Function kFunction>
struct Forward;

template <typename... Args, CK_RV (*CK_FUNCTION_LIST::*kMember)(Args...), Function kFunction>
struct Forward<kMember, kFunction> {
  static CK_RV call(Args... args) {
    if constexpr (parameters_of(kFunction).empty()) {
      return CKR_FUNCTION_NOT_SUPPORTED;
    } else {
      for (const CK_MECHANISM* const each : {mechanism_of(args)...}) {
        if (each != nullptr && !can_pass(*each)) return CKR_MECHANISM_PARAM_INVALID;
      }
      std::array words{to_word(args)...};
      return Host::get().call(kFunction, words);
    }
  }
};

CK_FUNCTION_LIST* functions() {
  static CK_FUNCTION_LIST list = [] {
    CK_FUNCTION_LIST made{};
    made.version = {2, 40};
#define KW_REMOTE_FILL(name, subject) \
  made.name = &Forward<&CK_FUNCTION_LIST::name, shim::k##name>::call;
    KW_SHIM_FUNCTIONS(KW_REMOTE_FILL)
#undef KW_REMOTE_FILL
    return made;
  }();
  return &list;
}

}  // namespace
}  // namespace kw::remote

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  if (list == nullptr) return CKR_ARGUMENTS_BAD;
  *list = kw::remote::functions();
  return CKR_OK;
}
