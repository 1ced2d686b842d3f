// SPDX-License-Identifier: Apache-2.0
// sharing_bench [SECONDS [DIR [PART]]]: what callers do to each other, as ratios of figures that
// were taken in turn, in one run. Client and server share the machine. SECONDS (4) is for each
// figure; DIR is on the disk that the audit log will use. PART is one of these, or all:
//   threads     two executors against one on SoftHSM
//   neighbours  single wraps of one caller alone, and beside another's batches, wraps, bad requests
//   overload    5 times the requests that a token can do; its signatures are made to take 2 ms, in
//               which it uses no processor, as an HSM does

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "service/bench/operation.h"
#include "service/bench/sample.h"
#include "service/bench/scratch_folder.h"
#include "service/bench/server_process.h"
#include "service/bench/tls_connection.h"

namespace kw::bench {
namespace {

constexpr std::size_t kRounds = 5;
constexpr const char* kModule = "/usr/lib/softhsm/libsofthsm2.so";

// Ends the program where a figure would mean nothing.
template <typename T>
T need(Result<T> result) {
  if (result) return std::move(result).value();
  std::fprintf(stderr, "sharing_bench: %s\n", result.error().detail().c_str());
  std::exit(1);
}
void need(Result<void> result) {
  if (result) return;
  std::fprintf(stderr, "sharing_bench: %s\n", result.error().detail().c_str());
  std::exit(1);
}

// What came of the requests of one caller.
struct Tally {
  double seconds = 0;
  std::vector<double> good_us;
  std::vector<double> refused_us;
  std::map<std::string, std::size_t> refused;  // by status

  double per_second() const { return static_cast<double>(good_us.size()) / seconds; }
};

struct Caller {
  ssl_ctx_st* tls = nullptr;
  int port = 0;
  std::size_t connections = 1;
  std::string request;
  double per_second = 0;  // of all its connections; 0 as fast as answers come
};

// Pack is one caller's connections, driven by one thread.
class Pack {
 public:
  explicit Pack(const Caller& caller) : caller_(caller), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < caller.connections; ++i) {
      members_.push_back({need(TlsConnection::connect(caller.tls, caller.port)), {}});
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, members_.back().connection.fd(), &event) != 0) {
        std::exit(1);
      }
      due_.push_back({Clock::now(), i});
    }
  }

  // Asks until `end`, then takes what is owed. The first tenth is not counted.
  Tally run(Clock::time_point end) {
    const Clock::time_point begin = Clock::now();
    counted_from_ = begin + (end - begin) / 10;
    while (Clock::now() < end || in_flight_ > 0) {
      send_due(end);
      receive();
    }
    tally_.seconds = std::chrono::duration<double>(end - counted_from_).count();
    return std::move(tally_);
  }

 private:
  struct Member {
    TlsConnection connection;
    Clock::time_point sent;
  };
  struct Due {
    Clock::time_point when;
    std::size_t member;
  };

  void send_due(Clock::time_point end) {
    while (!due_.empty() && Clock::now() >= due_.front().when && Clock::now() < end) {
      Member& member = members_[due_.front().member];
      due_.pop_front();
      member.sent = Clock::now();
      need(member.connection.send(caller_.request));
      ++in_flight_;
    }
  }

  void receive() {
    std::array<epoll_event, 64> events;
    const int wait_ms = due_.empty() ? 100 : 1;
    const int ready = ::epoll_wait(epoll_.get(), events.data(), events.size(), wait_ms);
    for (int i = 0; i < ready; ++i) on_readable(events[static_cast<std::size_t>(i)].data.u64);
  }

  void on_readable(std::size_t index) {
    Member& member = members_[index];
    if (!need(member.connection.receive())) return;
    const auto answer = member.connection.take();
    --in_flight_;
    const Clock::time_point now = Clock::now();
    if (member.sent >= counted_from_) {
      const double us = std::chrono::duration<double, std::micro>(now - member.sent).count();
      (answer ? tally_.good_us : tally_.refused_us).push_back(us);
      if (!answer) ++tally_.refused[answer.error().detail().substr(20, 3)];
    }
    const auto pause = std::chrono::duration_cast<Clock::duration>(Seconds(
        caller_.per_second > 0 ? static_cast<double>(caller_.connections) / caller_.per_second
                               : 0));
    due_.push_back({std::max(now, member.sent + pause), index});
  }

  const Caller& caller_;
  FileDescriptor epoll_;
  std::vector<Member> members_;
  std::deque<Due> due_;
  Clock::time_point counted_from_;
  std::size_t in_flight_ = 0;
  Tally tally_;
};

// All callers at the same time; the tallies are in their order.
std::vector<Tally> run_together(const std::vector<Caller>& callers, Seconds span) {
  std::vector<std::unique_ptr<Pack>> packs;
  for (const Caller& caller : callers) packs.push_back(std::make_unique<Pack>(caller));
  std::vector<Tally> tallies(callers.size());
  std::vector<std::thread> threads;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(span);
  for (std::size_t i = 0; i < callers.size(); ++i) {
    threads.emplace_back([&, i] { tallies[i] = packs[i]->run(end); });
  }
  for (std::thread& thread : threads) thread.join();
  return tallies;
}

void replace(const std::filesystem::path& file, const std::string& from, const std::string& to) {
  std::string text = need(read_file(file));
  const std::size_t at = text.find(from);
  if (at == std::string::npos) std::exit(1);
  need(write_file(file, text.replace(at, from.size(), to)));
}

// A sandbox whose `auditor` may use keys as `app` may, with another token section.
class Service {
 public:
  Service(const std::filesystem::path& folder, const std::string& token) : folder_(folder) {
    need(ServerProcess::start(KEYWARD_PROGRAM, folder));  // makes the sandbox, and ends
    std::filesystem::remove(folder / "url");
    replace(folder / "policy.yaml", "to: [app]", "to: [app, auditor]");
    std::string policy = need(read_file(folder / "policy.yaml"));
    need(write_file(folder / "policy.yaml", policy.substr(0, policy.find("\ntests:") + 1)));
    replace(folder / "keyward.yaml", "  module: " + std::string(kModule) + "\n", token);
    server_ = need(ServerProcess::start(KEYWARD_PROGRAM, folder));
    app = need(client_context(folder, "app"));
    other = need(client_context(folder, "auditor"));
    const TlsContext admin = need(client_context(folder, "admin"));
    TlsConnection connection = need(TlsConnection::connect(admin.get(), port()));
    for (const Operation operation : {Operation::Wrap, Operation::SignRsa, Operation::SignEc}) {
      need(connection.ask(create_request(row_of(operation))));
    }
  }

  int port() const { return server_->port(); }
  Caller caller(const TlsContext& who, std::size_t connections, std::string request) const {
    return {who.get(), port(), connections, std::move(request)};
  }

  TlsContext app;
  TlsContext other;

 private:
  std::filesystem::path folder_;
  std::unique_ptr<ServerProcess> server_;
};

std::string module_line(const std::string& more) {
  return "  module: " + std::string(kModule) + "\n" + more;
}

std::string post(const std::string& path, const std::string& body) {
  return "POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string batch_of(std::size_t items) {
  const std::string item =
      "{\"op\":\"wrap\",\"key\":\"bench/wrap\",\"plaintext\":\"" + to_base64(input()) + "\"}";
  std::string body = "{\"requests\":[" + item;
  for (std::size_t i = 1; i < items; ++i) body += "," + item;
  return post("/v1/batch", body + "]}");
}

void bench_threads(const std::filesystem::path& folder, Seconds span) {
  const Service one(folder / "one", module_line("  executors: 1\n"));
  const Service two(folder / "two", module_line("  executors: 2\n"));
  for (const Operation operation : {Operation::Wrap, Operation::SignEc, Operation::SignRsa}) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < kRounds; ++i) {
      const std::string request = use_request(operation, {});
      const double base =
          run_together({one.caller(one.app, 32, request)}, span / kRounds)[0].per_second();
      const double more =
          run_together({two.caller(two.app, 32, request)}, span / kRounds)[0].per_second();
      ratios.push_back(more / base);
    }
    std::printf("threads     %-14s two executors / one: throughput x %.3f (%.3f to %.3f)\n",
                row_of(operation).name.data(), median(ratios), quantile(ratios, 0),
                quantile(ratios, 1));
  }
}

void print_refused(const Tally& tally) {
  for (const auto& [status, count] : tally.refused) std::printf(", %s: %zu", status.c_str(), count);
  std::printf("\n");
}

void bench_neighbours(const std::filesystem::path& folder, Seconds span) {
  const Service service(folder / "neighbours", module_line(""));
  const std::string wrap = use_request(Operation::Wrap, {});
  const Caller single = service.caller(service.app, 4, wrap);
  struct Neighbour {
    const char* name;
    Caller caller;
    Tally alone{};
    Tally beside{};
    Tally its{};
    std::vector<double> ratios{};
  };
  std::vector<Neighbour> neighbours;
  neighbours.push_back({"batches", service.caller(service.other, 2, batch_of(1000))});
  neighbours.push_back({"64 wrapping", service.caller(service.other, 64, wrap)});
  neighbours.push_back(
      {"64 bad requests", service.caller(service.other, 64, post("/v1/wrap", "{\"key\":"))});
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (Neighbour& each : neighbours) {
      const Tally alone = std::move(run_together({single}, span / kRounds)[0]);
      std::vector<Tally> both = run_together({single, each.caller}, span / kRounds);
      each.ratios.push_back(quantile(both[0].good_us, 0.99) / quantile(alone.good_us, 0.99));
      const auto add = [](Tally& to, const Tally& more) {
        to.seconds += more.seconds;
        to.good_us.insert(to.good_us.end(), more.good_us.begin(), more.good_us.end());
        for (const auto& [status, count] : more.refused) to.refused[status] += count;
      };
      add(each.alone, alone);
      add(each.beside, both[0]);
      add(each.its, both[1]);
    }
  }
  for (const Neighbour& each : neighbours) {
    std::printf(
        "neighbours  %-15s p99 of single wraps x %.2f (%.2f to %.2f): alone %.2f ms, beside %.2f "
        "ms; p50 %.2f, %.2f; neighbour %.0f answers/s; refused of single wraps%s",
        each.name, median(each.ratios), quantile(each.ratios, 0), quantile(each.ratios, 1),
        quantile(each.alone.good_us, 0.99) / 1e3, quantile(each.beside.good_us, 0.99) / 1e3,
        quantile(each.alone.good_us, 0.5) / 1e3, quantile(each.beside.good_us, 0.5) / 1e3,
        each.its.per_second(), each.beside.refused.empty() ? " none" : "");
    print_refused(each.beside);
  }
}

void bench_overload(const std::filesystem::path& folder, Seconds span) {
  ::setenv("KEYWARD_SHIM_MODULE", kModule, 1);
  ::setenv("KEYWARD_SHIM_RULES", "delay C_Sign * 2ms", 1);
  const Service service(folder / "overload",
                        "  module: " + std::string(KEYWARD_SHIM_PATH) +
                            "\n  executors: 2\n  concurrency: {asymmetric: 2}\n");
  ::unsetenv("KEYWARD_SHIM_RULES");
  const std::string sign = use_request(Operation::SignEc, {});
  const double peak = run_together({service.caller(service.app, 32, sign)}, span)[0].per_second();
  Caller many = service.caller(service.app, 512, sign);
  many.per_second = 5 * peak;
  const Tally tally = std::move(run_together({many}, span)[0]);
  const double offered =
      static_cast<double>(tally.good_us.size() + tally.refused_us.size()) / tally.seconds;
  std::printf(
      "overload    peak %.0f/s; offered x %.1f: goodput x %.3f of peak; refusals p50 %.2f ms, p99 "
      "%.2f ms",
      peak, offered / peak, tally.per_second() / peak, quantile(tally.refused_us, 0.5) / 1e3,
      quantile(tally.refused_us, 0.99) / 1e3);
  print_refused(tally);
}

void run_all(Seconds span, const std::filesystem::path& parent, const std::string& part) {
  const ScratchFolder folder = need(ScratchFolder::make(parent));
  std::printf("%u cores, folder on %s, %.2g s a figure, medians of %zu rounds\n",
              std::thread::hardware_concurrency(), file_system_of(folder.path()).c_str(),
              span.count(), kRounds);
  const auto is_wanted = [&part](const char* name) { return part.empty() || part == name; };
  if (is_wanted("threads")) bench_threads(folder.path(), span);
  if (is_wanted("neighbours")) bench_neighbours(folder.path(), span);
  if (is_wanted("overload")) bench_overload(folder.path(), span);
}

}  // namespace
}  // namespace kw::bench

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 4;
  if (!(seconds > 0)) {
    std::fputs("usage: sharing_bench [SECONDS [DIR [PART]]]\n", stderr);
    return 2;
  }
  const std::filesystem::path parent = argc > 2 ? argv[2] : std::filesystem::temp_directory_path();
  kw::bench::run_all(kw::bench::Seconds(seconds), parent, argc > 3 ? argv[3] : "");
  return 0;
}
