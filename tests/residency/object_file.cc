// SPDX-License-Identifier: Apache-2.0
#include "tests/residency/object_file.h"

#include "base/file.h"
#include "shim/names.h"
#include "tests/support/expect.h"

namespace kw::residency {
namespace {

// SoftHSM 2.6.1, src/lib/object_store/ObjectFile.cpp: a generation; then attributes, each its type,
// its kind and its value; all numbers are of eight bytes, big-endian.
enum KindOnDisk : std::uint64_t { kFlag = 1, kNumber = 2, kBytes = 3, kTemplate = 4, kNumbers = 5 };
constexpr std::size_t kWord = 8;

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<Flag> read() {
    at_ = kWord;
    read_attributes("", text_.size());
    return std::move(flags_);
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
    switch (word()) {
      case kFlag:
        REQUIRE(at_ < text_.size());
        flags_.push_back({name, text_[at_] != '\0', at_});
        at_ += 1;
        return;
      case kNumber:
        at_ += kWord;
        return;
      case kBytes: {
        const std::uint64_t size = word();
        at_ += size;
        return;
      }
      case kTemplate: {
        const std::uint64_t size = word();
        return read_attributes(name + "/", at_ + size);
      }
      case kNumbers: {
        const std::uint64_t count = word();
        at_ += count * kWord;
        return;
      }
      default:
        FAIL(name << " is of no kind that is known");
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Flag> flags_;
};

}  // namespace

std::vector<Flag> flags_of(const std::filesystem::path& file) {
  const std::string text = REQUIRE_OK(read_file(file));
  return Reader(text).read();
}

void flip(const std::filesystem::path& file, const Flag& flag) {
  std::string text = REQUIRE_OK(read_file(file));
  text[flag.at] = flag.value ? '\0' : '\xff';
  for (std::size_t i = kWord; i-- > 0;) {
    text[i] = static_cast<char>(text[i] + 1);
    if (text[i] != '\0') break;
  }
  REQUIRE_OK(write_file(file, text));
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
