// SPDX-License-Identifier: Apache-2.0
// The tree over a million records: what one leaf costs beside one SHA-256, how long a proof takes
// from tiles in files, and how many bytes its hashes are in base64.
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "service/audit/tree.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kLeaves = 1'000'000;
constexpr int kProofs = 2'000;

template <typename Work>
double seconds(Work work) {
  const Clock::time_point start = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

kw::audit::Hashes leaves_of(std::uint64_t first, std::size_t count) {
  kw::audit::Hashes leaves(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = std::to_string(first + i);
    leaves[i] = kw::sha256(kw::as_bytes(text));
  }
  return leaves;
}

struct Figures {
  std::vector<double> microseconds;
  std::size_t most_bytes = 0;

  void add(double taken, const kw::audit::Hashes& hashes) {
    microseconds.push_back(taken * 1e6);
    const std::size_t size = kw::base64_length(hashes.size() * 32, kw::Base64Alphabet::Standard);
    most_bytes = std::max(most_bytes, size);
  }

  void print(const char* what) {
    std::sort(microseconds.begin(), microseconds.end());
    std::printf("%s: p50 %.0f us, p99 %.0f us, at most %zu bytes of base64\n", what,
                microseconds[microseconds.size() / 2], microseconds[microseconds.size() * 99 / 100],
                most_bytes);
  }
};

}  // namespace

int main() {
  std::string name = (std::filesystem::temp_directory_path() / "keyward-bench-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  kw::audit::Tree tree{kw::audit::TileFiles(folder)};
  const kw::audit::Hashes leaves = leaves_of(0, kLeaves);
  const double growing = seconds([&] { tree.append(leaves); });
  const double hashing = seconds([&] { (void)leaves_of(0, kLeaves); });
  const double saving = seconds([&] { tree.save().value(); });
  std::printf("a leaf: %.2f us, %.1f times a SHA-256 of its own; writing its tiles %.2f us\n",
              growing / kLeaves * 1e6, growing / hashing, saving / kLeaves * 1e6);

  std::mt19937_64 random(1);
  Figures inclusion;
  Figures consistency;
  for (int i = 0; i < kProofs; ++i) {
    const std::uint64_t number = random() % kLeaves;
    kw::audit::Hashes hashes;
    double taken = seconds([&] { hashes = tree.inclusion(number, kLeaves).value(); });
    inclusion.add(taken, hashes);
    taken = seconds([&] { hashes = tree.consistency(number, kLeaves).value(); });
    consistency.add(taken, hashes);
  }
  inclusion.print("inclusion proof");
  consistency.print("consistency proof");
  std::filesystem::remove_all(folder);
  return 0;
}
