// SPDX-License-Identifier: Apache-2.0
#include "cli/seal.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "cli/chunk_cipher.h"
#include "cli/command.h"

namespace kw::cli {
namespace {

// docs/seal-format.md: magic 3, format 1, chunk size 1, flags 1, nonce prefix 7, blob length 2.
constexpr std::uint8_t kHead[] = {'k', 'w', 's', 0x01, 0x10, 0x00};
constexpr std::size_t kFixedSize = sizeof(kHead) + ChunkCipher::kPrefixSize + 2;
constexpr std::size_t kMaxBlob = 4096;

Error cut_off() { return refusal(Code::InvalidArgument, "the sealed file is cut off"); }

// Reads until `out` is full or the input ends; yields the bytes read.
Result<std::size_t> read_up_to(int fd, std::span<std::uint8_t> out) {
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::read(fd, out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Error(Code::Unavailable, "read: " + std::generic_category().message(errno));
    }
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

// Chunks reads pieces of one size and knows, one piece ahead, which is the last. The last piece is
// empty only if the whole input is.
class Chunks {
 public:
  Chunks(int fd, std::size_t size) : fd_(fd), current_(size), next_(size) {}

  // Must come before the first piece.
  Result<void> start() {
    current_size_ = TRY(read_up_to(fd_, current_.reveal_for_writing()));
    return look_ahead();
  }

  ByteView piece() const noexcept { return current_.reveal().first(current_size_); }
  bool is_last() const noexcept { return next_size_ == 0; }

  Result<void> advance() {
    std::swap(current_, next_);
    current_size_ = next_size_;
    return look_ahead();
  }

 private:
  Result<void> look_ahead() {
    next_size_ = 0;
    if (current_size_ < current_.size()) return {};
    next_size_ = TRY(read_up_to(fd_, next_.reveal_for_writing()));
    return {};
  }

  int fd_;
  Secret current_;
  Secret next_;
  std::size_t current_size_ = 0;
  std::size_t next_size_ = 0;
};

struct Header {
  Bytes bytes;
  ChunkCipher::Prefix prefix{};
  Bytes blob;
};

Result<Header> make_header(ByteView blob) {
  if (blob.empty() || blob.size() > kMaxBlob) {
    return Error(Code::InvalidArgument, "the data key's blob has no fitting size");
  }
  Header header;
  fill_random(header.prefix);
  append(header.bytes, kHead);
  append(header.bytes, header.prefix);
  append_u16(header.bytes, static_cast<std::uint16_t>(blob.size()));
  append(header.bytes, blob);
  return header;
}

Result<Header> read_header(int in) {
  Header header;
  header.bytes.resize(kFixedSize);
  const std::size_t got = TRY(read_up_to(in, header.bytes));
  const ByteView fixed(header.bytes);
  if (got < sizeof(kHead) || !std::equal(std::begin(kHead), std::end(kHead), fixed.begin())) {
    return refusal(Code::InvalidArgument, "this is no file that `keyward seal` of format 1 made");
  }
  if (got < kFixedSize) return cut_off();
  const ByteView prefix = fixed.subspan(sizeof(kHead), ChunkCipher::kPrefixSize);
  std::copy(prefix.begin(), prefix.end(), header.prefix.begin());
  const std::size_t length = read_u16(fixed.last(2));
  if (length == 0 || length > kMaxBlob) {
    return refusal(Code::InvalidArgument, "the sealed file's header was changed");
  }
  header.blob.resize(length);
  const std::size_t blob_got = TRY(read_up_to(in, header.blob));
  if (blob_got < length) return cut_off();
  append(header.bytes, header.blob);
  return header;
}

// Hands each piece to `work` with its number and place, until the last is done.
template <typename Work>
Result<void> for_each_chunk(Chunks& chunks, const Work& work) {
  TRY(chunks.start());
  for (std::uint32_t number = 0;; ++number) {
    const bool last = chunks.is_last();
    TRY(work(number, last ? ChunkPlace::Last : ChunkPlace::Inner, chunks.piece()));
    if (last) return {};
    if (number == std::numeric_limits<std::uint32_t>::max()) {
      return refusal(Code::InvalidArgument, "more than 256 TiB");
    }
    TRY(chunks.advance());
  }
}

}  // namespace

Result<void> seal(int in, int out, const DataKey& key, const Progress& progress) {
  const Header header = TRY(make_header(key.blob));
  ChunkCipher cipher = TRY(ChunkCipher::make(key.key, header.prefix, sha256(header.bytes)));
  TRY(write_all(out, as_text(header.bytes)));

  Chunks chunks(in, kSealChunk);
  Bytes sealed(kSealChunk + ChunkCipher::kTagSize);
  std::uint64_t done = 0;
  return for_each_chunk(
      chunks, [&](std::uint32_t number, ChunkPlace place, ByteView plaintext) -> Result<void> {
        const auto target = std::span(sealed).first(plaintext.size() + ChunkCipher::kTagSize);
        TRY(cipher.seal(number, place, plaintext, target));
        TRY(write_all(out, as_text(target)));
        done += plaintext.size();
        if (progress) progress(done);
        return {};
      });
}

Result<void> open_sealed(int in, int out, const Unwrap& unwrap, const Progress& progress) {
  const Header header = TRY(read_header(in));
  const Secret key = TRY(unwrap(header.blob));
  ChunkCipher cipher = TRY(ChunkCipher::make(key, header.prefix, sha256(header.bytes)));

  Chunks chunks(in, kSealChunk + ChunkCipher::kTagSize);
  Secret plaintext(kSealChunk);
  std::uint64_t done = header.bytes.size();
  return for_each_chunk(
      chunks, [&](std::uint32_t number, ChunkPlace place, ByteView sealed) -> Result<void> {
        // An empty last chunk behind others has a second spelling without it: only one may open.
        const bool needless = number > 0 && sealed.size() == ChunkCipher::kTagSize;
        if (sealed.size() < ChunkCipher::kTagSize || needless) return cut_off();
        const auto target =
            plaintext.reveal_for_writing().first(sealed.size() - ChunkCipher::kTagSize);
        TRY(cipher.open(number, place, sealed, target));
        TRY(write_all(out, as_text(target)));
        done += sealed.size();
        if (progress) progress(done);
        return {};
      });
}

}  // namespace kw::cli
