// SPDX-License-Identifier: Apache-2.0
#include "shim/objects.h"

#include <array>
#include <iterator>

#include "shim/record.h"

namespace kw::shim {
namespace {

constexpr CK_ATTRIBUTE_TYPE kAsked[] = {CKA_CLASS,   CKA_KEY_TYPE,  CKA_VALUE_LEN,   CKA_TOKEN,
                                        CKA_PRIVATE, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ENCRYPT,
                                        CKA_DECRYPT, CKA_SIGN,      CKA_VERIFY,      CKA_DERIVE,
                                        CKA_WRAP,    CKA_UNWRAP};

// What the module answers, a word each; an attribute that the object has not is no word.
std::vector<std::string> ask(CK_FUNCTION_LIST* real, CK_SESSION_HANDLE session,
                             CK_OBJECT_HANDLE object) {
  std::array<CK_ULONG, std::size(kAsked)> values{};
  std::array<CK_ATTRIBUTE, std::size(kAsked)> attributes{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    attributes[i] = {kAsked[i], &values[i], sizeof values[i]};
  }
  const CK_RV rv = real->C_GetAttributeValue(session, object, attributes.data(), attributes.size());
  if (rv != CKR_OK && rv != CKR_ATTRIBUTE_TYPE_INVALID && rv != CKR_ATTRIBUTE_SENSITIVE) return {};
  std::vector<std::string> words;
  for (const CK_ATTRIBUTE& each : attributes) {
    if (each.ulValueLen > sizeof(CK_ULONG)) continue;
    const std::string word = describe_template(&each, 1, Values::Readable).substr(1);
    if (word.find('=') != std::string::npos) words.push_back(word);
  }
  return words;
}

}  // namespace

Objects& Objects::get() {
  static Objects* const kObjects = new Objects;
  return *kObjects;
}

std::string Objects::describe(CK_FUNCTION_LIST* real, const Handles& handles) {
  const std::lock_guard lock(mutex_);
  std::string text;
  if (handles.key) text += words(real, handles.session, *handles.key, " key.");
  if (handles.object) text += words(real, handles.session, *handles.object, " object.");
  return text;
}

std::string Objects::words(CK_FUNCTION_LIST* real, CK_SESSION_HANDLE session,
                           CK_OBJECT_HANDLE object, std::string_view prefix) {
  Known& known = known_[object];
  if (known.attributes.empty()) known.attributes = ask(real, session, object);
  std::string text(prefix);
  if (known.attributes.empty()) {
    known_.erase(object);
    return text + "gone";
  }
  text += known.made;
  for (const std::string& attribute : known.attributes) text.append(prefix).append(attribute);
  return text;
}

void Objects::note_made(CK_OBJECT_HANDLE made, std::string_view by) {
  const std::lock_guard lock(mutex_);
  known_[made] = {"made=" + std::string(by), {}};
}

void Objects::forget(CK_OBJECT_HANDLE object) {
  const std::lock_guard lock(mutex_);
  known_.erase(object);
}

void Objects::forget_all() {
  const std::lock_guard lock(mutex_);
  known_.clear();
}

}  // namespace kw::shim
