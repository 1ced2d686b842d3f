// SPDX-License-Identifier: Apache-2.0
// audit::Log as a service without an audit log would have it: a record gets a number, is durable at
// once and is nowhere. Linked in the place of service/audit/log.cc, for the comparison alone.
#include "service/audit/log.h"

namespace kw::audit {

Log::Log(std::filesystem::path folder, const LogOptions& options, FileDescriptor lock,
         Reserve reserve)
    : folder_(std::move(folder)),
      options_(options),
      lock_(std::move(lock)),
      opened_(Clock::now()),
      tree_(TileFiles(folder_)),
      reserve_(std::move(reserve)) {}

Result<std::unique_ptr<Log>> Log::open(const std::filesystem::path& folder,
                                       const LogOptions& options) {
  Reserve reserve = TRY(Reserve::open(folder, options.reserve_calls));
  return std::unique_ptr<Log>(new Log(folder, options, FileDescriptor(), std::move(reserve)));
}

Log::~Log() { stop(); }

void Log::stop() {
  const MutexLock lock(mutex_);
  stopping_ = true;
  progress_.notify_all();
}

Result<Ticket> Log::append(const Record&) {
  Ticket ticket;
  const MutexLock lock(mutex_);
  ticket.index = durable_++;
  return ticket;
}

void Log::when_durable(const Ticket&, Callback callback) { callback({}); }

Result<void> Log::wait_durable(const Ticket&, Deadline) { return {}; }

bool Log::wait_for_growth(std::uint64_t, std::uint64_t, Deadline deadline) const {
  const MutexLock lock(mutex_);
  while (!stopping_ && !has_passed(deadline)) progress_.wait_until(mutex_, deadline);
  return !stopping_;
}

Log::Gate Log::add_gate(std::uint64_t) { return 0; }
void Log::pass(Gate, std::uint64_t) {}
void Log::shut(Gate, const std::string&) {}

std::optional<std::string> Log::trouble_now() const { return std::nullopt; }

LogReading Log::read() const { return {}; }

}  // namespace kw::audit
