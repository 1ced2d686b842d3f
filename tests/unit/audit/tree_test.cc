// SPDX-License-Identifier: Apache-2.0
#include "service/audit/tree.h"

#include <set>
#include <tuple>

#include "audit_fixture.h"
#include "service/audit/proof.h"
#include "service/audit_verify/proof.h"
#include "service/audit_verify/tree_root.h"

namespace kw::test {
namespace {

using audit::Hashes;
using audit::Tree;
using audit::TreeHead;

// The inputs and roots that the tests of the first RFC 6962 log (github.com/google/
// certificate-transparency, merkletree) have for trees of 0 to 8 leaves.
const std::vector<std::string> kInputs = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "50515253"
                                          "54555657",
                                          "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string> kRoots = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

Hashes vector_leaves() {
  audit::TreeHasher hasher;
  Hashes leaves;
  for (const std::string& input : kInputs) {
    leaves.push_back(hasher.leaf(REQUIRE_OK(decode_hex(input))));
  }
  return leaves;
}

Hashes many_leaves(std::size_t count) {
  Hashes leaves;
  for (std::size_t i = 0; i < count; ++i) leaves.push_back(sha256(as_bytes(std::to_string(i))));
  return leaves;
}

// Section 2.1 word for word, as slow as it reads.
Sha256Digest slow_root(std::span<const Sha256Digest> leaves) {
  if (leaves.empty()) return sha256({});
  if (leaves.size() == 1) return leaves.front();
  std::size_t k = 1;
  while (2 * k < leaves.size()) k *= 2;
  Bytes both{1};
  append(both, slow_root(leaves.first(k)));
  append(both, slow_root(leaves.subspan(k)));
  return sha256(both);
}

struct TreeFixture {
  TempDir dir;
  audit::TileFiles files{dir.path()};
  Tree tree{files};

  void grow(const Hashes& leaves) { tree.append(leaves); }
  audit_verify::Checkpoint signed_head(std::uint64_t size) const {
    const TreeHead head = REQUIRE_OK(tree.head(size));
    return {head.size, head.root};
  }
};

}  // namespace

TEST_CASE_METHOD(TreeFixture, "tree: has the roots that are published", "[audit][tree][vectors]") {
  grow(vector_leaves());
  for (std::size_t size = 0; size < kRoots.size(); ++size) {
    CHECK(to_hex(REQUIRE_OK(tree.head(size)).root) == kRoots[size]);
  }
  audit_verify::TreeRoot root;
  CHECK(to_hex(root.root()) == kRoots[0]);
  for (const Sha256Digest& leaf : vector_leaves()) {
    root.add(leaf);
    CHECK(to_hex(root.root()) == kRoots[root.size()]);
  }
}

// The same tests' paths, for a tree of 8: leaf 0, leaf 5 and, in a tree of 3, leaf 2.
TEST_CASE_METHOD(TreeFixture, "tree: has the paths that are published", "[audit][tree][vectors]") {
  grow(vector_leaves());
  const auto hex = [](const Hashes& path) {
    std::vector<std::string> texts;
    for (const Sha256Digest& hash : path) texts.push_back(to_hex(hash));
    return texts;
  };
  using Texts = std::vector<std::string>;
  CHECK(hex(REQUIRE_OK(tree.inclusion(0, 1))).empty());
  CHECK(hex(REQUIRE_OK(tree.inclusion(0, 8))) ==
        Texts{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
              "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
              "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"});
  CHECK(hex(REQUIRE_OK(tree.inclusion(2, 3))) == Texts{kRoots[2]});
  CHECK(hex(REQUIRE_OK(tree.consistency(1, 8))) ==
        Texts{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
              "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
              "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"});
  CHECK(hex(REQUIRE_OK(tree.consistency(6, 8))) ==
        Texts{"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
              "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0", kRoots[4]});
}

TEST_CASE_METHOD(TreeFixture, "tree: every path of a small tree convinces the verifier",
                 "[audit][tree]") {
  const Hashes leaves = many_leaves(70);
  grow(leaves);
  for (std::uint64_t size = 1; size <= leaves.size(); ++size) {
    const audit_verify::Checkpoint head = signed_head(size);
    REQUIRE(head.root == slow_root(std::span(leaves).first(size)));
    for (std::uint64_t index = 0; index < size; ++index) {
      const Hashes path = REQUIRE_OK(tree.inclusion(index, size));
      REQUIRE_OK(audit_verify::check_inclusion({index, leaves[index]}, head, path));
      REQUIRE(path == audit_verify::inclusion_path(std::span(leaves).first(size), index));
    }
    for (std::uint64_t from = 0; from <= size; ++from) {
      const Hashes path = REQUIRE_OK(tree.consistency(from, size));
      REQUIRE_OK(audit_verify::check_consistency(signed_head(from), head, path));
    }
  }
}

TEST_CASE_METHOD(TreeFixture, "tree: no path with a fault convinces the verifier",
                 "[audit][tree]") {
  const Hashes leaves = many_leaves(21);
  grow(leaves);
  const audit_verify::Checkpoint head = signed_head(21);
  for (std::uint64_t index = 0; index < 21; ++index) {
    const audit_verify::Receipt receipt{index, leaves[index]};
    const Hashes path = REQUIRE_OK(tree.inclusion(index, 21));
    CHECK_CODE(check_inclusion({index, leaves[(index + 1) % 21]}, head, path),
               Code::InvalidArgument);
    CHECK_CODE(check_inclusion({(index + 1) % 21, leaves[index]}, head, path),
               Code::InvalidArgument);
    CHECK_CODE(check_inclusion({index + 21, leaves[index]}, head, path), Code::InvalidArgument);
    CHECK_CODE(check_inclusion(receipt, signed_head(20), path), Code::InvalidArgument);
    for (std::size_t i = 0; i < path.size(); ++i) {
      Hashes bad = path;
      bad[i][0] ^= 1;
      CHECK_CODE(check_inclusion(receipt, head, bad), Code::InvalidArgument);
      bad.erase(bad.begin() + static_cast<std::ptrdiff_t>(i));
      CHECK_CODE(check_inclusion(receipt, head, bad), Code::InvalidArgument);
    }
    Hashes longer = path;
    longer.push_back(leaves[0]);
    CHECK_CODE(check_inclusion(receipt, head, longer), Code::InvalidArgument);
  }
  for (std::uint64_t from = 1; from < 21; ++from) {
    const Hashes path = REQUIRE_OK(tree.consistency(from, 21));
    audit_verify::Checkpoint other = signed_head(from);
    other.root[5] ^= 1;
    CHECK_CODE(check_consistency(other, head, path), Code::InvalidArgument);
    CHECK_CODE(check_consistency(signed_head(from), signed_head(20), path), Code::InvalidArgument);
    CHECK_CODE(check_consistency(head, signed_head(from), path), Code::InvalidArgument);
    Hashes shorter = path;
    shorter.pop_back();
    CHECK_CODE(check_consistency(signed_head(from), head, shorter), Code::InvalidArgument);
  }
}

TEST_CASE_METHOD(TreeFixture, "tree: goes on from its tiles as if it had never stopped",
                 "[audit][tree][tiles]") {
  const Hashes leaves = many_leaves(256 * 257 + 300);
  const auto checked = {std::uint64_t{255}, std::uint64_t{256}, std::uint64_t{65536},
                        std::uint64_t{leaves.size()}};
  grow(leaves);
  REQUIRE_OK(tree.save());
  CHECK(std::filesystem::file_size(dir / "tile" / "0" / "000") == 8192);
  CHECK(std::filesystem::file_size(dir / "tile" / "0" / "257") == 8192);
  CHECK(std::filesystem::file_size(dir / "tile" / "1" / "000") == 8192);
  Tree again(files);
  const std::uint64_t loaded = REQUIRE_OK(again.load(leaves.size()));
  CHECK(loaded == leaves.size());
  CHECK(std::filesystem::file_size(dir / "tile" / "0" / "258.p" / "44") == 44 * 32);
  again.append(std::span(leaves).subspan(loaded));
  for (const std::uint64_t size : checked) {
    CHECK(REQUIRE_OK(again.head(size)).root == slow_root(std::span(leaves).first(size)));
    const Hashes path = REQUIRE_OK(again.inclusion(size / 2, size));
    REQUIRE_OK(
        audit_verify::check_inclusion({size / 2, leaves[size / 2]}, signed_head(size), path));
  }
}

TEST_CASE_METHOD(TreeFixture, "tree: names its tiles as C2SP tlog-tiles does",
                 "[audit][tree][tiles]") {
  const Hashes hashes = many_leaves(256);
  REQUIRE_OK(files.write({3, 1234067}, hashes));
  CHECK(std::filesystem::exists(dir / "tile" / "3" / "x001" / "x234" / "067"));
  CHECK(REQUIRE_OK(files.read({3, 1234067})) == hashes);
  CHECK_CODE(files.read({3, 1234068}), Code::NotFound);
  const std::string content = REQUIRE_OK(read_file(dir / "tile" / "3" / "x001" / "x234" / "067"));
  CHECK(as_bytes(content).size() == 8192);
  CHECK(to_hex(as_bytes(content).subspan(32, 32)) == to_hex(hashes[1]));
}

TEST_CASE_METHOD(TreeFixture, "tree: refuses tiles that are not whole", "[audit][tree][tiles]") {
  grow(many_leaves(65536));
  REQUIRE_OK(tree.save());
  SECTION("a short tile") {
    std::filesystem::resize_file(dir / "tile" / "0" / "254", 8191);
    CHECK_CODE(files.read({0, 254}), Code::Internal);
    Tree again(files);
    CHECK(REQUIRE_OK(again.load(65536)) == 254 * 256);
  }
  SECTION("an inner tile is missing") {
    std::filesystem::remove(dir / "tile" / "0" / "003");
    Tree again(files);
    CHECK(REQUIRE_OK(again.load(65536)) == 3 * 256);
    CHECK_CODE(tree.inclusion(3 * 256, 65536), Code::NotFound);
  }
}

TEST_CASE_METHOD(TreeFixture,
                 "tree: of the last tile of leaves one part is a file, and goes when it is full",
                 "[audit][tree][tiles]") {
  const Hashes leaves = many_leaves(700);
  const auto partials = [this](const std::string& tile) {
    std::set<std::string> widths;
    const auto folder = dir / "tile" / "0" / (tile + ".p");
    if (!std::filesystem::exists(folder)) return widths;
    for (const auto& file : std::filesystem::directory_iterator(folder)) {
      widths.insert(file.path().filename().string());
    }
    return widths;
  };
  using Widths = std::set<std::string>;
  std::size_t at = 0;
  for (const auto& [until, tile, widths] :
       std::vector<std::tuple<std::size_t, std::string, Widths>>{{10, "000", {"10"}},
                                                                 {200, "000", {"200"}},
                                                                 {256, "000", {}},
                                                                 {256, "001", {}},
                                                                 {300, "001", {"44"}},
                                                                 {600, "002", {"88"}},
                                                                 {600, "001", {}},
                                                                 {700, "002", {"188"}}}) {
    grow(Hashes(leaves.begin() + static_cast<std::ptrdiff_t>(at),
                leaves.begin() + static_cast<std::ptrdiff_t>(until)));
    at = until;
    REQUIRE_OK(tree.save());
    INFO(until << " leaves, tile " << tile);
    CHECK(partials(tile) == widths);
    Tree again(files);
    CHECK(REQUIRE_OK(again.load(until)) == until);
    CHECK(REQUIRE_OK(again.head(until)) == REQUIRE_OK(tree.head(until)));
  }
  // A log that lost its end: what is wider than it is not taken.
  Tree shorter(files);
  CHECK(REQUIRE_OK(shorter.load(600)) == 512);
}

TEST_CASE_METHOD(TreeFixture, "tree: a log's folder that went away is not made anew",
                 "[audit][tree][fault]") {
  grow(many_leaves(256));
  REQUIRE_OK(tree.save());
  const std::filesystem::path away = dir.path().string() + ".away";
  std::filesystem::rename(dir.path(), away);
  grow(many_leaves(10));
  CHECK_CODE(tree.save(), Code::Unavailable);
  grow(many_leaves(246));
  CHECK_CODE(tree.save(), Code::Unavailable);
  CHECK_FALSE(std::filesystem::exists(dir.path()));
  std::filesystem::rename(away, dir.path());
  REQUIRE_OK(tree.save());
  Tree again(files);
  CHECK(REQUIRE_OK(again.load(512)) == 512);
}

TEST_CASE_METHOD(TreeFixture, "tree: proves nothing beyond its size", "[audit][tree]") {
  grow(many_leaves(9));
  CHECK_CODE(tree.head(10), Code::InvalidArgument);
  CHECK_CODE(tree.inclusion(9, 9), Code::InvalidArgument);
  CHECK_CODE(tree.inclusion(0, 10), Code::InvalidArgument);
  CHECK_CODE(tree.consistency(9, 8), Code::InvalidArgument);
  CHECK_CODE(tree.consistency(0, 10), Code::InvalidArgument);
}

}  // namespace kw::test
