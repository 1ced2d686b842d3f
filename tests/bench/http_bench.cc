// SPDX-License-Identifier: Apache-2.0
// http_bench [SECONDS]: requests a second through the HTTP front with nothing behind it, at several
// numbers of connections. Client and server share the machine.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "service/http/server.h"
#include "tests/support/pki.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_client.h"

namespace kw::http {
namespace {

constexpr std::size_t kClientThreads = 2;

double thread_cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

double process_cpu_seconds() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

struct Client {
  std::vector<double> latencies;  // microseconds
  double cpu_seconds = 0;
};

// Sends on all its connections, then reads from all: as many requests are in flight as connections.
Client drive(const std::string& address, const test::ClientFiles& files, std::size_t count,
             std::chrono::seconds span) {
  std::vector<std::unique_ptr<test::TlsClient>> connections;
  for (std::size_t i = 0; i < count; ++i) {
    connections.push_back(std::make_unique<test::TlsClient>(address, files));
  }
  const std::string bytes =
      test::request("POST", "/echo", std::string(192, 'x'), "Content-Type: application/json\r\n");
  Client client;
  const double before = thread_cpu_seconds();
  const Deadline end = deadline_in(span);
  while (!has_passed(end)) {
    const auto start = Clock::now();
    for (const auto& connection : connections) (void)connection->send(bytes);
    for (const auto& connection : connections) {
      if (connection->receive().status != 200) std::abort();
      client.latencies.push_back(
          std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
  }
  client.cpu_seconds = thread_cpu_seconds() - before;
  return client;
}

void measure(const std::string& address, const test::ClientFiles& files, std::size_t connections,
             std::chrono::seconds span) {
  const std::size_t threads = std::min(kClientThreads, connections);
  std::vector<Client> clients(threads);
  std::vector<std::thread> running;
  const double before = process_cpu_seconds();
  for (std::size_t i = 0; i < threads; ++i) {
    running.emplace_back(
        [&, i] { clients[i] = drive(address, files, connections / threads, span); });
  }
  for (auto& thread : running) thread.join();
  double server_cpu = process_cpu_seconds() - before;
  std::vector<double> all;
  for (const auto& client : clients) {
    all.insert(all.end(), client.latencies.begin(), client.latencies.end());
    server_cpu -= client.cpu_seconds;
  }
  std::sort(all.begin(), all.end());
  const auto count = static_cast<double>(all.size());
  // The handshakes before the loop count as the server's, so short runs look a little dear.
  std::printf("%4zu connections: %8.0f requests/s  p50 %7.0f us  p99 %7.0f us  server %5.1f us\n",
              connections, count / static_cast<double>(span.count()), all[all.size() / 2],
              all[all.size() * 99 / 100], server_cpu * 1e6 / count);
}

int run(std::chrono::seconds span) {
  const kw::test::TempDir directory;
  const kw::test::Pki pki;
  const auto own = pki.issue_server();
  const auto client = pki.issue({});
  kw::test::write_pem(directory / "ca.pem", pki.certificate());
  kw::test::write_pem(directory / "server.pem", own.certificate);
  kw::test::write_pem(directory / "server.key", own.key);
  kw::test::write_pem(directory / "client.pem", client.certificate);
  kw::test::write_pem(directory / "client.key", client.key);
  ServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.tls = {directory / "server.pem", directory / "server.key", directory / "ca.pem", {}};
  const auto server = Server::open(options, [](Request request, Respond respond) {
    Reply reply;
    reply.body = std::move(request.body);
    respond(std::move(reply));
    return Overdue::Unavailable;
  });
  if (!server) {
    std::fprintf(stderr, "http_bench: %s\n", server.error().detail().c_str());
    return 1;
  }
  const test::ClientFiles files{directory / "ca.pem", directory / "client.pem",
                                directory / "client.key"};
  for (const std::size_t connections : {1U, 16U, 64U, 256U}) {
    measure((*server)->addresses().front(), files, connections, span);
  }
  return 0;
}

}  // namespace
}  // namespace kw::http

int main(int argc, char** argv) {
  return kw::http::run(std::chrono::seconds(argc > 1 ? std::atoi(argv[1]) : 3));
}
