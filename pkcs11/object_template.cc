// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/object_template.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "pkcs11/cryptoki.h"

namespace kw::pkcs11 {
namespace {

constexpr std::size_t kSecret = std::numeric_limits<std::size_t>::max();

template <typename T>
ByteView memory_of(const T& value) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

}  // namespace

ObjectTemplate& ObjectTemplate::add(AttributeType type, ByteView value) {
  KW_ASSERT(std::ranges::find(entries_, type, &Entry::type) == entries_.end());
  entries_.push_back(store(type, value));
  return *this;
}

ObjectTemplate::Entry ObjectTemplate::store(AttributeType type, ByteView value) {
  values_.resize((values_.size() + alignof(CK_ULONG) - 1) / alignof(CK_ULONG) * alignof(CK_ULONG));
  const Entry entry{type, values_.size(), value.size()};
  kw::append(values_, value);
  return entry;
}

void ObjectTemplate::replace(AttributeType type, ByteView value) {
  const auto at = std::ranges::find(entries_, type, &Entry::type);
  if (at == entries_.end()) {
    add(type, value);
  } else {
    *at = store(type, value);
  }
}

void ObjectTemplate::omit(AttributeType type) noexcept {
  std::erase_if(entries_, [type](const Entry& entry) { return entry.type == type; });
}

ObjectTemplate& ObjectTemplate::flag(AttributeType type, bool value) {
  const CK_BBOOL flag = value ? CK_TRUE : CK_FALSE;
  return add(type, memory_of(flag));
}

ObjectTemplate& ObjectTemplate::number(AttributeType type, unsigned long value) {
  return add(type, memory_of(value));
}

ObjectTemplate& ObjectTemplate::bytes(AttributeType type, ByteView value) {
  return add(type, value);
}

ObjectTemplate& ObjectTemplate::text(AttributeType type, std::string_view value) {
  return add(type, as_bytes(value));
}

ObjectTemplate& ObjectTemplate::mechanisms(AttributeType type,
                                           std::span<const MechanismType> values) {
  static_assert(sizeof(MechanismType) == sizeof(CK_MECHANISM_TYPE));
  return add(type, {reinterpret_cast<const std::uint8_t*>(values.data()), values.size_bytes()});
}

ObjectTemplate& ObjectTemplate::secret(AttributeType type, Secret value) {
  KW_ASSERT(std::ranges::find(entries_, type, &Entry::type) == entries_.end());
  entries_.push_back({type, kSecret, secrets_.size()});
  secrets_.push_back(std::move(value));
  return *this;
}

ObjectTemplate& ObjectTemplate::nested(AttributeType type, ObjectTemplate value) {
  KW_ASSERT(value.secrets_.empty() && value.nested_.empty());
  std::vector<CK_ATTRIBUTE> attributes;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const ByteView each = value.value(i);  // stays where it is when `value` moves
    attributes.push_back({value.type(i), const_cast<std::uint8_t*>(each.data()), each.size()});
  }
  add(type, {reinterpret_cast<const std::uint8_t*>(attributes.data()),
             attributes.size() * sizeof(CK_ATTRIBUTE)});
  nested_.push_back(std::move(value));
  return *this;
}

ObjectTemplate& ObjectTemplate::append(const ObjectTemplate& other) {
  KW_ASSERT(other.secrets_.empty() && other.nested_.empty());
  for (std::size_t i = 0; i < other.size(); ++i) add(other.type(i), other.value(i));
  return *this;
}

ByteView ObjectTemplate::value(std::size_t index) const noexcept {
  const Entry& entry = entries_[index];
  return entry.offset == kSecret ? secrets_[entry.size].reveal()
                                 : ByteView(values_).subspan(entry.offset, entry.size);
}

}  // namespace kw::pkcs11
