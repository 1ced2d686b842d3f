// SPDX-License-Identifier: Apache-2.0
#include "shim/record.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "pkcs11/return_value.h"
#include "shim/names.h"

namespace kw::shim {
namespace {

constexpr std::size_t kFlushAt = 1 << 16;

int open_to_append(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

// What may be shown of the value, with its "="; empty where nothing may.
std::string show_value(const CK_ATTRIBUTE& attribute, Kind kind) {
  if (attribute.pValue == nullptr) return {};
  if (kind == Kind::Boolean && attribute.ulValueLen == sizeof(CK_BBOOL)) {
    CK_BBOOL value = CK_FALSE;
    std::memcpy(&value, attribute.pValue, sizeof value);
    return value != CK_FALSE ? "=true" : "=false";
  }
  if (kind == Kind::Number && attribute.ulValueLen == sizeof(CK_ULONG)) {
    CK_ULONG value = 0;
    std::memcpy(&value, attribute.pValue, sizeof value);
    return "=" + std::to_string(value);
  }
  return {};
}

}  // namespace

Record& Record::get() {
  static Record* const kRecord = new Record;
  return *kRecord;
}

bool Record::open(const std::string& path) {
  const std::lock_guard lock(mutex_);
  flush_locked();
  path_ = path;
  return path_.empty() || append_to(path_, "");
}

bool Record::is_open() {
  const std::lock_guard lock(mutex_);
  return !path_.empty();
}

void Record::add(const std::string& line) {
  const std::lock_guard lock(mutex_);
  lines_.append(line).append("\n");
  if (lines_.size() >= kFlushAt) flush_locked();
}

void Record::flush() {
  const std::lock_guard lock(mutex_);
  flush_locked();
}

void Record::flush_locked() {
  if (lines_.empty()) return;
  (void)append_to(path_, lines_);
  lines_.clear();
}

// Append mode keeps the lines of several processes whole, a write being one system call.
bool append_to(const std::string& path, std::string_view text) {
  const int fd = open_to_append(path);
  const bool written =
      fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (!written) std::perror("keyward-shim: cannot record");
  if (fd >= 0) ::close(fd);
  return written;
}

std::string describe_template(const CK_ATTRIBUTE* attributes, CK_ULONG count, Values values) {
  std::string text;
  for (CK_ULONG i = 0; attributes != nullptr && i < count; ++i) {
    const AttributeName name = attribute_name(attributes[i].type);
    text.append(" ").append(name.name);
    if (values == Values::Readable) text.append(show_value(attributes[i], name.kind));
  }
  return text;
}

std::string describe_call(Function function, const CK_MECHANISM* mechanism, CK_RV rv) {
  std::string text(kFunctions[function].name);
  text.append(" ").append(mechanism != nullptr ? mechanism_name(mechanism->mechanism) : "-");
  const pkcs11::ReturnValue known = pkcs11::describe(rv);
  char number[24];
  std::snprintf(number, sizeof number, "0x%lx", rv);
  const bool has_name = known.rv_class != pkcs11::RvClass::Unknown;
  return text.append(" ").append(has_name ? std::string(known.name) : number);
}

}  // namespace kw::shim
