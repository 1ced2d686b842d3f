// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace kw::http {

// Listener accepts connections on one socket for as long as it is open: no failure of accept ends
// it. It lives on one loop's thread; only `open` may be called elsewhere, before that loop's work.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  // Takes a non-blocking connection and its peer's address.
  using Accepted = std::function<void(FileDescriptor, std::string)>;

  // Errors: Unavailable (the system refuses to watch the socket).
  static Result<std::shared_ptr<Listener>> open(boost::asio::io_context& loop,
                                                FileDescriptor socket, Accepted accepted);

  void run();
  void close();

 private:
  enum class Outcome { Accepted, Nothing, Exhausted };

  Listener(boost::asio::io_context& loop, Accepted accepted)
      : socket_(loop), pause_(loop), accepted_(std::move(accepted)) {}
  Outcome accept_one();
  void wait_for_connection();
  void wait_for_resources();

  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer pause_;
  Accepted accepted_;
};

}  // namespace kw::http
