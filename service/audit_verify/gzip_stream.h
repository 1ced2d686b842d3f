// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

struct z_stream_s;

namespace kw::audit_verify {

// GzipStream yields what a gzip file (RFC 1952, one member) holds, in order and in little memory.
// Bytes that are no such file are a fault: it shows once all before it has been read.
class GzipStream {
 public:
  // The descriptor is borrowed and must outlive this; its own offset is not used. No more than
  // `limit` bytes come out: a file that holds more is at fault.
  GzipStream(int fd, std::uint64_t limit);
  GzipStream(GzipStream&&) noexcept = default;
  GzipStream& operator=(GzipStream&&) noexcept = default;
  ~GzipStream();

  // Reads until `out` is full or the bytes end. Errors: Unavailable.
  Result<std::size_t> read(std::span<std::uint8_t> out);

  // Starts again at the first byte.
  void rewind();

  std::uint64_t position() const noexcept { return position_; }
  std::string_view fault() const noexcept { return fault_; }  // empty: none so far

 private:
  struct Ender {
    void operator()(z_stream_s* stream) const noexcept;
  };

  Result<void> refill();
  Result<std::size_t> inflate_some(std::span<std::uint8_t> out);
  Result<void> look_for_more();

  int fd_;
  std::uint64_t limit_;
  std::unique_ptr<z_stream_s, Ender> stream_;
  Bytes input_;
  std::uint64_t input_offset_ = 0;  // in the file, behind what `input_` holds
  std::uint64_t position_ = 0;      // of the next byte that comes out
  bool ended_ = false;
  std::string_view fault_;
};

}  // namespace kw::audit_verify
