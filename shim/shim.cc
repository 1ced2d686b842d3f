// SPDX-License-Identifier: Apache-2.0
#include "shim/shim.h"

#include <tuple>
#include <type_traits>
#include <vector>

#include "shim/engine.h"
#include "shim/objects.h"
#include "shim/record.h"
#include "shim/tally.h"

namespace kw::shim {
namespace {

// Not the exported function: another library of the process, p11-kit for one, may have its own of
// that name in front.
CK_RV get_function_list(CK_FUNCTION_LIST** list);

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

// The templates among them, as a record shows them.
std::string describe_templates(Values) { return {}; }
template <typename Only>
std::string describe_templates(Values, Only) {
  return {};
}
template <typename First, typename Second, typename... Rest>
std::string describe_templates(Values values, First first, Second second, Rest... rest) {
  if constexpr (std::is_same_v<First, CK_ATTRIBUTE*> && std::is_same_v<Second, CK_ULONG>) {
    return describe_template(first, second, values) + describe_templates(values, rest...);
  } else {
    return describe_templates(values, second, rest...);
  }
}

// Functions that work on an object and take no mechanism.
constexpr bool names_an_object(Function function) {
  return function == kC_GetAttributeValue || function == kC_SetAttributeValue ||
         function == kC_CopyObject || function == kC_DestroyObject ||
         function == kC_GetObjectSize || function == kC_DigestKey;
}

// The objects among them: behind a mechanism stands the key, behind that what is wrapped.
template <Function kFunction, typename Session, typename Second, typename... Rest>
Handles find_handles(Session session, Second second, Rest... rest) {
  if constexpr (names_an_object(kFunction)) {
    return {session, std::nullopt, second};
  } else if constexpr (std::is_same_v<Second, CK_MECHANISM*> && sizeof...(Rest) > 0) {
    const std::tuple<Rest...> all(rest...);
    Handles found{session, std::nullopt, std::nullopt};
    if constexpr (std::is_same_v<std::tuple_element_t<0, std::tuple<Rest...>>, CK_OBJECT_HANDLE>) {
      found.key = std::get<0>(all);
      if constexpr (kFunction == kC_WrapKey) found.object = std::get<1>(all);
    }
    return found;
  } else {
    return {};
  }
}
template <Function kFunction, typename... Few>
Handles find_handles(Few...) {
  return {};
}

// The output among them: what `gives_length` and `gives_bytes` promise of the function.
template <typename First, typename Second, typename... Rest>
Output find_output(First first, Second second, Rest... rest) {
  if constexpr (sizeof...(Rest) > 0) {
    return find_output(second, rest...);
  } else if constexpr (std::is_same_v<First, CK_BYTE*> && std::is_same_v<Second, CK_ULONG*>) {
    return first != nullptr ? Output{first, second, 0} : Output{};
  } else {
    return {};
  }
}

Output output_of_attributes(const CK_ATTRIBUTE* attributes, CK_ULONG count) {
  for (CK_ULONG i = 0; i < count; ++i) {
    const CK_ATTRIBUTE& one = attributes[i];
    if (one.pValue != nullptr && one.ulValueLen != 0 &&
        one.ulValueLen != CK_UNAVAILABLE_INFORMATION) {
      return {static_cast<CK_BYTE*>(one.pValue), nullptr, one.ulValueLen};
    }
  }
  return {};
}

template <Function kFunction, typename... Args>
Output output_of(Args... args) {
  if constexpr (kFunction == kC_GetAttributeValue) {
    return [](CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE* attributes, CK_ULONG count) {
      return output_of_attributes(attributes, count);
    }(args...);
  } else if constexpr (kFunction == kC_GenerateRandom) {
    return [](CK_SESSION_HANDLE, CK_BYTE* bytes, CK_ULONG size) {
      return Output{bytes, nullptr, size};
    }(args...);
  } else if constexpr (kFunction == kC_FindObjects) {
    return [](CK_SESSION_HANDLE, CK_OBJECT_HANDLE*, CK_ULONG, CK_ULONG* found) {
      return Output{nullptr, found, 0};
    }(args...);
  } else if constexpr (gives_length(kFunction)) {
    return find_output(args...);
  } else {
    return {};
  }
}

// These answer with more than the real module says: what is lost, masked or locked.

CK_RV get_slot_list(CK_BBOOL with_token, CK_SLOT_ID* slots, CK_ULONG* count) {
  Engine& engine = Engine::get();
  if (with_token != CK_FALSE && count != nullptr && engine.token_is_lost()) {
    *count = 0;
    return CKR_OK;
  }
  return engine.real()->C_GetSlotList(with_token, slots, count);
}

CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO* info) {
  Engine& engine = Engine::get();
  const CK_RV rv = engine.real()->C_GetSlotInfo(slot, info);
  if (rv == CKR_OK && engine.token_is_lost()) {
    info->flags &= ~static_cast<CK_FLAGS>(CKF_TOKEN_PRESENT);
  }
  return rv;
}

CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  Engine& engine = Engine::get();
  const CK_RV rv = engine.real()->C_GetTokenInfo(slot, info);
  if (rv == CKR_OK) info->flags |= engine.pin_flags();
  return rv;
}

CK_RV get_mechanism_list(CK_SLOT_ID slot, CK_MECHANISM_TYPE* list, CK_ULONG* count) {
  Engine& engine = Engine::get();
  CK_ULONG all = 0;
  CK_RV rv = engine.real()->C_GetMechanismList(slot, nullptr, &all);
  std::vector<CK_MECHANISM_TYPE> types(all);
  if (rv == CKR_OK) rv = engine.real()->C_GetMechanismList(slot, types.data(), &all);
  if (rv != CKR_OK || count == nullptr) return rv != CKR_OK ? rv : CKR_ARGUMENTS_BAD;
  types.resize(all);
  std::erase_if(types, [&engine](CK_MECHANISM_TYPE type) { return engine.is_masked(type); });
  const CK_ULONG room = *count;
  *count = types.size();
  if (list == nullptr) return CKR_OK;
  if (room < types.size()) return CKR_BUFFER_TOO_SMALL;
  std::copy(types.begin(), types.end(), list);
  return CKR_OK;
}

CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  Engine& engine = Engine::get();
  if (engine.is_masked(type)) return CKR_MECHANISM_INVALID;
  return engine.real()->C_GetMechanismInfo(slot, type, info);
}

CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size) {
  Engine& engine = Engine::get();
  if (user != CKU_USER) return engine.real()->C_Login(session, user, pin, size);
  if (engine.pin_is_locked()) return CKR_PIN_LOCKED;
  const CK_RV rv = engine.real()->C_Login(session, user, pin, size);
  engine.note_login(rv);
  return rv;
}

// Asks the real module.
template <auto kMember, Function kFunction, typename... Args>
CK_RV pass_on(Args... args) {
  const Engine::RealCall here(Engine::get());
  const ModulesOwnLeaks unwatched;
  if constexpr (kFunction == kC_GetSlotList) {
    return get_slot_list(args...);
  } else if constexpr (kFunction == kC_GetSlotInfo) {
    return get_slot_info(args...);
  } else if constexpr (kFunction == kC_GetTokenInfo) {
    return get_token_info(args...);
  } else if constexpr (kFunction == kC_GetMechanismList) {
    return get_mechanism_list(args...);
  } else if constexpr (kFunction == kC_GetMechanismInfo) {
    return get_mechanism_info(args...);
  } else if constexpr (kFunction == kC_Login) {
    return login(args...);
  } else if constexpr (kFunction == kC_GetFunctionList) {
    return get_function_list(args...);
  } else {
    return (Engine::get().real()->*kMember)(args...);
  }
}

// What the call works on, asked before it is made: afterwards it may be gone.
template <Function kFunction, typename... Args>
std::string describe_objects(Args... args) {
  const Handles handles = find_handles<kFunction>(args...);
  if (!handles.key && !handles.object) return {};
  const Engine::RealCall here(Engine::get());
  const ModulesOwnLeaks unwatched;
  return Objects::get().describe(Engine::get().real(), handles);
}

// Keeps up with what became of handles.
template <Function kFunction, typename... Args>
void follow_objects(CK_RV rv, Args... args) {
  constexpr bool kMakes = kFunction == kC_CreateObject || kFunction == kC_CopyObject ||
                          kFunction == kC_GenerateKey || kFunction == kC_GenerateKeyPair ||
                          kFunction == kC_UnwrapKey || kFunction == kC_DeriveKey;
  constexpr std::size_t kLast = sizeof...(Args) - 1;
  if constexpr (kFunction == kC_Finalize) {
    Objects::get().forget_all();
  } else if constexpr (kFunction == kC_DestroyObject || kFunction == kC_SetAttributeValue) {
    Objects::get().forget(std::get<1>(std::tuple(args...)));
  } else if constexpr (kMakes) {
    if (rv != CKR_OK) return;
    const std::tuple all(args...);
    Objects::get().note_made(*std::get<kLast>(all), kFunctions[kFunction].name);
    if constexpr (kFunction == kC_GenerateKeyPair) {
      Objects::get().note_made(*std::get<kLast - 1>(all), kFunctions[kFunction].name);
    }
  }
}

// What of an attribute's value may be read, given who writes it.
Values readable_values(Function function, CK_RV rv) {
  return function == kC_GetAttributeValue && rv != CKR_OK ? Values::Unwritten : Values::Readable;
}

bool acted(const Order& order) {
  return order.answer || order.corrupted ||
         (order.rule && order.rule->action != Action::Delay && order.rule->action != Action::Hang);
}

void note(const std::string& line, const std::string& objects, const Order& order) {
  const char* const mark = acted(order) ? " injected" : "";
  if (Record& record = Record::get(); record.is_open()) record.add(line + mark);
  if (Tally& tally = Tally::get(); tally.is_open()) tally.add(line + objects + mark);
}

void flush_all() {
  Record::get().flush();
  Tally::get().flush();
}

// Forward<member, number>::call is the shim's function in that place of the function list.
template <auto kMember, Function kFunction>
struct Forward;

template <typename... Args, CK_RV (*CK_FUNCTION_LIST::*kMember)(Args...), Function kFunction>
struct Forward<kMember, kFunction> {
  static CK_RV call(Args... args) {
    Engine& engine = Engine::get();
    const CK_MECHANISM* const mechanism = find_mechanism(args...);
    Order order = engine.begin(kFunction, mechanism);
    Tally& tally = Tally::get();
    const bool tallies = tally.is_open();
    const std::string objects = tallies ? describe_objects<kFunction>(args...) : std::string();
    CK_RV rv = order.answer ? *order.answer : pass_on<kMember, kFunction>(args...);
    const CK_RV told = engine.judge(order, kFunction, rv, output_of<kFunction>(args...));
    if (tallies && !order.answer) follow_objects<kFunction>(rv, args...);
    if (Record& record = Record::get(); record.is_open() || tallies) {
      const std::string line =
          describe_call(kFunction, mechanism, told) +
          describe_templates(readable_values(kFunction, order.answer ? told : rv), args...);
      note(line, objects, order);
      if (kFunction == kC_Finalize) flush_all();
    }
    engine.finish(order);
    return told;
  }
};

CK_FUNCTION_LIST* functions() {
  static CK_FUNCTION_LIST list = [] {
    CK_FUNCTION_LIST made{};
    made.version = {2, 40};
#define KW_SHIM_FILL(name, subject) made.name = &Forward<&CK_FUNCTION_LIST::name, k##name>::call;
    KW_SHIM_FUNCTIONS(KW_SHIM_FILL)
#undef KW_SHIM_FILL
    return made;
  }();
  return &list;
}

// What a module's loader asks first. The record's path is read anew each time, so that one process
// can serve several tests.
CK_RV enter(CK_FUNCTION_LIST** list) {
  const CK_RV rv = get_function_list(list);
  Order order =
      rv == CKR_OK ? Engine::get().begin(kC_GetFunctionList, nullptr) : Order{rv, {}, false};
  const CK_RV told = Engine::get().judge(order, kC_GetFunctionList, rv, {});
  note(describe_call(kC_GetFunctionList, nullptr, told), "", order);
  Engine::get().finish(order);
  return told;
}

CK_RV get_function_list(CK_FUNCTION_LIST** list) {
  if (list == nullptr) return CKR_ARGUMENTS_BAD;
  *list = functions();
  return Engine::get().load();
}

__attribute__((destructor)) void flush_at_exit() { flush_all(); }

}  // namespace
}  // namespace kw::shim

#define KW_EXPORT __attribute__((visibility("default")))

extern "C" {

KW_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) { return kw::shim::enter(list); }

KW_EXPORT int keyward_shim_rules(const char* text) { return kw::shim::Engine::get().add(text); }

KW_EXPORT void keyward_shim_clear(void) { kw::shim::Engine::get().clear(); }

KW_EXPORT unsigned long keyward_shim_count(const char* function) {
  const auto found = kw::shim::find_function(function);
  return found ? kw::shim::Engine::get().count(*found) : 0;
}

KW_EXPORT unsigned long keyward_shim_hanging(void) { return kw::shim::Engine::get().hanging(); }

KW_EXPORT unsigned long keyward_shim_wrong_pins(void) {
  return kw::shim::Engine::get().wrong_pins();
}

KW_EXPORT void keyward_shim_flush(void) { kw::shim::flush_all(); }

}  // extern "C"
