// SPDX-License-Identifier: Apache-2.0
#include "service/bench/load.h"

#include <sys/epoll.h>

#include <array>
#include <vector>

#include "service/bench/tls_connection.h"

namespace kw::bench {
namespace {

constexpr int kPatienceMs = 30'000;

struct Client {
  TlsConnection connection;
  Clock::time_point sent;
};

// LoadLoop is one run of a load.
class LoadLoop {
 public:
  explicit LoadLoop(const Load& load) : load_(load), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  Result<void> connect();
  Result<void> run(Meter& meter);

 private:
  Result<void> send(Client& client);
  Result<void> wait_once(Meter& meter);
  Result<void> on_readable(Client& client, Meter& meter);

  const Load& load_;
  FileDescriptor epoll_;
  std::vector<Client> clients_;
  std::size_t in_flight_ = 0;
};

Result<void> LoadLoop::connect() {
  clients_.reserve(load_.connections);
  for (std::size_t i = 0; i < load_.connections; ++i) {
    TlsConnection connection = TRY(TlsConnection::connect(load_.tls, load_.port));
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection.fd(), &event) != 0) {
      return Error(Code::Unavailable, "epoll takes no connection");
    }
    clients_.push_back({std::move(connection), {}});
  }
  return {};
}

Result<void> LoadLoop::send(Client& client) {
  client.sent = Clock::now();
  TRY(client.connection.send(load_.request));
  ++in_flight_;
  return {};
}

Result<void> LoadLoop::run(Meter& meter) {
  for (Client& client : clients_) TRY(send(client));
  while (in_flight_ > 0) TRY(wait_once(meter));
  return {};
}

Result<void> LoadLoop::wait_once(Meter& meter) {
  std::array<epoll_event, 64> events;
  const int ready =
      ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), kPatienceMs);
  if (ready <= 0) return Error(Code::Unavailable, "the server gave no answer in 30 s");
  for (std::size_t i = 0; i < static_cast<std::size_t>(ready); ++i) {
    TRY(on_readable(clients_[events[i].data.u64], meter));
  }
  return {};
}

Result<void> LoadLoop::on_readable(Client& client, Meter& meter) {
  if (!TRY(client.connection.receive())) return {};
  TRY(client.connection.take());
  --in_flight_;
  meter.call_ended(client.sent, Clock::now());
  return meter.is_full() ? Result<void>() : send(client);
}

}  // namespace

Result<Sample> run_load(const Load& load, Clock::duration span,
                        const std::function<Seconds()>& server_cpu) {
  LoadLoop loop(load);
  TRY(loop.connect());
  Meter meter(span, [&server_cpu] { return Cost{server_cpu(), thread_cpu()}; });
  TRY(loop.run(meter));
  return Meter::sample({&meter, 1});
}

}  // namespace kw::bench
