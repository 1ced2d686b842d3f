// SPDX-License-Identifier: Apache-2.0
// audit_cost [SECONDS] [DIR] measures what the durable audit log costs: three services in one run,
// asked in turn, so that a busy machine disturbs all alike. The service as it is; the same with
// fdatasync taken away; the same without a log. The differences are the disk's share and the log's
// own. `busy` is how many processors service and load kept busy: fewer with the log than without
// says that it was waited for, as many and more time of them for each call that it was worked for.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "service/bench/disk_probe.h"
#include "service/bench/load.h"
#include "service/bench/operation.h"
#include "service/bench/scratch_folder.h"
#include "service/bench/server_process.h"
#include "service/bench/stop_signals.h"
#include "service/bench/tls_connection.h"

namespace kw::bench {
namespace {

constexpr std::array<std::size_t, 3> kConnections = {1, 8, 64};
constexpr std::array<Operation, 3> kOperations = {Operation::Wrap, Operation::SignEc,
                                                  Operation::SignRsa};
constexpr double kSlice = 0.25;
constexpr auto kProbe = std::chrono::milliseconds(250);

enum Variant : std::size_t { kWhole, kNoSync, kNoLog };
constexpr std::array<const char*, 3> kPrograms = {KW_PROGRAM, KW_PROGRAM, KW_PROGRAM_WITHOUT_LOG};
constexpr std::array<const char*, 3> kNames = {"whole", "no-sync", "no-log"};

struct Service {
  std::unique_ptr<ServerProcess> process;
  TlsContext app;
};

// Samples of one operation at one number of connections, by variant.
struct Row {
  Operation operation;
  std::size_t connections;
  std::array<std::vector<Sample>, 3> samples;
  std::vector<Sample> paced;  // the disk, asked as often as one connection asks it
};

Result<Service> start(Variant variant, const std::filesystem::path& folder) {
  // Before any thread of this process.
  if (variant == kNoSync) ::setenv("LD_PRELOAD", KW_NO_SYNC, 1);  // NOLINT(concurrency-mt-unsafe)
  auto process = ServerProcess::start(kPrograms[variant], folder);
  ::unsetenv("LD_PRELOAD");  // NOLINT(concurrency-mt-unsafe)
  if (!process) return std::move(process).error();
  const TlsContext admin = TRY(client_context(folder, "admin"));
  TlsConnection connection = TRY(TlsConnection::connect(admin.get(), (*process)->port()));
  for (const Operation operation : kOperations) {
    TRY(connection.ask(create_request(row_of(operation))));
  }
  TlsContext app = TRY(client_context(folder, "app"));
  return Service{*std::move(process), std::move(app)};
}

Result<Sample> measure(const Service& service, const Row& row) {
  const Load load{service.app.get(), service.process->port(), row.connections,
                  use_request(row.operation, {})};
  const auto slice = std::chrono::duration_cast<Clock::duration>(Seconds(kSlice));
  return run_load(load, slice, [&service] { return service.process->cpu(); });
}

// The median over the rounds of one variant's figure over another's in the same round.
double ratio(const Row& row, Variant above, Variant below, double Sample::*figure) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < row.samples[above].size(); ++i) {
    ratios.push_back(row.samples[above][i].*figure / row.samples[below][i].*figure);
  }
  return median(std::move(ratios));
}

double busy(const std::vector<Sample>& samples) {
  std::vector<double> processors;
  for (const Sample& one : samples) {
    processors.push_back(one.per_second * (one.cpu_us + one.client_cpu_us) / 1e6);
  }
  return median(std::move(processors));
}

double added_us(const Row& row) {
  return median_of(row.samples[kWhole]).p50_us - median_of(row.samples[kNoLog]).p50_us;
}

void print(const Row& row, const Sample& disk) {
  std::printf("%-13s %3zu", row_of(row.operation).name.data(), row.connections);
  for (const auto& samples : row.samples) {
    const Sample one = median_of(samples);
    std::printf(" | %7.0f %6.2f %6.2f %5.0f %4.2f", one.per_second, one.p50_us / 1e3,
                one.p99_us / 1e3, one.cpu_us, busy(samples));
  }
  std::printf(" | %5.3f %7.3f    | %5.2f\n", ratio(row, kWhole, kNoLog, &Sample::per_second),
              ratio(row, kNoSync, kNoLog, &Sample::per_second), added_us(row) / disk.p50_us);
}

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const Operation operation : kOperations) {
    for (const std::size_t connections : kConnections)
      rows.push_back({operation, connections, {}, {}});
  }
  return rows;
}

// All services, each behind each of the others in turn: the one before leaves the disk busy.
Result<void> measure_round(std::size_t round, const std::vector<Service>& services, Row& row) {
  const std::size_t count = services.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t step = round % 2 == 0 ? i : count - 1 - i;
    const std::size_t variant = (step + round / 2) % count;
    row.samples[variant].push_back(TRY(measure(services[variant], row)));
  }
  return {};
}

// Between two commits of a service with one connection lies what an operation takes without a log.
Result<void> measure_pace(const std::filesystem::path& folder, Row& row) {
  if (row.connections > 1) return {};
  const auto rest =
      std::chrono::duration_cast<Clock::duration>(Seconds(row.samples[kNoLog].back().p50_us / 1e6));
  row.paced.push_back(TRY(probe_disk(folder, kProbe, rest)));
  return {};
}

void print_pace(const Row& row) {
  if (row.paced.empty()) return;
  const Sample disk = median_of(row.paced);
  std::printf("%-13s alone: fdatasync p50 %.2f ms at its pace, added %.2f ms: %.2f of them\n",
              row_of(row.operation).name.data(), disk.p50_us / 1e3, added_us(row) / 1e3,
              added_us(row) / disk.p50_us);
}

void print(const std::filesystem::path& folder, const std::vector<Sample>& disk,
           const std::vector<Row>& rows) {
  const Sample sync = median_of(disk);
  std::printf(
      "folder on %s, fdatasync p50 %.2f ms, p99 %.2f ms; medians of %zu rounds of %.2f s\n\n"
      "                  | as it is                         | without fdatasync                "
      "| without a log                    | per s, of no-log | p50 added,\n"
      "operation   conns |   per s p50 ms p99 ms CPUus busy |   per s p50 ms p99 ms CPUus busy "
      "|   per s p50 ms p99 ms CPUus busy | as is no-sync    | in fdatasyncs\n",
      file_system_of(folder).c_str(), sync.p50_us / 1e3, sync.p99_us / 1e3, disk.size(), kSlice);
  for (const Row& row : rows) print(row, sync);
  std::printf("\n");
  for (const Row& row : rows) print_pace(row);
}

Result<void> run(double seconds, const std::filesystem::path& parent) {
  const ScratchFolder folder = TRY(ScratchFolder::make(parent));
  const StopSignals stop;
  std::vector<Service> services;
  for (const Variant variant : {kWhole, kNoSync, kNoLog}) {
    services.push_back(TRY(start(variant, folder.path() / kNames[variant])));
  }
  std::vector<Row> rows = all_rows();
  std::vector<Sample> disk;
  const auto rounds = std::max<std::size_t>(3, static_cast<std::size_t>(seconds / kSlice));
  for (std::size_t round = 0; round < rounds; ++round) {
    TRY(stop.check());
    disk.push_back(TRY(probe_disk(folder.path(), kProbe)));
    for (Row& row : rows) {
      TRY(measure_round(round, services, row));
      TRY(measure_pace(folder.path(), row));
    }
  }
  print(folder.path(), disk, rows);
  return {};
}

}  // namespace
}  // namespace kw::bench

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  const std::filesystem::path parent = argc > 2 ? argv[2] : "/var/tmp";
  const auto done = kw::bench::run(seconds, parent);
  if (done) return 0;
  std::fprintf(stderr, "audit_cost: %s\n", done.error().detail().c_str());
  return 1;
}
