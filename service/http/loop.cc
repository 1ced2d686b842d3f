// SPDX-License-Identifier: Apache-2.0
#include "service/http/loop.h"

#include <boost/asio/post.hpp>
#include <vector>

#include "service/http/connection.h"

namespace kw::http {
namespace {

// Deadlines are kept to within this; one timer a loop instead of two system calls a request.
constexpr std::chrono::milliseconds kSweepInterval{250};
constexpr int kOneThread = 1;

}  // namespace

Loop::Loop(Front& front)
    : front_(front),
      io_(kOneThread),
      work_(io_.get_executor()),
      sweep_timer_(io_),
      mailbox_(std::make_shared<Mailbox>(io_)) {
  mailbox_->listen();
  schedule_sweep();
  thread_ = std::thread([this] { io_.run(); });
}

Loop::~Loop() {
  boost::asio::post(io_, [this] {
    stopping_ = true;
    mailbox_->close();
    for_each_connection([](Connection& connection) { connection.close(); });
    sweep_timer_.cancel();
    work_.reset();
  });
  thread_.join();
}

void Loop::adopt(FileDescriptor socket, std::string source, Seats::Seat seat) {
  boost::asio::post(io_, [this, socket = std::move(socket), source = std::move(source),
                          seat = std::move(seat)]() mutable {
    welcome(std::move(socket), std::move(source), std::move(seat));
  });
}

void Loop::welcome(FileDescriptor socket, std::string source, Seats::Seat seat) {
  if (stopping_ || front_.draining) return;
  const auto connection =
      Connection::open(*this, std::move(socket), std::move(source), std::move(seat));
  if (connection == nullptr) return;
  connections_.emplace(connection.get(), connection);
  connection->run();
}

void Loop::begin_drain() {
  boost::asio::post(io_, [this] {
    for_each_connection([](Connection& connection) { connection.begin_drain(); });
  });
}

void Loop::close_all() {
  boost::asio::post(
      io_, [this] { for_each_connection([](Connection& connection) { connection.close(); }); });
}

void Loop::schedule_sweep() {
  sweep_timer_.expires_after(kSweepInterval);
  sweep_timer_.async_wait([this](boost::system::error_code cancelled) {
    if (cancelled || stopping_) return;
    const auto now = Clock::now();
    for_each_connection([now](Connection& connection) { connection.sweep(now); });
    schedule_sweep();
  });
}

// Visits a copy: a visit may close the connection, which takes it out of the map.
template <typename Visit>
void Loop::for_each_connection(Visit visit) {
  std::vector<std::shared_ptr<Connection>> present;
  present.reserve(connections_.size());
  for (const auto& [address, connection] : connections_) present.push_back(connection);
  for (const auto& connection : present) visit(*connection);
}

}  // namespace kw::http
