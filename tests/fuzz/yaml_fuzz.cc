// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <set>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/yaml.h"

namespace {

// What the reader promises of a document: depth, places, keys that are there once.
void check(const kw::yaml::Node& node, std::size_t depth) {
  KW_ASSERT(depth <= 33);
  KW_ASSERT(node.mark.line >= 1 && node.mark.column >= 1);
  if (const auto* const sequence = node.as_sequence()) {
    for (const kw::yaml::Node& value : *sequence) check(value, depth + 1);
  }
  const auto* const mapping = node.as_mapping();
  if (mapping == nullptr) return;
  std::set<std::string_view> keys;
  for (const auto& entry : *mapping) {
    KW_ASSERT(keys.insert(entry.key).second);
    KW_ASSERT(node.find(entry.key) == &entry.value);
    check(entry.value, depth + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto node = kw::yaml::parse(kw::as_text({data, size}));
  if (node) {
    check(*node, 1);
  } else {
    KW_ASSERT(node.error().code() == kw::Code::InvalidArgument);
    KW_ASSERT(node.error().advice().starts_with("line "));
  }
  return 0;
}
