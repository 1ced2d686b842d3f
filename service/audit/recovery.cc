// SPDX-License-Identifier: Apache-2.0
#include "service/audit/recovery.h"

#include <span>
#include <string>

#include "base/file.h"

namespace kw::audit {
namespace {

using Segments = std::vector<std::filesystem::path>;

constexpr unsigned kTornMode = 0640;

// Damage with good records behind it is no crash's, unless a disk wrote the pages of the last batch
// out of order as the power went. Nobody was answered for that batch, nor did a checkpoint cover
// it: in front of a checkpoint's end it is refused, behind it a copy is kept.
Result<void> keep_damage(const std::filesystem::path& segment, const SegmentTail& tail,
                         const std::optional<TreeHead>& signed_head) {
  if (!signed_head || tail.next_index < signed_head->size) {
    return Error(Code::Internal, segment.string() + ": damaged at byte " +
                                     std::to_string(tail.end) + ", good records behind it");
  }
  const std::string content = TRY(read_file(segment, kSegmentReadLimit));
  const std::filesystem::path kept = segment.string() + "." + std::to_string(tail.end) + ".torn";
  return write_file(kept, std::string_view(content).substr(tail.end, tail.torn), kTornMode);
}

// The leaves from `from` on, which is how many the tree has.
Result<void> append_leaves(const Segments& segments, const SegmentTail& last, std::uint64_t from,
                           Tree& tree) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const bool is_last = i + 1 == segments.size();
    const std::uint64_t begin = first_index_of(segments[i]);
    const std::uint64_t end = is_last ? last.next_index : first_index_of(segments[i + 1]);
    if (end <= from) continue;
    const SegmentTail tail = is_last ? last : TRY(read_segment(segments[i]));
    if (begin > from || tail.next_index != end) {
      return Error(Code::Internal, segments[i].string() + ": records before or behind it are gone");
    }
    tree.append(std::span(tail.leaves).subspan(from - begin));
    from = end;
  }
  return {};
}

Result<void> rebuild_tree(const Segments& segments, const SegmentTail& last, Tree& tree) {
  if (first_index_of(segments.front()) != 0) {
    return Error(Code::Internal, segments.front().parent_path().string() +
                                     ": the tiles do not hold the tree, and the segments that "
                                     "could make it anew were moved: put those back, uncompressed");
  }
  TRY(tree.clear());
  return append_leaves(segments, last, 0, tree);
}

// What no tile holds comes from the segments; where tiles are bad, all of it.
Result<void> grow_tree(const Segments& segments, const SegmentTail& last, Tree& tree) {
  const Result<std::uint64_t> loaded = tree.load(last.next_index);
  if (loaded) return append_leaves(segments, last, *loaded, tree);
  return rebuild_tree(segments, last, tree);
}

// Tiles are believed only as far as a signed head says so.
Result<void> check_head(const Segments& segments, const SegmentTail& last, const TreeHead& head,
                        Tree& tree) {
  const std::string folder = segments.front().parent_path().string();
  if (head.size > last.next_index) {
    return Error(Code::Internal, folder + ": " + std::to_string(head.size) +
                                     " records were signed, " + std::to_string(last.next_index) +
                                     " are there");
  }
  const Result<TreeHead> found = tree.head(head.size);
  if (found && *found == head) return {};
  TRY(rebuild_tree(segments, last, tree));
  if (TRY(tree.head(head.size)) == head) return {};
  return Error(Code::Internal, folder + ": not the records that were signed");
}

}  // namespace

Result<SegmentTail> recover_log(const Segments& segments,
                                const std::optional<TreeHead>& signed_head, Tree& tree) {
  SegmentTail tail = TRY(read_segment(segments.back()));
  if (tail.damaged) TRY(keep_damage(segments.back(), tail, signed_head));
  TRY(grow_tree(segments, tail, tree));
  if (signed_head) TRY(check_head(segments, tail, *signed_head, tree));
  return tail;
}

}  // namespace kw::audit
