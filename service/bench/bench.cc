// SPDX-License-Identifier: Apache-2.0
#include "service/bench/bench.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "service/bench/disk_probe.h"
#include "service/bench/load.h"
#include "service/bench/raw_token.h"
#include "service/bench/scratch_folder.h"
#include "service/bench/server_process.h"
#include "service/bench/stop_signals.h"
#include "service/bench/tls_connection.h"

namespace kw::bench {
namespace {

constexpr std::size_t kFewestRounds = 3;
constexpr double kRoundsASecond = 8;  // short, so that some fit between what disturbs them

std::size_t rounds_of(double seconds) {
  return std::max(kFewestRounds, static_cast<std::size_t>(std::ceil(seconds * kRoundsASecond)));
}

Result<void> create_keys(const std::filesystem::path& sandbox, int port) {
  const TlsContext admin = TRY(client_context(sandbox, "admin"));
  TlsConnection connection = TRY(TlsConnection::connect(admin.get(), port));
  for (const OperationRow& row : operations()) {
    if (row.operation == Operation::Unwrap) continue;  // it uses the key of wrap
    TRY(connection.ask(create_request(row)));
  }
  return {};
}

// A string of an answer. Errors: Unavailable (it is not there).
Result<std::string> field_of(const std::string& answer, const char* name) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) {
    return Error(Code::Unavailable, "the server's answer has no " + std::string(name));
  }
  return found->get<std::string>();
}

// Wraps once and unwraps again, so that what is measured is known to work; yields the blob.
Result<std::string> wrap_once(ssl_ctx_st* app, int port) {
  TlsConnection connection = TRY(TlsConnection::connect(app, port));
  const std::string wrapped = TRY(connection.ask(use_request(Operation::Wrap, {})));
  std::string blob = TRY(field_of(wrapped, "blob"));
  const std::string opened = TRY(connection.ask(use_request(Operation::Unwrap, blob)));
  if (TRY(field_of(opened, "plaintext")) != to_base64(input())) {
    return Error(Code::Unavailable, "the server unwraps to something else");
  }
  return blob;
}

// Bench is one run: a server in its own process, a token of its own, and a load.
class Bench {
 public:
  Bench(const Options& options, const std::filesystem::path& folder)
      : options_(options), sandbox_(folder / "service"), raw_folder_(folder / "raw") {}

  Result<void> prepare();
  Report begin_report() const;
  Result<void> run_round(Report& report);

 private:
  Result<void> measure(Line& line, Clock::duration slice);

  const Options& options_;
  const std::filesystem::path sandbox_;
  const std::filesystem::path raw_folder_;
  const StopSignals stop_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<RawToken> raw_;
  TlsContext app_;
  std::string blob_;
};

Result<void> Bench::prepare() {
  server_ = TRY(ServerProcess::start(options_.program, sandbox_));
  raw_ = TRY(RawToken::make(raw_folder_, std::max(1u, std::thread::hardware_concurrency())));
  TRY(create_keys(sandbox_, server_->port()));
  app_ = TRY(client_context(sandbox_, "app"));
  blob_ = TRY(wrap_once(app_.get(), server_->port()));
  return {};
}

Report Bench::begin_report() const {
  Report report;
  report.cores = std::thread::hardware_concurrency();
  report.module = raw_->module_name();
  report.file_system = file_system_of(sandbox_);
  report.rounds = rounds_of(options_.seconds);
  report.slice = Seconds(options_.seconds / static_cast<double>(report.rounds));
  for (const Operation operation : options_.operations) {
    for (const std::size_t connections : options_.connections) {
      report.lines.push_back({operation, connections, raw_->threads_for(operation), {}});
    }
  }
  return report;
}

Result<void> Bench::run_round(Report& report) {
  const auto slice = std::chrono::duration_cast<Clock::duration>(report.slice);
  report.disk.push_back(TRY(probe_disk(sandbox_ / "audit", slice)));
  for (Line& line : report.lines) {
    TRY(stop_.check());
    TRY(measure(line, slice));
  }
  return {};
}

Result<void> Bench::measure(Line& line, Clock::duration slice) {
  const Load load{app_.get(), server_->port(), line.connections,
                  use_request(line.operation, blob_)};
  Round round;
  round.raw = TRY(raw_->measure(line.operation, slice));
  auto service = run_load(load, slice, [this] { return server_->cpu(); });
  if (!service) {
    return Error(service.error().code(),
                 service.error().detail() + "; the server's last line: " + server_->last_words());
  }
  round.service = *service;
  line.rounds.push_back(round);
  return {};
}

}  // namespace

Result<Report> run(const Options& options,
                   const std::function<void(const std::string&)>& progress) {
  const ScratchFolder folder = TRY(ScratchFolder::make(options.folder));
  Bench bench(options, folder.path());
  progress("making a sandbox in " + folder.path().string());
  TRY(bench.prepare());
  Report report = bench.begin_report();
  for (std::size_t round = 1; round <= report.rounds; ++round) {
    progress("round " + std::to_string(round) + " of " + std::to_string(report.rounds));
    TRY(bench.run_round(report));
  }
  return report;
}

}  // namespace kw::bench
