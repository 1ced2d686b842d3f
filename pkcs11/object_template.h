// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "pkcs11/mechanism.h"

namespace kw::pkcs11 {

// AttributeType is a CK_ATTRIBUTE_TYPE (CKA_...).
using AttributeType = unsigned long;

// Attribute is what a token answered for one attribute; no value where it has or reveals none.
struct Attribute {
  AttributeType type;
  std::optional<Bytes> value;
};

// ObjectTemplate owns the attributes that describe an object to make or to find. Each setter adds
// one attribute and returns the template; none may be added twice. Move-only.
class ObjectTemplate {
 public:
  ObjectTemplate() = default;
  ObjectTemplate(ObjectTemplate&&) noexcept = default;
  ObjectTemplate& operator=(ObjectTemplate&&) noexcept = default;

  ObjectTemplate& flag(AttributeType type, bool value);
  ObjectTemplate& number(AttributeType type, unsigned long value);
  ObjectTemplate& bytes(AttributeType type, ByteView value);
  ObjectTemplate& text(AttributeType type, std::string_view value);
  ObjectTemplate& mechanisms(AttributeType type, std::span<const MechanismType> values);
  ObjectTemplate& secret(AttributeType type, Secret value);
  // A template as the value of CKA_WRAP_TEMPLATE or CKA_UNWRAP_TEMPLATE; it holds no secret.
  ObjectTemplate& nested(AttributeType type, ObjectTemplate value);
  // All attributes of another one, which holds neither secrets nor templates.
  ObjectTemplate& append(const ObjectTemplate& other);

  // Gives an attribute another value, in its place; one that is not there is added.
  void replace(AttributeType type, ByteView value);
  // Takes an attribute out, if it is there.
  void omit(AttributeType type) noexcept;

  std::size_t size() const noexcept { return entries_.size(); }
  AttributeType type(std::size_t index) const noexcept { return entries_[index].type; }

  // Valid until the next attribute is added.
  ByteView value(std::size_t index) const noexcept;

 private:
  struct Entry {
    AttributeType type;
    std::size_t offset;  // into values_; kSecret: `size` is an index into secrets_
    std::size_t size;
  };
  ObjectTemplate& add(AttributeType type, ByteView value);
  Entry store(AttributeType type, ByteView value);

  std::vector<Entry> entries_;
  Bytes values_;  // each value begins at a multiple of eight, as a CK_ULONG must
  std::vector<Secret> secrets_;
  std::vector<ObjectTemplate> nested_;  // what values_ points to
};

}  // namespace kw::pkcs11
