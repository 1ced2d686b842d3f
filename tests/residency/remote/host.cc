// SPDX-License-Identifier: Apache-2.0
// The process that has the token: MODULE is loaded, and each question that comes over the standard
// input, a socket, is put to it. It ends with the other end of that socket, however that ended.
#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "tests/residency/remote/wire.h"

namespace kw::remote {
namespace {

constexpr std::size_t kMostArguments = 8;
using Words = std::array<Word, kMostArguments>;

template <auto kMember>
struct Call;

template <typename... Args, CK_RV (*CK_FUNCTION_LIST::*kMember)(Args...)>
struct Call<kMember> {
  static CK_RV make(const CK_FUNCTION_LIST& real, const Words& words) {
    static_assert(sizeof...(Args) <= kMostArguments);
    return [&]<std::size_t... kAt>(std::index_sequence<kAt...>) {
      return (real.*kMember)(from_word<Args>(words[kAt])...);
    }(std::index_sequence_for<Args...>{});
  }
};

CK_RV call(const CK_FUNCTION_LIST& real, Function function, const Words& words) {
  switch (function) {
#define KW_REMOTE_CALL(name, ...) \
  case shim::k##name:             \
    return Call<&CK_FUNCTION_LIST::name>::make(real, words);
    KW_REMOTE_FUNCTIONS(KW_REMOTE_CALL)
#undef KW_REMOTE_CALL
    default:
      return CKR_FUNCTION_NOT_SUPPORTED;
  }
}

CK_FUNCTION_LIST* load(const char* path) {
  void* const library = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return nullptr;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* real = nullptr;
  return get != nullptr && get(&real) == CKR_OK ? real : nullptr;
}

// Whether another question may come.
bool answer_one(const CK_FUNCTION_LIST& real) {
  std::string text;
  if (!receive_frame(STDIN_FILENO, text)) return false;
  Frame question(std::move(text));
  std::uint64_t number = 0;
  question.pass(number);
  const auto function = static_cast<Function>(number);
  Words words{};
  pass_question(question, function, words);
  if (question.is_broken()) return false;
  CK_RV rv = call(real, function, words);
  Frame answer;
  answer.pass(rv);
  pass_answer(answer, function, words, rv);
  return send_frame(STDIN_FILENO, answer.text());
}

}  // namespace
}  // namespace kw::remote

int main(int count, char** words) {
  const CK_FUNCTION_LIST* const real = count == 2 ? kw::remote::load(words[1]) : nullptr;
  if (real == nullptr) return 1;
  while (kw::remote::answer_one(*real)) {
  }
  return 0;
}
