// SPDX-License-Identifier: Apache-2.0
#include "service/app/commands.h"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mutex.h"
#include "service/app/bench_command.h"
#include "service/app/doctor_command.h"
#include "service/app/hardening.h"
#include "service/app/running.h"
#include "service/app/signals.h"
#include "service/app/witness_command.h"
#include "service/config/config.h"
#include "service/core/pin_latch.h"
#include "service/sandbox/sandbox.h"

namespace kw::app {
namespace {

constexpr int kExitHung = 75;  // EX_TEMPFAIL: start it again
constexpr auto kTakeDownWithin = std::chrono::seconds(5);
constexpr int kExitLatched = 77;  // of serve and dev; a supervisor does not start them again
constexpr std::string_view kDefaultListen = "127.0.0.1:7443";
// EX_IOERR of sysexits.h: an fdatasync of the audit log failed. A supervisor starts the service
// again, and the start writes anew what the disk may have lost (docs/operations.md).
constexpr int kExitAuditLost = 74;

void reload(Running& running, const std::filesystem::path& file) {
  ::sd_notify(0, "RELOADING=1");
  Result<config::Config> config = config::Config::load(file);
  const Result<void> reloaded = config ? running.reload(*config) : std::move(config).error();
  if (reloaded) {
    log_line(Severity::Notice, "policy, certificates, limits and token were reloaded");
  } else {
    log_error(Severity::Error, "nothing was reloaded", reloaded.error());
  }
  ::sd_notify(0, "READY=1");
}

// Serves until SIGTERM or SIGINT, until too many token calls hang or the audit log is lost; once a
// second with a tick. Yields the exit code.
int serve_until_told(Running& running, const std::filesystem::path& file) {
  while (!running.is_exhausted()) {
    const int signal = wait_for_signal();
    if (signal == SIGTERM || signal == SIGINT) break;
    if (signal == SIGHUP) reload(running, file);
    if (running.needs_restart()) {
      log_line(Severity::Alert, "stopping: the audit log lost a write to its disk");
      ::sd_notify(0, "STOPPING=1");
      return kExitAuditLost;
    }
    running.tick();
    ::sd_notify(0, "WATCHDOG=1");
  }
  ::sd_notify(0, "STOPPING=1");
  log_line(Severity::Notice, "stopping: answering what is in flight");
  return cli::kExitOk;
}

// Ends the process at once: a thread that hangs in the module cannot be waited for, and must not
// find what it works on gone. All that is to be kept is on disk by now.
[[noreturn]] void end_with_hung_calls() {
  log_line(Severity::Alert,
           "token calls hang: the audit log is stopped, the process ends without them");
  ::_exit(kExitHung);
}

// Ends the process if what is taken down meanwhile does not come to its end.
class LastResort {
 public:
  LastResort() : thread_([this] { wait(); }) {}
  ~LastResort() {
    {
      const MutexLock lock(mutex_);
      over_ = true;
    }
    ended_.notify_all();
    thread_.join();
  }
  LastResort(const LastResort&) = delete;
  LastResort& operator=(const LastResort&) = delete;

 private:
  void wait() {
    const MutexLock lock(mutex_);
    const auto is_over = [this]() KW_REQUIRES(mutex_) { return over_; };
    if (!ended_.wait_until(mutex_, deadline_in(kTakeDownWithin), is_over)) end_with_hung_calls();
  }

  Mutex mutex_;
  ConditionVariable ended_;
  bool over_ KW_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

// Takes everything down; does not return where token calls hang.
int stop(std::unique_ptr<Running> running) {
  const bool exhausted = running->is_exhausted();
  if (!running->stop()) end_with_hung_calls();
  const LastResort last_resort;
  running.reset();
  return exhausted ? kExitHung : cli::kExitOk;
}

using Ready = std::function<Result<void>(const Running&)>;

// A supervisor must not start it again and again where the PIN was refused: it has a code of its
// own.
Result<int> not_started(const config::Config& config, const Error& error) {
  const Result<void> free = core::PinLatch::beside(config.catalog).check();
  if (free || free.error().code() != Code::FailedPrecondition) return error;
  log_error(Severity::Error, "not started", error);
  return kExitLatched;
}

// `listen`, where given, goes before the file's addresses.
Result<int> serve(const std::filesystem::path& file, const std::string& listen,
                  const Ready& ready) {
  harden_process();
  block_signals();
  config::Config config = TRY(config::Config::load(file));
  if (!listen.empty()) {
    config::ListenAddress address = TRY(config::ListenAddress::parse(listen, "."));
    config.listen = {std::move(address)};
  }
  Result<std::unique_ptr<Running>> started = Running::start(config);
  if (!started) return not_started(config, started.error());
  std::unique_ptr<Running> running = *std::move(started);
  const Result<void> is_ready = ready(*running);
  int told = cli::kExitOk;
  if (is_ready) {
    ::sd_notify(0, "READY=1");
    told = serve_until_told(*running, file);
  }
  const int ended = stop(std::move(running));
  TRY(is_ready);
  return told == cli::kExitOk ? ended : told;
}

Result<int> run_serve(const cli::Arguments& arguments, const cli::Io& io) {
  const std::filesystem::path file = arguments.get("--config");
  if (arguments.has("--check")) {
    const config::Config config = TRY(config::Config::load(file));
    TRY(check(config));
    TRY(cli::write_all(io.out, file.string() + ": good\n"));
    return cli::kExitOk;
  }
  return serve(file, "", [](const Running& running) -> Result<void> {
    for (const std::string& address : running.addresses()) {
      log_line(Severity::Notice, "serving on " + address);
    }
    if (const auto telemetry = running.telemetry_address()) {
      log_line(Severity::Notice, "telemetry on " + *telemetry);
    }
    return {};
  });
}

Result<int> run_unlatch(const cli::Arguments& arguments, const cli::Io& io) {
  const config::Config config = TRY(config::Config::load(arguments.get("--config")));
  const auto latch = core::PinLatch::beside(config.catalog);
  const bool stood = TRY(latch.lift());
  TRY(cli::write_all(
      io.out, stood ? latch.file().string() + ": lifted; start the service, or send it SIGHUP\n"
                    : "no refused PIN stands in the way\n"));
  return cli::kExitOk;
}

// Empty where there is none: a sandbox's configuration may be changed.
std::string metrics_url(const Running& running) {
  const auto address = running.telemetry_address();
  return address ? "http://" + *address + "/metrics" : std::string();
}

Result<void> write_metrics_url(const std::filesystem::path& file, const std::string& url) {
  if (!url.empty()) return write_file(file, url + "\n");
  std::error_code ignored;  // it may not be there
  std::filesystem::remove(file, ignored);
  return {};
}

std::string welcome(const sandbox::Sandbox& sandbox, const std::string& url,
                    const std::string& metrics) {
  const std::string dir = sandbox.directory.string();
  return "keyward serves " + url +
         (sandbox.made ? " from the new sandbox " : " from the sandbox ") + dir +
         "\n\nTo use it, in another shell:\n\n"
         "  export KEYWARD_ADDR=" +
         url + " KEYWARD_CACERT=" + dir +
         "/ca.pem\n"
         "  export KEYWARD_CERT=" +
         dir + "/clients/admin.pem KEYWARD_KEY=" + dir +
         "/clients/admin.key\n"
         "  keyward key create demo/first --algorithm xaes-256-gcm\n"
         "  export KEYWARD_CERT=" +
         dir + "/clients/app.pem KEYWARD_KEY=" + dir +
         "/clients/app.key\n"
         "  echo hello | keyward wrap --key demo/first | keyward unwrap\n"
         "  curl --cacert " +
         dir + "/ca.pem --cert " + dir + "/clients/app.pem --key " + dir + "/clients/app.key " +
         url + "/v1/whoami\n" + (metrics.empty() ? "" : "  curl " + metrics + "\n") +
         "\nCtrl-C stops it; what is in flight is answered.\n";
}

Result<int> run_dev(const cli::Arguments& arguments, const cli::Io& io) {
  const std::string listen = arguments.get("--listen");
  const sandbox::Sandbox sandbox = TRY(sandbox::prepare_sandbox(
      arguments.get("--dir"), listen.empty() ? std::string(kDefaultListen) : listen));
  return serve(sandbox.config, listen, [&](const Running& running) -> Result<void> {
    const std::string url = "https://" + running.addresses().front();
    const std::string metrics = metrics_url(running);
    TRY(write_metrics_url(sandbox.directory / "metrics_url", metrics));
    TRY(write_file(sandbox.directory / "url", url + "\n"));
    return cli::write_all(io.out, welcome(sandbox, url, metrics));
  });
}

}  // namespace

cli::ServerCommands server_commands() {
  using Need = cli::Option::Need;
  using Completion = cli::Option::Completion;
  return {
      {.path = "dev",
       .summary = "Make a complete sandbox in a folder, or reuse it, and serve it",
       .details = "A SoftHSM token, a private CA, a server certificate, the clients admin, app and "
                  "auditor, a policy, a catalog and an audit log. DIR/url is written when the "
                  "service is ready, DIR/metrics_url before it. For development only: SoftHSM "
                  "keeps its keys in files.",
       .options = {{.name = "--dir",
                    .value = "DIR",
                    .help = "the sandbox's folder",
                    .need = Need::Required,
                    .completion = Completion::Directory},
                   {.name = "--listen",
                    .value = "ADDR:PORT",
                    .help = "where to serve; port 0 picks a free one [the sandbox's own; "
                            "127.0.0.1:7443 when it is made]"}},
       .run = run_dev},
      {.path = "serve",
       .summary = "Serve as a configuration file says",
       .details =
           "SIGHUP reloads policy, certificates, limits, token and PIN, all or nothing. "
           "SIGTERM answers what is in flight and ends. Exits 77 where the token refused the "
           "PIN. Speaks sd_notify and takes sockets from systemd.",
       .options = {{.name = "--config",
                    .value = "FILE",
                    .help = "the configuration",
                    .need = Need::Required,
                    .completion = Completion::File},
                   {.name = "--check", .value = "", .help = "validate everything and exit"}},
       .run = run_serve},
      {.path = "token unlatch",
       .summary = "Let a PIN be tried again that the token refused",
       .details = "After a refusal the PIN is never tried again by itself, for tokens lock "
                  "themselves: `serve` ends with 77, a running service answers 503. Put the PIN "
                  "right, run this, then start the service or send it SIGHUP.",
       .options = {{.name = "--config",
                    .value = "FILE",
                    .help = "the service's configuration",
                    .need = Need::Required,
                    .completion = Completion::File}},
       .run = run_unlatch},
      witness_command(),
      bench_command(),
      doctor_command(),
  };
}

}  // namespace kw::app
