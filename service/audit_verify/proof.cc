// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/proof.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

#include "service/audit_verify/tree_root.h"

namespace kw::audit_verify {
namespace {

constexpr std::string_view kFirstLine = "c2sp.org/tlog-proof@v1\n";
constexpr std::string_view kIndexWord = "index ";
constexpr std::string_view kExtraWord = "extra ";

Error no_proof(const char* why) {
  return Error(Code::InvalidArgument, std::string("not proven: ") + why);
}

std::optional<std::uint64_t> plain_number(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return std::to_string(number) == text ? std::optional(number) : std::nullopt;
}

std::optional<Sha256Digest> digest_of(const Result<Bytes>& bytes) {
  Sha256Digest digest{};
  if (!bytes || bytes->size() != digest.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

// Cuts a line off the front, without its newline.
std::string_view cut_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

Sha256Digest root_of_leaves(std::span<const Sha256Digest> leaves) {
  TreeRoot tree;
  for (const Sha256Digest& leaf : leaves) tree.add(leaf);
  return tree.root();
}

// The two roots that a consistency path yields, climbed together.
struct Roots {
  Sha256Digest older{};
  Sha256Digest newer{};
};

std::optional<Roots> climb(std::uint64_t older, std::uint64_t newer, const Sha256Digest& start,
                           std::span<const Sha256Digest> path) {
  TreeHasher hasher;
  Roots roots{start, start};
  for (const Sha256Digest& hash : path) {
    if (newer == 0) return std::nullopt;
    if (older % 2 == 1 || older == newer) {
      roots.older = hasher.node(hash, roots.older);
      roots.newer = hasher.node(hash, roots.newer);
      while (older % 2 == 0 && older != 0) {
        older /= 2;
        newer /= 2;
      }
    } else {
      roots.newer = hasher.node(roots.newer, hash);
    }
    older /= 2;
    newer /= 2;
  }
  return newer == 0 ? std::optional(roots) : std::nullopt;
}

}  // namespace

Result<Receipt> parse_receipt(std::string_view text) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const auto index = plain_number(text.substr(0, colon));
  const auto leaf = digest_of(decode_hex(text.substr(std::min(colon + 1, text.size()))));
  if (index && leaf) return Receipt{*index, *leaf};
  return Error(Code::InvalidArgument, "no receipt: INDEX:LEAFHASH is wanted");
}

Result<void> check_inclusion(const Receipt& receipt, const Checkpoint& checkpoint,
                             const Hashes& path) {
  if (receipt.index >= checkpoint.size) return no_proof("the record is not under the checkpoint");
  TreeHasher hasher;
  std::uint64_t node = receipt.index;
  std::uint64_t last = checkpoint.size - 1;
  Sha256Digest root = receipt.leaf;
  for (const Sha256Digest& hash : path) {
    if (last == 0) return no_proof("the path is too long");
    if (node % 2 == 1 || node == last) {
      root = hasher.node(hash, root);
      while (node % 2 == 0 && node != 0) {
        node /= 2;
        last /= 2;
      }
    } else {
      root = hasher.node(root, hash);
    }
    node /= 2;
    last /= 2;
  }
  if (last != 0) return no_proof("the path is too short");
  if (root != checkpoint.root) return no_proof("another record, or not in this log");
  return {};
}

Result<void> check_consistency(const Checkpoint& older, const Checkpoint& newer,
                               const Hashes& path) {
  if (older.size > newer.size) return no_proof("a log never shrinks");
  if (older.size == 0 || older.size == newer.size) {
    const bool same = older.size == 0 || older.root == newer.root;
    if (!path.empty()) return no_proof("the path is too long");
    return same ? Result<void>() : no_proof("two roots of one size");
  }
  Hashes whole = path;
  if (std::has_single_bit(older.size)) whole.insert(whole.begin(), older.root);
  if (whole.empty()) return no_proof("the path is too short");
  std::uint64_t node = older.size - 1;
  std::uint64_t last = newer.size - 1;
  while (node % 2 == 1) {
    node /= 2;
    last /= 2;
  }
  const auto roots = climb(node, last, whole.front(), std::span(whole).subspan(1));
  if (!roots) return no_proof("the path has another length");
  if (roots->older != older.root || roots->newer != newer.root) {
    return no_proof("the newer log does not begin with the older one");
  }
  return {};
}

Hashes inclusion_path(std::span<const Sha256Digest> leaves, std::uint64_t index) {
  KW_ASSERT(index < leaves.size());
  Hashes path;
  while (leaves.size() > 1) {
    const std::uint64_t middle = std::bit_floor(leaves.size() - 1);
    if (index < middle) {
      path.push_back(root_of_leaves(leaves.subspan(middle)));
      leaves = leaves.first(middle);
    } else {
      path.push_back(root_of_leaves(leaves.first(middle)));
      leaves = leaves.subspan(middle);
      index -= middle;
    }
  }
  std::reverse(path.begin(), path.end());
  return path;
}

Result<Hashes> split_hashes(ByteView bytes) {
  constexpr std::size_t kSize = sizeof(Sha256Digest);
  if (bytes.size() % kSize != 0) return no_proof("its hashes are not whole");
  Hashes hashes(bytes.size() / kSize);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(i * kSize), kSize, hashes[i].begin());
  }
  return hashes;
}

std::string to_text(const LogProof& proof) {
  std::string text(kFirstLine);
  text += std::string(kIndexWord) + std::to_string(proof.index) + "\n";
  for (const Sha256Digest& hash : proof.path) text += to_base64(hash) + "\n";
  return text + "\n" + proof.note;
}

Result<LogProof> parse_log_proof(std::string_view text) {
  if (!text.starts_with(kFirstLine)) return no_proof("no tlog-proof of version 1");
  text.remove_prefix(kFirstLine.size());
  if (text.starts_with(kExtraWord)) (void)cut_line(text);
  const std::string_view line = cut_line(text);
  const bool named = line.starts_with(kIndexWord);
  const auto index = plain_number(line.substr(named ? kIndexWord.size() : 0));
  if (!named || !index) return no_proof("it has no index");
  LogProof proof{*index, {}, {}};
  for (;;) {
    const std::string_view hash = cut_line(text);
    if (hash.empty()) break;
    const auto digest = digest_of(decode_base64(hash));
    if (!digest || proof.path.size() == 64) return no_proof("its hashes are none");
    proof.path.push_back(*digest);
  }
  proof.note = text;
  return proof;
}

Result<Checkpoint> check_log_proof(const VerifierKey& key, const Receipt& receipt,
                                   const LogProof& proof) {
  const Checkpoint checkpoint = TRY(open_checkpoint(key, proof.note));
  if (proof.index != receipt.index) return no_proof("it is about another record");
  TRY(check_inclusion(receipt, checkpoint, proof.path));
  return checkpoint;
}

}  // namespace kw::audit_verify
