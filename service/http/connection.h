// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"
#include "service/http/body_buffer.h"
#include "service/http/head_gate.h"
#include "service/http/input_buffer.h"
#include "service/http/loop.h"
#include "service/http/stream.h"
#include "service/http/tls_context.h"

namespace kw::http {

// Connection serves the requests of one client, one after the other. It belongs to one loop and is
// used on that loop's thread only, which must outlive it.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Null if the system refuses to watch the socket.
  static std::shared_ptr<Connection> open(Loop& loop, FileDescriptor socket, std::string source,
                                          Seats::Seat seat);

  // Goes on until it has to wait for the peer or for an answer.
  void run();

  // Takes the answer to request number `turn`; a late one is wiped and lost.
  void answer(std::uint64_t turn, Reply reply);

  // Ends what has passed its deadline, gives back memory that lies idle.
  void sweep(Deadline now);

  // Closes now if no request is being read or served.
  void begin_drain();

  void close();

 private:
  enum class Stage { Handshake, Idle, Head, Body, Waiting, Writing, Lingering, Closed };
  enum class Step { Again, WaitToRead, WaitToWrite, Park, End };

  Connection(Loop& loop, int socket, std::string source, Seats::Seat seat);

  Step advance();
  Step on_handshake();
  Step on_idle();
  Step on_head();
  Step on_body();
  Step on_writing();
  Step on_lingering();

  Step accept_head(std::size_t size);
  std::optional<Error> check_caller();
  Step refuse_head(const Rejection& rejection);
  Step dispatch(std::optional<Rejection> rejection = {});
  Reply overdue_problem() const;
  Secret bytes_of(Reply reply, Persistence persistence) const;
  Step fill();
  Step reject(int status, std::string_view advice);
  Step write(Secret bytes, Stage next);
  Step begin_lingering();
  Step after(IoState state) const noexcept;

  void identify();
  Counter& failed_handshakes() noexcept { return loop_.front().meter.failed_handshakes; }
  void wait(Step step);
  const Limits& limits() const noexcept { return loop_.front().limits; }

  // Constant after construction.
  Loop& loop_;
  const std::string source_;
  const Seats::Seat seat_;

  boost::asio::posix::stream_descriptor socket_;
  std::shared_ptr<const TlsContext> tls_;  // what the client's certificate was last verified with
  const std::unique_ptr<Stream> stream_;
  Stage stage_ = Stage::Handshake;
  Deadline deadline_;
  std::uint64_t waits_ = 0;  // a wait that was cut short finds that another one came since
  bool is_waiting_ = false;

  std::shared_ptr<const identity::Caller> caller_;
  std::optional<Error> caller_fault_;  // a certificate that proves nobody

  // The request being read or served.
  std::uint64_t turn_ = 0;
  Overdue overdue_ = Overdue::Unknown;  // of the request in Stage::Waiting
  RequestId id_;
  Deadline request_deadline_;
  Head head_;
  BodyBuffer body_;

  InputBuffer input_;
  std::size_t scanned_ = 0;
  Secret output_;
  std::size_t written_ = 0;
  Stage after_writing_ = Stage::Idle;
};

}  // namespace kw::http
