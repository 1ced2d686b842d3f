// SPDX-License-Identifier: Apache-2.0
#include "policy/vocabulary.h"

#include <functional>

namespace kw::policy {
namespace {

constexpr std::size_t kFirstSize = 16;

std::uint32_t hash_of(std::string_view text) noexcept {
  return static_cast<std::uint32_t>(std::hash<std::string_view>()(text));
}

}  // namespace

std::string_view Vocabulary::text(Word word) const noexcept {
  return std::string_view(letters_).substr(ends_[word - 1], ends_[word] - ends_[word - 1]);
}

// The slot that holds the text, or the free one where it belongs.
std::size_t Vocabulary::slot_of(std::string_view text, std::uint32_t hash) const noexcept {
  std::size_t at = hash & (slots_.size() - 1);
  const auto holds = [&](const Slot& slot) {
    return slot.hash == hash && slot.size == text.size() &&
           std::string_view(letters_).substr(slot.begin, slot.size) == text;
  };
  while (slots_[at].word != 0 && !holds(slots_[at])) at = (at + 1) & (slots_.size() - 1);
  return at;
}

Vocabulary::Word Vocabulary::find(std::string_view text) const noexcept {
  if (slots_.empty()) return 0;
  return slots_[slot_of(text, hash_of(text))].word;
}

Vocabulary::Word Vocabulary::add(std::string_view text) {
  if ((size() + 1) * 2 > slots_.size()) grow();
  const std::uint32_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(text, hash)];
  if (slot.word == 0) {
    const auto begin = static_cast<std::uint32_t>(letters_.size());
    letters_ += text;
    ends_.push_back(letters_.size());
    slot = {hash, static_cast<Word>(size()), begin, static_cast<std::uint32_t>(text.size())};
  }
  return slot.word;
}

void Vocabulary::grow() {
  slots_.assign(slots_.empty() ? kFirstSize : slots_.size() * 2, Slot());
  for (Word word = 1; word <= size(); ++word) {
    const std::string_view letters = text(word);
    const std::uint32_t hash = hash_of(letters);
    slots_[slot_of(letters, hash)] = {hash, word, static_cast<std::uint32_t>(ends_[word - 1]),
                                      static_cast<std::uint32_t>(letters.size())};
  }
}

}  // namespace kw::policy
