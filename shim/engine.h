// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <p11-kit/pkcs11.h>
#include <sys/stat.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/rules.h"

namespace kw::shim {

// Output is where a call puts bytes, and how many. Null where it gives none, or not now.
struct Output {
  CK_BYTE* bytes = nullptr;
  CK_ULONG* length = nullptr;  // null for a buffer that is filled whole
  CK_ULONG size = 0;           // then this is its size
};

// Order is what the rules say of one call.
struct Order {
  std::optional<CK_RV> answer;  // give this and do not ask the real module
  std::optional<Rule> rule;     // the rule that applies
  bool corrupted = false;       // a rule changed the output
};

// Engine holds the rules in force and what they did. It is made once and never destroyed: a hung
// thread may wake up after exit began. Safe for concurrent use.
class Engine {
 public:
  static Engine& get();

  // Reads the rules of the environment, once, and loads the real module, once. Errors, on stderr
  // too: CKR_LIBRARY_LOAD_FAILED. Rules that cannot be read make every later call fail.
  CK_RV load();
  CK_FUNCTION_LIST* real() const noexcept { return real_; }

  // Counts the call and obeys what is to happen before it: waits, ends the process, loses sessions.
  Order begin(Function function, const CK_MECHANISM* mechanism);
  // What the caller is told, given the real module's answer; corrupts the output.
  CK_RV judge(Order& order, Function function, CK_RV rv, const Output& output);
  // Obeys what is to happen after it.
  void finish(const Order& order) const;

  bool token_is_lost();
  bool is_masked(CK_MECHANISM_TYPE type);
  bool pin_is_locked();
  // C_GetTokenInfo's flags about wrong PINs.
  CK_FLAGS pin_flags();
  void note_login(CK_RV rv);

  // What the exported functions of shim.h do.
  int add(std::string_view text);
  void clear();
  unsigned long count(Function function);
  unsigned long hanging();
  unsigned long wrong_pins();

  // RealCall is one call in the real module. None runs while sessions are being lost.
  class RealCall {
   public:
    explicit RealCall(Engine& engine);
    ~RealCall();
    RealCall(const RealCall&) = delete;
    RealCall& operator=(const RealCall&) = delete;

   private:
    Engine& engine_;
  };

 private:
  using Lock = std::unique_lock<std::mutex>;

  // RulesFile is the file whose rules follow it while the process runs.
  struct RulesFile {
    std::string path;
    struct stat seen = {};
    bool read = false;
    std::string problem;
    std::vector<Rule> rules;
  };

  Engine() = default;
  CK_RV open_module();
  void open_files();
  void read_environment();
  void refresh_file();
  void read_file();
  std::optional<Rule> decide(Function function, bool acts_on_output);
  std::optional<CK_RV> answer_of_lost_token(Function function);
  void obey_before(Lock& lock, const Rule& rule);
  void wait_for_release(Lock& lock);
  void lose_sessions(Lock& lock);
  void release_all();
  const Rule* find_rule(Action action, unsigned long number) const;
  unsigned long tries_so_far() const;

  std::mutex mutex_;
  std::condition_variable changed_;
  CK_FUNCTION_LIST* real_ = nullptr;
  bool environment_read_ = false;
  std::string problem_;      // of the environment: every call fails
  std::string unwritable_;   // the variable whose file cannot be written
  std::vector<Rule> rules_;  // of the environment and of keyward_shim_rules
  RulesFile file_;
  std::array<unsigned long, kFunctionCount> counts_{};
  unsigned long epoch_ = 0;  // counts what lets hung calls go
  unsigned long hanging_ = 0;
  unsigned long in_flight_ = 0;  // calls in the real module
  bool losing_ = false;
  bool lost_ = false;
  std::optional<std::chrono::steady_clock::time_point> back_at_;
  unsigned long wrong_pins_ = 0;
};

// While it lives, LeakSanitizer, where the process runs under it, does not watch what this thread
// allocates: SoftHSM 2.6.1 leaks 37 bytes with each Ed25519 operation.
class ModulesOwnLeaks {
 public:
  ModulesOwnLeaks();
  ~ModulesOwnLeaks();
  ModulesOwnLeaks(const ModulesOwnLeaks&) = delete;
  ModulesOwnLeaks& operator=(const ModulesOwnLeaks&) = delete;
};

}  // namespace kw::shim
