// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/memory_scan.h"

#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <functional>
#include <sstream>

#include "base/owned.h"
#include "service/doctor/host.h"

namespace kw::doctor {
namespace {

constexpr std::size_t kKeySize = 32;
constexpr std::size_t kChunk = 1 << 20;
// Larger mappings are reservations, such as a sanitizer's.
constexpr std::uintptr_t kLargest = 1UL << 30;

struct Region {
  std::uintptr_t begin;
  std::uintptr_t end;
};

// The readable, writable mappings of this process.
std::vector<Region> regions() {
  std::vector<Region> found;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream fields(line);
    Region region{};
    char dash = 0;
    std::string mode;
    if (!(fields >> std::hex >> region.begin >> dash >> region.end >> mode)) continue;
    if (mode.starts_with("rw") && region.end - region.begin <= kLargest) found.push_back(region);
  }
  return found;
}

// Workshop is memory of the doctor's own, which a search leaves out: the key on its way in, and
// what is read.
class Workshop {
 public:
  Workshop()
      : memory_(static_cast<std::uint8_t*>(
            ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    KW_ASSERT(memory_ != MAP_FAILED);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  ~Workshop() { ::munmap(memory_, kSize); }

  std::span<std::uint8_t, kKeySize> key() const {
    return std::span<std::uint8_t, kKeySize>(memory_, kKeySize);
  }
  std::span<std::uint8_t> chunk() const { return {memory_ + kPage, kChunk}; }
  bool holds(std::uintptr_t address) const {
    const auto begin = reinterpret_cast<std::uintptr_t>(memory_);
    return address >= begin && address < begin + kSize;
  }

 private:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kSize = kPage + kChunk;
  std::uint8_t* memory_;
};

// The call reads this process like any other's: a page that is gone is an error, not a crash.
std::size_t read_own(std::uintptr_t address, std::span<std::uint8_t> out) {
  iovec local{out.data(), out.size()};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address for the kernel, read by nobody here
  void* const there = reinterpret_cast<void*>(address);
  iovec remote{there, out.size()};
  const ssize_t got = ::process_vm_readv(::getpid(), &local, 1, &remote, 1, 0);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

// How often the first half of the key stands in a region. Halves, because a cipher may keep them
// apart.
std::size_t count_in(const Region& region, const Workshop& workshop) {
  const auto needle = workshop.key().first(kKeySize / 2);
  const std::boyer_moore_horspool_searcher searcher(needle.begin(), needle.end());
  std::size_t count = 0;
  for (std::uintptr_t at = region.begin; at < region.end; at += kChunk - kKeySize) {
    const auto chunk = workshop.chunk().first(std::min<std::size_t>(kChunk, region.end - at));
    const auto seen = chunk.first(read_own(at, chunk));
    for (auto from = seen.begin();;) {
      from = std::search(from, seen.end(), searcher);
      if (from == seen.end()) break;
      const auto address = at + static_cast<std::uintptr_t>(from - seen.begin());
      if (!workshop.holds(address)) ++count;
      ++from;
    }
  }
  return count;
}

std::size_t count_everywhere(const Workshop& workshop) {
  std::size_t count = 0;
  for (const Region& region : regions()) count += count_in(region, workshop);
  return count;
}

// The key goes in wrapped: what stands in clear afterwards was unwrapped in this process.
Answer bring_in(const Raw& raw, const Workshop& workshop, const KnownKey& kek) {
  const Bytes blob = host::wrap(host::Wrapping::Plain, kek.value, workshop.key());
  const SecretWish wish{.uses = kEncrypt, .extractable = false, .is_private = false};
  return raw.unwrap(CKM_AES_KEY_WRAP, kek.handle, blob, secret_key(wish));
}

Result<MemoryFinding> look(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey kek = TRY(known_key(raw, {.uses = kUnwrap}));
  const Workshop workshop;
  Bytes value = host::random(kKeySize);
  std::ranges::copy(value, workshop.key().begin());
  wipe(value);
  const std::size_t before = count_everywhere(workshop);
  const Answer made = bring_in(raw, workshop, kek);
  if (!made.ok()) return Error(Code::Unimplemented, "no key unwraps: " + made.name());
  const std::array<std::uint8_t, 16> block{};
  (void)raw.encrypt(CKM_AES_ECB, made.object, block);
  const std::size_t after = count_everywhere(workshop);
  wipe(workshop.key());
  if (after <= before) {
    return MemoryFinding{Fact::No, "a key that was unwrapped was not found in this process"};
  }
  return MemoryFinding{Fact::Yes,
                       "a key that was unwrapped stands in clear in this process's memory"};
}

}  // namespace

MemoryFinding look_for_keys(Lab& lab) {
  Result<MemoryFinding> found = look(lab);
  if (found) return *std::move(found);
  return {Fact::Untried, found.error().detail()};
}

}  // namespace kw::doctor
