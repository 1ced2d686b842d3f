// SPDX-License-Identifier: Apache-2.0
#include "shim/engine.h"

#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>

#include "shim/record.h"
#include "shim/tally.h"

// LeakSanitizer's, if the process that loads the shim has it.
extern "C" {
__attribute__((weak)) void __lsan_disable();
__attribute__((weak)) void __lsan_enable();
}

namespace kw::shim {
namespace {

// How often a hung call looks whether the rules file changed.
constexpr auto kLookAgain = std::chrono::milliseconds(20);

// What every call answers while the rules cannot be read: a test whose rules say nothing must not
// pass.
constexpr CK_RV kRefused = CKR_ARGUMENTS_BAD;

void complain(const std::string& what) { std::fprintf(stderr, "keyward-shim: %s\n", what.c_str()); }

std::string problem_of(const std::string& source, const ParsedRules& parsed) {
  return source + ":" + std::to_string(parsed.bad_line) + ": " + parsed.problem;
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

// The process ends here. What was recorded is written first: nobody else will.
void end_process(const Rule& rule) {
  Record::get().flush();
  Tally::get().flush();
  if (rule.action == Action::Kill) ::kill(::getpid(), SIGKILL);
  ::_exit(rule.status);
}

bool ends_process(const Rule& rule) {
  return rule.action == Action::Exit || rule.action == Action::Kill;
}

unsigned long resized(const Rule& rule, CK_ULONG length) {
  switch (rule.resize) {
    case Resize::Add:
      return length + rule.number;
    case Resize::Subtract:
      return length - std::min(length, rule.number);
    case Resize::Set:
      return rule.number;
  }
  return length;
}

void corrupt(const Rule& rule, const Output& output) {
  if (rule.action == Action::Length) {
    *output.length = resized(rule, *output.length);
    return;
  }
  const CK_ULONG size = output.length != nullptr ? *output.length : output.size;
  const auto distance = static_cast<CK_ULONG>(std::abs(rule.position));
  const CK_ULONG last = size - 1;
  const CK_ULONG at =
      rule.position >= 0 ? std::min(distance, last) : size - std::min(distance, size);
  output.bytes[at] ^= 1;
}

}  // namespace

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

ModulesOwnLeaks::ModulesOwnLeaks() {
  if (__lsan_disable != nullptr) __lsan_disable();
}

ModulesOwnLeaks::~ModulesOwnLeaks() {
  if (__lsan_enable != nullptr) __lsan_enable();
}

Engine& Engine::get() {
  static Engine* const kEngine = new Engine;
  return *kEngine;
}

CK_RV Engine::load() {
  const Lock lock(mutex_);
  if (!std::exchange(environment_read_, true)) read_environment();
  open_files();
  return real_ != nullptr ? CKR_OK : open_module();
}

// Anew at each load: one process can serve several tests.
void Engine::open_files() {
  unwritable_.clear();
  if (!Record::get().open(environment("KEYWARD_SHIM_RECORD"))) unwritable_ = "KEYWARD_SHIM_RECORD";
  if (!Tally::get().open(environment("KEYWARD_SHIM_TALLY"))) unwritable_ = "KEYWARD_SHIM_TALLY";
  if (!unwritable_.empty()) complain(unwritable_ + ": cannot be written");
}

CK_RV Engine::open_module() {
  const std::string path = environment("KEYWARD_SHIM_MODULE");
  const ModulesOwnLeaks unwatched;
  void* const library = path.empty() ? nullptr : ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  auto* const find =
      library == nullptr
          ? nullptr
          : reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  if (find == nullptr) {
    complain("KEYWARD_SHIM_MODULE: no PKCS#11 module: '" + path + "'");
    return CKR_LIBRARY_LOAD_FAILED;
  }
  return find(&real_);
}

void Engine::read_environment() {
  ParsedRules parsed = parse_rules(environment("KEYWARD_SHIM_RULES"));
  if (parsed.bad_line != 0) {
    problem_ = problem_of("KEYWARD_SHIM_RULES", parsed);
    complain(problem_);
  }
  std::ranges::move(parsed.rules, std::back_inserter(rules_));
  file_.path = environment("KEYWARD_SHIM_RULES_FILE");
  refresh_file();
}

// A file that went away is no file without rules: nobody said so.
void Engine::refresh_file() {
  if (file_.path.empty()) return;
  struct stat now = {};
  if (::stat(file_.path.c_str(), &now) != 0) {
    if (file_.problem.empty()) complain(file_.path + ": cannot be read");
    file_.problem = "cannot be read";
    file_.read = false;
    return;
  }
  if (file_.read && same_file(file_.seen, now)) return;
  file_.seen = now;
  file_.read = true;
  read_file();
}

void Engine::read_file() {
  std::ifstream stream(file_.path);
  std::ostringstream text;
  text << stream.rdbuf();
  ParsedRules parsed = parse_rules(text.str());
  file_.problem = parsed.bad_line != 0 ? problem_of(file_.path, parsed) : std::string();
  if (!file_.problem.empty()) complain(file_.problem);
  file_.rules = std::move(parsed.rules);
  release_all();
}

// Hung calls go on and a lost token comes back.
void Engine::release_all() {
  ++epoch_;
  lost_ = false;
  back_at_.reset();
  changed_.notify_all();
}

// The first rule that applies to this call; all count it.
std::optional<Rule> Engine::decide(Function function, bool acts_on_output) {
  std::optional<Rule> decided;
  for (std::vector<Rule>* const rules : {&rules_, &file_.rules}) {
    for (Rule& rule : *rules) {
      const bool meant = rule.action != Action::LockPin && rule.action != Action::Mask &&
                         rule.acts_on_output() == acts_on_output && rule.function == function;
      if (meant && rule.applies() && !decided) decided = rule;
    }
  }
  return decided;
}

const Rule* Engine::find_rule(Action action, unsigned long number) const {
  for (const std::vector<Rule>* const rules : {&rules_, &file_.rules}) {
    for (const Rule& rule : *rules) {
      if (rule.action == action && (action == Action::LockPin || rule.number == number)) {
        return &rule;
      }
    }
  }
  return nullptr;
}

Order Engine::begin(Function function, const CK_MECHANISM* mechanism) {
  Lock lock(mutex_);
  refresh_file();
  const bool unread = !problem_.empty() || !unwritable_.empty() || !file_.problem.empty();
  if (unread && function != kC_GetFunctionList) return {kRefused, std::nullopt, false};
  ++counts_[function];
  Order order{std::nullopt, decide(function, false), false};
  if (order.rule) {
    obey_before(lock, *order.rule);
    if (order.rule->action == Action::Fail && order.rule->moment == Moment::Before) {
      order.answer = order.rule->rv;
    }
  }
  if (!order.answer) order.answer = answer_of_lost_token(function);
  if (!order.answer && mechanism != nullptr &&
      find_rule(Action::Mask, mechanism->mechanism) != nullptr) {
    order.answer = CKR_MECHANISM_INVALID;
  }
  return order;
}

void Engine::obey_before(Lock& lock, const Rule& rule) {
  switch (rule.action) {
    case Action::Hang:
      return wait_for_release(lock);
    case Action::Delay:
      lock.unlock();
      std::this_thread::sleep_for(*rule.duration);
      return lock.lock();
    case Action::Exit:
    case Action::Kill:
      if (rule.moment == Moment::Before) end_process(rule);
      return;
    case Action::LoseToken:
      lost_ = true;
      back_at_.reset();
      if (rule.duration) back_at_ = std::chrono::steady_clock::now() + *rule.duration;
      return lose_sessions(lock);
    case Action::LoseSessions:
      return lose_sessions(lock);
    default:
      return;
  }
}

void Engine::wait_for_release(Lock& lock) {
  ++hanging_;
  const unsigned long hung_in = epoch_;
  while (epoch_ == hung_in) {
    changed_.wait_for(lock, kLookAgain);
    refresh_file();
  }
  --hanging_;
}

// The real module closes them, so that what hung on them, the login and session objects, goes as it
// would. Calls that are in the real module are waited for: closing what they use is nobody's fault
// to test.
void Engine::lose_sessions(Lock& lock) {
  changed_.wait(lock, [this] { return !losing_; });
  losing_ = true;
  changed_.wait(lock, [this] { return in_flight_ == 0; });
  lock.unlock();
  CK_ULONG count = 0;
  std::vector<CK_SLOT_ID> slots;
  if (real_->C_GetSlotList(CK_TRUE, nullptr, &count) == CKR_OK) slots.resize(count);
  if (!slots.empty() && real_->C_GetSlotList(CK_TRUE, slots.data(), &count) == CKR_OK) {
    slots.resize(std::min<std::size_t>(slots.size(), count));
    for (const CK_SLOT_ID slot : slots) (void)real_->C_CloseAllSessions(slot);
  }
  lock.lock();
  losing_ = false;
  changed_.notify_all();
}

std::optional<CK_RV> Engine::answer_of_lost_token(Function function) {
  if (lost_ && back_at_ && std::chrono::steady_clock::now() >= *back_at_) lost_ = false;
  if (!lost_) return std::nullopt;
  switch (kFunctions[function].subject) {
    case Subject::Module:
      return std::nullopt;
    case Subject::Slot:
      return CKR_TOKEN_NOT_PRESENT;
    case Subject::Session:
      return CKR_DEVICE_REMOVED;
  }
  return std::nullopt;
}

CK_RV Engine::judge(Order& order, Function function, CK_RV rv, const Output& output) {
  if (order.answer) return *order.answer;
  if (order.rule && order.rule->action == Action::Fail) return order.rule->rv;
  const bool gives = output.bytes != nullptr || output.length != nullptr;
  if (rv != CKR_OK || !gives) return rv;
  const Lock lock(mutex_);
  const std::optional<Rule> rule = decide(function, true);
  const CK_ULONG size = output.length != nullptr ? *output.length : output.size;
  if (!rule || (rule->action == Action::Flip && size == 0)) return rv;
  corrupt(*rule, output);
  order.corrupted = true;
  return rv;
}

void Engine::finish(const Order& order) const {
  if (order.rule && ends_process(*order.rule)) end_process(*order.rule);
}

bool Engine::token_is_lost() {
  const Lock lock(mutex_);
  return answer_of_lost_token(kC_OpenSession).has_value();
}

bool Engine::is_masked(CK_MECHANISM_TYPE type) {
  const Lock lock(mutex_);
  return find_rule(Action::Mask, type) != nullptr;
}

unsigned long Engine::tries_so_far() const {
  const Rule* const rule = find_rule(Action::LockPin, 0);
  if (rule == nullptr || rule->file.empty()) return wrong_pins_;
  unsigned long kept = 0;
  std::ifstream(rule->file) >> kept;
  return kept;
}

bool Engine::pin_is_locked() {
  const Lock lock(mutex_);
  const Rule* const rule = find_rule(Action::LockPin, 0);
  return rule != nullptr && tries_so_far() >= rule->number;
}

CK_FLAGS Engine::pin_flags() {
  const Lock lock(mutex_);
  const Rule* const rule = find_rule(Action::LockPin, 0);
  const unsigned long tries = rule != nullptr ? tries_so_far() : 0;
  if (tries == 0) return 0;
  if (tries >= rule->number) return CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_LOCKED;
  if (tries + 1 == rule->number) return CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY;
  return CKF_USER_PIN_COUNT_LOW;
}

// A right PIN sets a token's counter back.
void Engine::note_login(CK_RV rv) {
  if (rv != CKR_OK && rv != CKR_PIN_INCORRECT) return;
  const Lock lock(mutex_);
  wrong_pins_ = rv == CKR_OK ? 0 : tries_so_far() + 1;
  const Rule* const rule = find_rule(Action::LockPin, 0);
  if (rule == nullptr || rule->file.empty()) return;
  std::ofstream kept(rule->file);
  kept << wrong_pins_ << '\n';
  if (!kept.flush()) complain(rule->file + ": cannot be written");
}

int Engine::add(std::string_view text) {
  ParsedRules parsed = parse_rules(text);
  if (parsed.bad_line != 0) complain(problem_of("keyward_shim_rules", parsed));
  const Lock lock(mutex_);
  std::ranges::move(parsed.rules, std::back_inserter(rules_));
  return parsed.bad_line;
}

void Engine::clear() {
  const Lock lock(mutex_);
  rules_.clear();
  file_.rules.clear();
  counts_ = {};
  wrong_pins_ = 0;
  release_all();
}

unsigned long Engine::count(Function function) {
  const Lock lock(mutex_);
  return counts_[function];
}

unsigned long Engine::hanging() {
  const Lock lock(mutex_);
  return hanging_;
}

unsigned long Engine::wrong_pins() {
  const Lock lock(mutex_);
  return tries_so_far();
}

Engine::RealCall::RealCall(Engine& engine) : engine_(engine) {
  Lock lock(engine_.mutex_);
  engine_.changed_.wait(lock, [this] { return !engine_.losing_; });
  ++engine_.in_flight_;
}

Engine::RealCall::~RealCall() {
  const Lock lock(engine_.mutex_);
  --engine_.in_flight_;
  if (engine_.losing_) engine_.changed_.notify_all();
}

}  // namespace kw::shim
