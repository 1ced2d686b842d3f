// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "service/http/head_gate.h"
#include "service/http/mailbox.h"
#include "service/http/seats.h"
#include "service/http/server.h"
#include "service/http/tls_context.h"

namespace kw::http {

class Connection;

// Times are the limits of time that a reload may change. Safe for concurrent use: each is read on
// its own, by who starts to wait.
class Times {
 public:
  explicit Times(const Limits& limits) { set(limits); }
  void set(const Limits& limits) noexcept {
    request_.store(limits.request, std::memory_order_relaxed);
    idle_.store(limits.idle, std::memory_order_relaxed);
  }
  std::chrono::milliseconds request() const noexcept {
    return request_.load(std::memory_order_relaxed);
  }
  std::chrono::milliseconds idle() const noexcept { return idle_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::chrono::milliseconds> request_;
  std::atomic<std::chrono::milliseconds> idle_;
};

// Front is what all loops of one server share. Outlives them.
struct Front {
  Front(const ServerOptions& options, Dispatch dispatcher,
        std::shared_ptr<const TlsContext> context)
      : limits(options.limits),
        head_limits{limits.fields, limits.target_bytes, limits.body_bytes, options.media_types,
                    options.methods},
        transport(options.transport),
        dispatch(std::move(dispatcher)),
        times(options.limits),
        tls(std::move(context)),
        seats(limits.connections) {}

  // Constant after construction. What a reload may change of the limits is not read here.
  const Limits limits;
  const HeadLimits head_limits;
  const Transport transport;
  const Dispatch dispatch;

  // Safe for concurrent use.
  Times times;
  CurrentTls tls;  // null: plain HTTP
  Seats seats;
  std::atomic<bool> draining = false;
  ServerMeter meter;
};

// Loop is one thread with its event loop and the connections that were dealt to it.
class Loop {
 public:
  explicit Loop(Front& front);
  ~Loop();  // closes all connections, ends the thread

  // From any thread.
  void adopt(FileDescriptor socket, std::string source, Seats::Seat seat);
  void begin_drain();
  void close_all();
  boost::asio::io_context& io() noexcept { return io_; }

  // From the loop's own thread.
  Front& front() const noexcept { return front_; }
  const std::shared_ptr<Mailbox>& mailbox() const noexcept { return mailbox_; }
  void forget(const Connection* connection) { connections_.erase(connection); }

 private:
  void welcome(FileDescriptor socket, std::string source, Seats::Seat seat);
  void schedule_sweep();
  template <typename Visit>
  void for_each_connection(Visit visit);

  Front& front_;
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer sweep_timer_;
  std::shared_ptr<Mailbox> mailbox_;
  std::unordered_map<const Connection*, std::shared_ptr<Connection>> connections_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kw::http
