// SPDX-License-Identifier: Apache-2.0
#include "service/http/server.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <thread>
#include <utility>

#include "service/http/bound_socket.h"
#include "service/http/listener.h"
#include "service/http/loop.h"
#include "service/http/tls_context.h"

namespace kw::http {
namespace {

constexpr std::chrono::seconds kForcedCloseTime{1};

Result<std::shared_ptr<const TlsContext>> open_tls(const TlsFiles& files, Transport transport) {
  if (transport == Transport::Plain) return std::shared_ptr<const TlsContext>();
  return TlsContext::open(files);
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerOptions& options, Dispatch dispatch, std::shared_ptr<const TlsContext> tls)
      : front_(options, std::move(dispatch), std::move(tls)) {
    const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
    const unsigned threads = options.threads == 0 ? cores : options.threads;
    for (unsigned i = 0; i < threads; ++i) loops_.push_back(std::make_unique<Loop>(front_));
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() { stop_listening(); }

  Result<void> listen(const std::string& address) {
    auto sockets = TRY(bind_sockets(address));
    for (auto& bound : sockets) {
      addresses_.push_back(std::move(bound.address));
      listeners_.push_back(TRY(Listener::open(accepting_loop(), std::move(bound.socket),
                                              [this](FileDescriptor socket, std::string source) {
                                                deal(std::move(socket), std::move(source));
                                              })));
    }
    return {};
  }

  void start_listening() {
    for (const auto& listener : listeners_) {
      boost::asio::post(accepting_loop(), [listener] { listener->run(); });
    }
  }

  void drain(Deadline deadline) {
    front_.draining = true;
    stop_listening();
    for (const auto& loop : loops_) loop->begin_drain();
    if (front_.seats.wait_until_empty(deadline)) return;
    for (const auto& loop : loops_) loop->close_all();
    (void)front_.seats.wait_until_empty(deadline_in(kForcedCloseTime));
  }

  Front& front() noexcept { return front_; }
  const Front& front() const noexcept { return front_; }
  const std::vector<std::string>& addresses() const noexcept { return addresses_; }

 private:
  boost::asio::io_context& accepting_loop() noexcept { return loops_.front()->io(); }

  // Over the limit the connection is closed unanswered: an answer would cost a handshake.
  void deal(FileDescriptor socket, std::string source) {
    auto seat = front_.seats.take();
    if (!seat) return front_.meter.refused.add();
    front_.meter.accepted.add();
    Loop& loop = *loops_[next_loop_++ % loops_.size()];
    loop.adopt(std::move(socket), std::move(source), *std::move(seat));
  }

  void stop_listening() {
    for (const auto& listener : listeners_) {
      boost::asio::post(accepting_loop(), [listener] { listener->close(); });
    }
  }

  Front front_;
  std::vector<std::string> addresses_;
  std::size_t next_loop_ = 0;  // of the accepting loop's thread
  std::vector<std::unique_ptr<Loop>> loops_;
  std::vector<std::shared_ptr<Listener>> listeners_;
};

Server::Server(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::open(const ServerOptions& options, Dispatch dispatch) {
  auto tls = TRY(open_tls(options.tls, options.transport));
  auto impl = std::make_unique<Impl>(options, std::move(dispatch), std::move(tls));
  for (const auto& address : options.listen) TRY(impl->listen(address));
  impl->start_listening();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

const std::vector<std::string>& Server::addresses() const noexcept { return impl_->addresses(); }

Result<void> Server::reload(const TlsFiles& tls, const Limits& limits) {
  Front& front = impl_->front();
  front.tls.set(TRY(open_tls(tls, front.transport)));
  front.times.set(limits);
  front.seats.set_limit(limits.connections);
  return {};
}

void Server::drain(Deadline deadline) { impl_->drain(deadline); }

const ServerMeter& Server::meter() const noexcept { return impl_->front().meter; }

std::optional<WallTime> Server::certificate_expires() const {
  const std::shared_ptr<const TlsContext> tls = impl_->front().tls.get();
  if (tls == nullptr) return std::nullopt;
  return tls->certificate_expires();
}

std::size_t Server::connections() const noexcept { return impl_->front().seats.taken(); }

}  // namespace kw::http
