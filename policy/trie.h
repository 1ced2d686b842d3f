// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "policy/edge_table.h"
#include "policy/pattern.h"
#include "policy/vocabulary.h"

namespace kw::policy {

// Path is a '/'-joined name, cut into segments that were looked up in one trie's vocabulary.
struct Path {
  struct Segment {
    std::string_view text;
    Vocabulary::Word word = 0;  // 0: no pattern has this segment as a literal
  };
  // One more than a pattern can have: what lies beyond can only be met by a `**`.
  std::array<Segment, kMaxPatternSegments + 1> segments;
  std::size_t size = 0;
};

// Trie finds the patterns that match a path, among many sets of patterns (roots) at once. Immutable
// after build, so safe for concurrent use. Leaf is what a pattern stands for.
template <typename Leaf>
class Trie {
 public:
  struct Insertion {
    std::uint32_t root;
    const Pattern* pattern;
    Leaf leaf;
  };

  Trie() = default;
  Trie(std::uint32_t roots, std::span<const Insertion> insertions);

  Path cut(std::string_view text) const noexcept;

  // Calls visit(const Leaf&) for each pattern of the root that matches, in no particular order.
  template <typename Visit>
  void visit(std::uint32_t root, const Path& path, Visit&& visit) const {
    walk(root, 0, path, visit);
  }

 private:
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  struct Node {
    std::uint32_t any = 0;  // the child behind `*`; 0: none
    Range prefixes;
    Range exact;  // leaves of patterns that end here
    Range deep;   // leaves of patterns that go on with `**`
  };
  struct PrefixEdge {
    std::uint32_t parent;
    Vocabulary::Word prefix;
    std::uint32_t child;
  };
  struct Placed {
    std::uint32_t node;
    bool is_deep;
    Leaf leaf;
  };
  struct Growth {
    EdgeTable prefix_children;
    std::vector<PrefixEdge> prefix_edges;
    std::vector<Placed> placed;
  };

  std::uint32_t add_node() {
    nodes_.emplace_back();
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }
  std::uint32_t child_of(std::uint32_t node, const Pattern::Segment& segment, Growth& growth);
  std::uint32_t prefix_child_of(std::uint32_t node, std::string_view prefix, Growth& growth);
  void settle_prefixes(std::vector<PrefixEdge> edges);
  void settle_leaves(std::vector<Placed> placed);

  template <typename Visit>
  void walk(std::uint32_t node, std::size_t at, const Path& path, Visit& visit) const;

  std::vector<Node> nodes_;  // the roots come first
  EdgeTable edges_;
  Vocabulary words_;
  std::vector<PrefixEdge> prefix_edges_;  // by parent
  std::vector<Leaf> leaves_;              // by node
};

template <typename Leaf>
Trie<Leaf>::Trie(std::uint32_t roots, std::span<const Insertion> insertions) : nodes_(roots) {
  Growth growth;
  for (const Insertion& insertion : insertions) {
    std::uint32_t node = insertion.root;
    for (const Pattern::Segment& segment : insertion.pattern->segments()) {
      node = child_of(node, segment, growth);
    }
    growth.placed.push_back({node, insertion.pattern->is_deep(), insertion.leaf});
  }
  settle_prefixes(std::move(growth.prefix_edges));
  settle_leaves(std::move(growth.placed));
}

template <typename Leaf>
std::uint32_t Trie<Leaf>::child_of(std::uint32_t node, const Pattern::Segment& segment,
                                   Growth& growth) {
  if (segment.kind == Pattern::Kind::Prefix) return prefix_child_of(node, segment.text, growth);
  if (segment.kind == Pattern::Kind::Any) {
    if (nodes_[node].any == 0) {
      const std::uint32_t child = add_node();
      nodes_[node].any = child;
    }
    return nodes_[node].any;
  }
  const Vocabulary::Word word = words_.add(segment.text);
  const std::uint32_t known = edges_.find(node, word);
  if (known != 0) return known;
  const std::uint32_t child = add_node();
  edges_.add(node, word, child);
  return child;
}

template <typename Leaf>
std::uint32_t Trie<Leaf>::prefix_child_of(std::uint32_t node, std::string_view prefix,
                                          Growth& growth) {
  const Vocabulary::Word word = words_.add(prefix);
  const std::uint32_t known = growth.prefix_children.find(node, word);
  if (known != 0) return known;
  const std::uint32_t child = add_node();
  growth.prefix_children.add(node, word, child);
  growth.prefix_edges.push_back({node, word, child});
  return child;
}

template <typename Leaf>
void Trie<Leaf>::settle_prefixes(std::vector<PrefixEdge> edges) {
  std::stable_sort(edges.begin(), edges.end(),
                   [](const auto& a, const auto& b) { return a.parent < b.parent; });
  for (std::size_t i = 0; i < edges.size(); ++i) {
    Range& range = nodes_[edges[i].parent].prefixes;
    if (range.count == 0) range.first = static_cast<std::uint32_t>(i);
    ++range.count;
  }
  prefix_edges_ = std::move(edges);
}

template <typename Leaf>
void Trie<Leaf>::settle_leaves(std::vector<Placed> placed) {
  std::stable_sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
    return std::tie(a.node, a.is_deep) < std::tie(b.node, b.is_deep);
  });
  leaves_.reserve(placed.size());
  for (const Placed& leaf : placed) {
    Node& node = nodes_[leaf.node];
    Range& range = leaf.is_deep ? node.deep : node.exact;
    if (range.count == 0) range.first = static_cast<std::uint32_t>(leaves_.size());
    ++range.count;
    leaves_.push_back(leaf.leaf);
  }
}

template <typename Leaf>
Path Trie<Leaf>::cut(std::string_view text) const noexcept {
  Path path;
  for (bool more = true; more && path.size < path.segments.size();) {
    const std::size_t slash = text.find('/');
    const std::string_view segment = text.substr(0, slash);
    path.segments[path.size++] = {segment, words_.find(segment)};
    more = slash != std::string_view::npos;
    if (more) text.remove_prefix(slash + 1);
  }
  return path;
}

template <typename Leaf>
template <typename Visit>
void Trie<Leaf>::walk(std::uint32_t node, std::size_t at, const Path& path, Visit& visit) const {
  const Node& here = nodes_[node];
  const Range& leaves = at == path.size ? here.exact : here.deep;
  for (std::uint32_t i = 0; i < leaves.count; ++i) visit(leaves_[leaves.first + i]);
  if (at == path.size) return;
  const Path::Segment& segment = path.segments[at];
  if (segment.word != 0) {
    const std::uint32_t child = edges_.find(node, segment.word);
    if (child != 0) walk(child, at + 1, path, visit);
  }
  if (here.any != 0) walk(here.any, at + 1, path, visit);
  for (std::uint32_t i = 0; i < here.prefixes.count; ++i) {
    const PrefixEdge& edge = prefix_edges_[here.prefixes.first + i];
    if (segment.text.starts_with(words_.text(edge.prefix))) walk(edge.child, at + 1, path, visit);
  }
}

}  // namespace kw::policy
