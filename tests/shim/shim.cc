// SPDX-License-Identifier: Apache-2.0
#include "tests/shim/shim.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pkcs11/cryptoki.h"
#include "pkcs11/return_value.h"
#include "tests/shim/rules.h"

// LeakSanitizer's, if the process that loads the shim has it.
extern "C" {
__attribute__((weak)) void __lsan_disable();
__attribute__((weak)) void __lsan_enable();
}

namespace kw::shim {
namespace {

// clang-format off
#define KW_FOR_EACH_FUNCTION(X) \
  X(C_Initialize) X(C_Finalize) X(C_GetInfo) X(C_GetFunctionList) X(C_GetSlotList) \
  X(C_GetSlotInfo) X(C_GetTokenInfo) X(C_GetMechanismList) X(C_GetMechanismInfo) X(C_InitToken) \
  X(C_InitPIN) X(C_SetPIN) X(C_OpenSession) X(C_CloseSession) X(C_CloseAllSessions) \
  X(C_GetSessionInfo) X(C_GetOperationState) X(C_SetOperationState) X(C_Login) X(C_Logout) \
  X(C_CreateObject) X(C_CopyObject) X(C_DestroyObject) X(C_GetObjectSize) X(C_GetAttributeValue) \
  X(C_SetAttributeValue) X(C_FindObjectsInit) X(C_FindObjects) X(C_FindObjectsFinal) \
  X(C_EncryptInit) X(C_Encrypt) X(C_EncryptUpdate) X(C_EncryptFinal) X(C_DecryptInit) \
  X(C_Decrypt) X(C_DecryptUpdate) X(C_DecryptFinal) X(C_DigestInit) X(C_Digest) \
  X(C_DigestUpdate) X(C_DigestKey) X(C_DigestFinal) X(C_SignInit) X(C_Sign) X(C_SignUpdate) \
  X(C_SignFinal) X(C_SignRecoverInit) X(C_SignRecover) X(C_VerifyInit) X(C_Verify) \
  X(C_VerifyUpdate) X(C_VerifyFinal) X(C_VerifyRecoverInit) X(C_VerifyRecover) \
  X(C_DigestEncryptUpdate) X(C_DecryptDigestUpdate) X(C_SignEncryptUpdate) \
  X(C_DecryptVerifyUpdate) X(C_GenerateKey) X(C_GenerateKeyPair) X(C_WrapKey) X(C_UnwrapKey) \
  X(C_DeriveKey) X(C_SeedRandom) X(C_GenerateRandom) X(C_GetFunctionStatus) X(C_CancelFunction) \
  X(C_WaitForSlotEvent)
// clang-format on

#define KW_NAME(function) #function,
constexpr const char* kNames[] = {KW_FOR_EACH_FUNCTION(KW_NAME)};
#undef KW_NAME
constexpr std::size_t kFunctions = std::size(kNames);

constexpr std::size_t kFlushAt = 1 << 16;

// State is all the shim knows. It is never destroyed: a hung thread may wake up after exit began.
struct State {
  std::mutex mutex;
  std::condition_variable cleared;
  unsigned long epoch = 0;  // counts clears
  unsigned long hanging = 0;
  std::vector<Rule> rules;
  bool rules_read = false;  // those of the environment
  unsigned long counts[kFunctions] = {};
  std::string record;
  std::string record_path;
  CK_FUNCTION_LIST* real = nullptr;
};

State& state() {
  static State* const kState = new State;
  return *kState;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Append mode keeps the lines of several processes whole, a write being one system call.
void flush_locked(State& shim) {
  if (shim.record.empty()) {
    return;
  }
  const int fd = ::open(shim.record_path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0 || ::write(fd, shim.record.data(), shim.record.size()) < 0) {
    std::perror("keyward-shim: cannot record");
  }
  if (fd >= 0) {
    ::close(fd);
  }
  shim.record.clear();
}

void record_call(std::size_t function, const CK_MECHANISM* mechanism, CK_RV rv) {
  State& shim = state();
  const std::lock_guard lock(shim.mutex);
  if (shim.record_path.empty()) {
    return;
  }
  char mechanism_text[24] = "-";
  if (mechanism != nullptr) {
    std::snprintf(mechanism_text, sizeof mechanism_text, "0x%lx", mechanism->mechanism);
  }
  shim.record.append(kNames[function]).append(" ").append(mechanism_text).append(" ");
  shim.record.append(pkcs11::describe(rv).name).append("\n");
  if (shim.record.size() >= kFlushAt) {
    flush_locked(shim);
  }
}

// Counts the call and waits as long as a rule says. The CK_RV to answer with, or CKR_OK to go on.
CK_RV obey(std::size_t function) {
  State& shim = state();
  std::unique_lock lock(shim.mutex);
  ++shim.counts[function];
  const Rule* decided = nullptr;
  for (Rule& rule : shim.rules) {
    if (rule.function == kNames[function] && rule.applies() && decided == nullptr) {
      decided = &rule;
    }
  }
  if (decided == nullptr) {
    return CKR_OK;
  }
  const Rule rule = *decided;
  if (rule.action == Rule::Action::Hang) {
    ++shim.hanging;
    shim.cleared.wait(lock, [&shim, epoch = shim.epoch] { return shim.epoch != epoch; });
    --shim.hanging;
  } else if (rule.action == Rule::Action::Delay) {
    lock.unlock();
    std::this_thread::sleep_for(rule.delay);
  }
  return rule.rv;
}

// The mechanism among a function's arguments: null if it takes none.
const CK_MECHANISM* find_mechanism() { return nullptr; }
template <typename First, typename... Rest>
const CK_MECHANISM* find_mechanism(First first, Rest... rest) {
  if constexpr (std::is_same_v<First, CK_MECHANISM*>) {
    return first;
  } else {
    return find_mechanism(rest...);
  }
}

// While it lives, LeakSanitizer, where the process runs under it, does not watch what this thread
// allocates: SoftHSM 2.6.1 leaks 37 bytes with each Ed25519 operation.
class ModulesOwnLeaks {
 public:
  ModulesOwnLeaks() {
    if (__lsan_disable != nullptr) __lsan_disable();
  }
  ~ModulesOwnLeaks() {
    if (__lsan_enable != nullptr) __lsan_enable();
  }
  ModulesOwnLeaks(const ModulesOwnLeaks&) = delete;
  ModulesOwnLeaks& operator=(const ModulesOwnLeaks&) = delete;
};

// Forward<member, number>::call is the shim's function in that place of the function list.
template <auto Member, std::size_t Function>
struct Forward;

template <typename... Args, CK_RV (*CK_FUNCTION_LIST::*Member)(Args...), std::size_t Function>
struct Forward<Member, Function> {
  static CK_RV call(Args... args) {
    CK_RV rv = obey(Function);
    if (rv == CKR_OK) {
      const ModulesOwnLeaks unwatched;
      rv = (state().real->*Member)(args...);
    }
    record_call(Function, find_mechanism(args...), rv);
    if (std::string_view(kNames[Function]) == "C_Finalize") {
      keyward_shim_flush();
    }
    return rv;
  }
};

enum Number : std::size_t {
#define KW_NUMBER(function) k##function,
  KW_FOR_EACH_FUNCTION(KW_NUMBER)
#undef KW_NUMBER
};

CK_FUNCTION_LIST* functions() {
  static CK_FUNCTION_LIST list = [] {
    CK_FUNCTION_LIST made{};
    made.version = {2, 40};
#define KW_FILL(function) made.function = &Forward<&CK_FUNCTION_LIST::function, k##function>::call;
    KW_FOR_EACH_FUNCTION(KW_FILL)
#undef KW_FILL
    return made;
  }();
  return &list;
}

CK_RV load_real_module(State& shim) {
  const std::string path = environment("KEYWARD_SHIM_MODULE");
  const ModulesOwnLeaks unwatched;
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto find =
      library == nullptr
          ? nullptr
          : reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  if (find == nullptr) {
    std::fprintf(stderr, "keyward-shim: KEYWARD_SHIM_MODULE is no PKCS#11 module: %s\n",
                 path.c_str());
    return CKR_LIBRARY_LOAD_FAILED;
  }
  return find(&shim.real);
}

bool add_rules_of_environment(State& shim) {
  ParsedRules parsed = parse_rules(environment("KEYWARD_SHIM_RULES"));
  if (parsed.bad_line != 0) {
    std::fprintf(stderr, "keyward-shim: KEYWARD_SHIM_RULES: line %d is no rule\n", parsed.bad_line);
  }
  std::ranges::move(parsed.rules, std::back_inserter(shim.rules));
  return parsed.bad_line == 0;
}

__attribute__((destructor)) void flush_at_exit() { keyward_shim_flush(); }

}  // namespace
}  // namespace kw::shim

#define KW_EXPORT __attribute__((visibility("default")))

extern "C" {

// The record's path is read anew each time, so that one process can serve several tests.
KW_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  kw::shim::State& shim = kw::shim::state();
  const std::lock_guard lock(shim.mutex);
  kw::shim::flush_locked(shim);
  shim.record_path = kw::shim::environment("KEYWARD_SHIM_RECORD");
  if (!std::exchange(shim.rules_read, true) && !kw::shim::add_rules_of_environment(shim)) {
    return CKR_ARGUMENTS_BAD;
  }
  *list = kw::shim::functions();
  return shim.real != nullptr ? CKR_OK : kw::shim::load_real_module(shim);
}

KW_EXPORT int keyward_shim_rules(const char* text) {
  kw::shim::ParsedRules parsed = kw::shim::parse_rules(text);
  kw::shim::State& shim = kw::shim::state();
  const std::lock_guard lock(shim.mutex);
  std::ranges::move(parsed.rules, std::back_inserter(shim.rules));
  return parsed.bad_line;
}

KW_EXPORT void keyward_shim_clear(void) {
  kw::shim::State& shim = kw::shim::state();
  const std::lock_guard lock(shim.mutex);
  shim.rules.clear();
  std::ranges::fill(shim.counts, 0UL);
  ++shim.epoch;
  shim.cleared.notify_all();
}

KW_EXPORT unsigned long keyward_shim_count(const char* function) {
  kw::shim::State& shim = kw::shim::state();
  const std::lock_guard lock(shim.mutex);
  const auto* const found = std::ranges::find(kw::shim::kNames, std::string_view(function));
  return found == std::end(kw::shim::kNames)
             ? 0
             : shim.counts[static_cast<std::size_t>(found - std::begin(kw::shim::kNames))];
}

KW_EXPORT unsigned long keyward_shim_hanging(void) {
  kw::shim::State& shim = kw::shim::state();
  const std::lock_guard lock(shim.mutex);
  return shim.hanging;
}

KW_EXPORT void keyward_shim_flush(void) {
  kw::shim::State& shim = kw::shim::state();
  const std::lock_guard lock(shim.mutex);
  kw::shim::flush_locked(shim);
}

}  // extern "C"
