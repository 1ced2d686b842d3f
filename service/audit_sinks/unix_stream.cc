// SPDX-License-Identifier: Apache-2.0
// One record a line over a stream socket. Where the peer acknowledges, it answers lines of its own:
// an index in decimal, which says that it has all records up to that one.
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>

#include "service/audit_sinks/format.h"
#include "service/audit_sinks/socket.h"
#include "service/audit_sinks/transport.h"

namespace kw::audit_sinks {
namespace {

constexpr std::size_t kLongestAnswer = 64;
constexpr std::chrono::seconds kStreamDoubt{5};

class UnixStream final : public Transport {
 public:
  explicit UnixStream(SinkOptions options) : options_(std::move(options)) {}

  std::string encode(const audit_verify::DecodedRecord& record) const override {
    return format_record(record, options_.format) + '\n';
  }

  Result<void> connect() override {
    answers_.clear();
    acknowledged_.reset();
    peer_ = TRY(connect_unix(options_.path, SOCK_STREAM));
    return {};
  }

  Result<void> send(const std::vector<Message>& messages) override {
    std::string all;
    for (const Message& message : messages) all += message.bytes;
    TRY(write_all(all));
    if (!options_.acknowledges) return {};
    const Deadline deadline = deadline_in(kPeerWithin);
    while (!acknowledged_ || *acknowledged_ < messages.back().index) {
      TRY(wait_for(peer_.get(), POLLIN, deadline));
      TRY(read_answers());
    }
    return {};
  }

  Result<void> check() override {
    return is_ready(peer_.get(), POLLIN) ? read_answers() : Result<void>();
  }

  void close() noexcept override { peer_ = FileDescriptor(); }

  Clock::duration doubt() const noexcept override {
    return options_.acknowledges ? Clock::duration() : kStreamDoubt;
  }

 private:
  Result<void> write_all(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(put));
      } else if (errno == EAGAIN) {
        TRY(wait_for(peer_.get(), POLLOUT, deadline_in(kPeerWithin)));
      } else if (errno != EINTR) {
        return socket_error("send");
      }
    }
    return {};
  }

  // What a peer says that acknowledges nothing is passed over.
  Result<void> read_answers() {
    std::array<char, 4096> bytes;
    const ssize_t got = ::recv(peer_.get(), bytes.data(), bytes.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR ? Result<void>() : socket_error("recv");
    if (got == 0) return Error(Code::Unavailable, "the peer closed the connection");
    if (!options_.acknowledges) return {};
    answers_.append(bytes.data(), static_cast<std::size_t>(got));
    for (std::size_t end = answers_.find('\n'); end != std::string::npos;
         end = answers_.find('\n')) {
      TRY(take_answer(std::string_view(answers_).substr(0, end)));
      answers_.erase(0, end + 1);
    }
    if (answers_.size() <= kLongestAnswer) return {};
    return Error(Code::Unavailable, "the peer acknowledges with no number");
  }

  Result<void> take_answer(std::string_view line) {
    std::uint64_t index = 0;
    const auto [end, failure] = std::from_chars(line.data(), line.data() + line.size(), index);
    if (failure != std::errc() || end != line.data() + line.size()) {
      return Error(Code::Unavailable, "the peer acknowledges with no number");
    }
    acknowledged_ = index;
    return {};
  }

  const SinkOptions options_;
  FileDescriptor peer_;
  std::string answers_;
  std::optional<std::uint64_t> acknowledged_;  // on this connection
};

}  // namespace

std::unique_ptr<Transport> make_unix_stream(const SinkOptions& options) {
  return std::make_unique<UnixStream>(options);
}

}  // namespace kw::audit_sinks
