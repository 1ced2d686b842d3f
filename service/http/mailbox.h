// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/file.h"
#include "base/mutex.h"
#include "service/http/request.h"

namespace kw::http {

class Connection;

// Letter is an answer on its way back to the connection that waits for it.
struct Letter {
  std::weak_ptr<Connection> to;
  std::uint64_t turn = 0;  // which of the connection's requests is answered
  Reply reply;
};

// Mailbox carries answers from any thread to one event loop, waking it once for all that came
// together, and while no mutex is held: the loop may run at once, on the processor of whoever woke
// it. It outlives the loop: after `close` letters are wiped and lost.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
 public:
  explicit Mailbox(boost::asio::io_context& loop);

  // Delivers from now on. Before the loop runs, or on its thread, as `close`.
  void listen();
  void close() KW_EXCLUDES(mutex_);

  void put(Letter letter) KW_EXCLUDES(mutex_);

 private:
  void deliver() KW_EXCLUDES(mutex_);

  const FileDescriptor bell_;                                 // an eventfd
  std::optional<boost::asio::posix::stream_descriptor> ear_;  // hears it; the loop's
  std::uint64_t rings_ = 0;                                   // the same

  Mutex mutex_;
  bool closed_ KW_GUARDED_BY(mutex_) = false;
  std::vector<Letter> letters_ KW_GUARDED_BY(mutex_);
};

// Makes the Respond of one request; dropped uncalled it puts a 500.
Respond make_respond(std::shared_ptr<Mailbox> mailbox, std::weak_ptr<Connection> to,
                     std::uint64_t turn, const RequestId& id);

}  // namespace kw::http
