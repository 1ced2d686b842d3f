// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/residency/remote/functions.h"

namespace kw::remote {

// Word is an argument as every PKCS#11 function has them: a number, or an address.
using Word = std::uintptr_t;

template <typename Argument>
Word to_word(Argument argument) noexcept {
  if constexpr (std::is_pointer_v<Argument>) {
    return reinterpret_cast<Word>(argument);
  } else {
    return argument;
  }
}

template <typename Argument>
Argument from_word(Word word) noexcept {
  if constexpr (std::is_pointer_v<Argument>) {
    return reinterpret_cast<Argument>(word);
  } else {
    return static_cast<Argument>(word);
  }
}

// Frame is one message, being written or being read; and, where a question is read, the memory that
// its arguments point to. Both sides pass the same things in the same order: the code is one.
class Frame {
 public:
  Frame() = default;  // to write
  explicit Frame(std::string text) : text_(std::move(text)), reads_(true) {}

  // Copies to the frame, or from it.
  void pass(void* bytes, std::size_t size);
  template <typename Number>
  void pass(Number& number) {
    static_assert(std::is_integral_v<Number>);
    pass(&number, sizeof number);
  }

  // Whether the address is null. Where this is read, it becomes that of a new place of this size.
  template <typename Address>
  void pass_place(Address& address, std::size_t size) {
    std::uint8_t is_there = to_word(address) != 0 ? 1 : 0;
    pass(is_there);
    if (reads_) address = from_word<Address>(is_there != 0 ? make_place(size) : 0);
  }

  // What stands at an address that is not null.
  template <typename Address>
  void pass_content(Address address, std::size_t size) {
    if (to_word(address) != 0) pass(from_word<void*>(to_word(address)), size);
  }

  bool is_broken() const noexcept { return is_broken_; }  // it ended too early
  const std::string& text() const noexcept { return text_; }

 private:
  Word make_place(std::size_t size);

  std::string text_;
  bool reads_ = false;
  bool is_broken_ = false;
  std::size_t at_ = 0;
  std::vector<std::unique_ptr<std::byte[]>> places_;
};

// A call's arguments, to the other process; where this is read, `arguments` are filled.
void pass_question(Frame& frame, Function function, std::span<Word> arguments);
// What the call put where its arguments point to. The real module is trusted: what it says that it
// put there has room.
void pass_answer(Frame& frame, Function function, std::span<const Word> arguments, CK_RV rv);

// Whether the mechanism's parameter can go across: there is none, or its pointers are known.
bool can_pass(const CK_MECHANISM& mechanism) noexcept;

// Over a stream socket. False: the other end is gone.
bool send_frame(int socket, const std::string& text);
bool receive_frame(int socket, std::string& text);

}  // namespace kw::remote
