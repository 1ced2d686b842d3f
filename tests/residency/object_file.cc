// SPDX-License-Identifier: Apache-2.0
#include "tests/residency/object_file.h"

#include <optional>

#include "base/file.h"
#include "pkcs11/cryptoki.h"
#include "shim/names.h"
#include "tests/support/expect.h"

namespace kw::residency {
namespace {

// SoftHSM 2.6.1, src/lib/object_store/ObjectFile.cpp: a generation; then attributes, each its type,
// its kind and its value; all numbers are of eight bytes, big-endian.
enum KindOnDisk : std::uint64_t { kFlag = 1, kNumber = 2, kBytes = 3, kTemplate = 4, kNumbers = 5 };
constexpr std::size_t kWord = 8;

// Field is an attribute's value; what is in a template bears its name, too.
struct Field {
  std::string name;
  std::uint64_t kind;
  std::size_t at;
  std::size_t size;
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<Field> read() {
    at_ = kWord;
    read_attributes("", text_.size());
    return std::move(fields_);
  }

 private:
  std::uint64_t word() {
    REQUIRE(at_ + kWord <= text_.size());
    const std::uint64_t value = read_u64(as_bytes(text_.substr(at_, kWord)));
    at_ += kWord;
    return value;
  }

  void read_attributes(const std::string& prefix, std::size_t end) {
    while (at_ < end) read_attribute(prefix);
    REQUIRE(at_ == end);
  }

  void read_attribute(const std::string& prefix) {
    const std::string name = prefix + shim::attribute_name(word()).name.substr(4);
    const std::uint64_t kind = word();
    std::size_t size = 0;
    switch (kind) {
      case kFlag:
        size = 1;
        break;
      case kNumber:
        size = kWord;
        break;
      case kBytes:
        size = word();
        break;
      case kTemplate:
        size = word();
        return read_attributes(name + "/", at_ + size);
      case kNumbers:
        size = word() * kWord;
        break;
      default:
        FAIL(name << " is of no kind that is known");
    }
    REQUIRE(size <= text_.size() - at_);
    fields_.push_back({name, kind, at_, size});
    at_ += size;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Field> fields_;
};

std::optional<Field> find_field(std::string_view text, std::string_view name) {
  for (Field& field : Reader(text).read()) {
    if (field.name == name) return std::move(field);
  }
  return std::nullopt;
}

bool is_number(std::string_view text, std::string_view name, std::uint64_t wanted) {
  const auto field = find_field(text, name);
  return field && field->kind == kNumber &&
         read_u64(as_bytes(text.substr(field->at, kWord))) == wanted;
}

void count_generation(std::string& text) {
  for (std::size_t i = kWord; i-- > 0;) {
    text[i] = static_cast<char>(text[i] + 1);
    if (text[i] != '\0') break;
  }
}

// The first byte of what is read as a DER string, whether it is said to be of parts or not.
constexpr unsigned char kPrintableString = 0x13;
constexpr unsigned char kOfParts = 0x20;

}  // namespace

std::vector<Flag> flags_of(const std::filesystem::path& file) {
  const std::string text = REQUIRE_OK(read_file(file));
  std::vector<Flag> flags;
  for (Field& field : Reader(text).read()) {
    if (field.kind != kFlag) continue;
    flags.push_back({std::move(field.name), text[field.at] != '\0', field.at});
  }
  return flags;
}

void flip(const std::filesystem::path& file, const Flag& flag) {
  std::string text = REQUIRE_OK(read_file(file));
  text[flag.at] = flag.value ? '\0' : '\xff';
  count_generation(text);
  REQUIRE_OK(write_file(file, text));
}

bool is_deadly(const std::filesystem::path& file, const Flag& flag) {
  if (flag.name != "PRIVATE" || !flag.value) return false;
  const std::string text = REQUIRE_OK(read_file(file));
  if (!is_number(text, "CLASS", CKO_PRIVATE_KEY)) return false;
  if (!is_number(text, "KEY_TYPE", CKK_EC_EDWARDS)) return false;
  const Field curve = find_field(text, "EC_PARAMS").value();
  return (static_cast<unsigned char>(text[curve.at]) & ~kOfParts) == kPrintableString;
}

void make_deadly(const std::filesystem::path& file) {
  std::string text = REQUIRE_OK(read_file(file));
  const Field curve = find_field(text, "EC_PARAMS").value();
  text[curve.at] = static_cast<char>(kPrintableString);
  text[curve.at + 1] = 0x7f;  // longer than what is there
  REQUIRE_OK(write_file(file, text));
}

Bytes id_on_disk(const std::filesystem::path& file) {
  const std::string text = REQUIRE_OK(read_file(file));
  const Field id = find_field(text, "ID").value();
  return to_bytes(as_bytes(std::string_view(text).substr(id.at, id.size)));
}

std::set<std::filesystem::path> object_files(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".object" && entry.path().stem() != "token") {
      found.insert(entry.path());
    }
  }
  return found;
}

}  // namespace kw::residency
