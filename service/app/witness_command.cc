// SPDX-License-Identifier: Apache-2.0
#include "service/app/witness_command.h"

#include <systemd/sd-daemon.h>

#include "base/file.h"
#include "base/log.h"
#include "service/app/hardening.h"
#include "service/app/signals.h"
#include "service/http/problem.h"
#include "service/http/server.h"
#include "service/witness/witness.h"
#include "service/witness/worker.h"

namespace kw::app {
namespace {

constexpr std::string_view kAddCheckpoint = "/add-checkpoint";
constexpr std::string_view kCheckpoint = "/checkpoint";
constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kMostWaiting = 256;
constexpr auto kDrainWithin = std::chrono::seconds(5);

http::Reply reply_of(witness::Verdict verdict) {
  http::Reply reply;
  reply.status = verdict.status;
  reply.content_type = std::move(verdict.content_type);
  reply.body = std::move(verdict.body);
  return reply;
}

// The hash of "/HASH/checkpoint"; empty for another path.
std::string hash_in(const std::string& path) {
  const bool fits = path.size() == 1 + kHashDigits + kCheckpoint.size() &&
                    path.ends_with(kCheckpoint) && path.front() == '/';
  return fits ? path.substr(1, kHashDigits) : std::string();
}

// What a request asks for, done on the worker's thread: it waits for the disk.
http::Reply answer(witness::Witness& witness, const http::Request& request) {
  if (request.path == kAddCheckpoint) {
    if (request.method != http::Method::Post) {
      return http::problem(405, "add-checkpoint is a POST", request.id);
    }
    return reply_of(witness.add_checkpoint(as_text(request.body.reveal())));
  }
  const std::string hash = hash_in(request.path);
  if (hash.empty()) {
    return http::problem(
        refusal(Code::NotFound, "there are /add-checkpoint and /HASH/checkpoint (C2SP)"),
        request.id);
  }
  if (request.method != http::Method::Get && request.method != http::Method::Head) {
    return http::problem(405, "a checkpoint is read with GET", request.id);
  }
  return reply_of(witness.newest_checkpoint(hash));
}

http::ServerOptions server_options_of(const cli::Arguments& arguments) {
  http::ServerOptions options;
  options.listen = arguments.all("--listen");
  options.tls = {arguments.get("--tls-certificate"), arguments.get("--tls-key"), {}, {}};
  options.transport =
      arguments.has("--tls-certificate") ? http::Transport::Tls : http::Transport::Plain;
  options.media_types = {};
  options.limits.body_bytes = 64 << 10;
  options.limits.connections = 256;
  options.threads = 1;
  return options;
}

Result<std::unique_ptr<http::Server>> open_server(const cli::Arguments& arguments,
                                                  witness::Witness& witness,
                                                  witness::Worker& worker) {
  return http::Server::open(
      server_options_of(arguments), [&witness, &worker](http::Request request, http::Respond done) {
        const RequestId id = request.id;
        auto shared_done = std::make_shared<http::Respond>(std::move(done));
        const bool taken = worker.submit([&witness, request = std::move(request), shared_done] {
          (*shared_done)(request.rejection ? http::problem(request.rejection->status,
                                                           request.rejection->advice, request.id)
                                           : answer(witness, request));
        });
        if (!taken) (*shared_done)(http::problem(refusal(Code::Unavailable, "try again"), id));
        return http::Overdue::Unavailable;
      });
}

Result<std::vector<std::string>> read_log_keys(const std::vector<std::string>& files) {
  std::vector<std::string> keys;
  keys.reserve(files.size());
  for (const std::string& file : files) keys.push_back(TRY(read_file(file, 64 << 10)));
  return keys;
}

Result<int> run_witness(const cli::Arguments& arguments, const cli::Io& io) {
  if (arguments.has("--tls-certificate") != arguments.has("--tls-key")) {
    return cli::usage_fault(io, "--tls-certificate and --tls-key go together");
  }
  harden_process();
  block_signals();
  const std::filesystem::path folder = arguments.get("--dir");
  witness::WitnessOptions options{
      .folder = folder, .name = arguments.get("--name"), .logs = {}, .time = {}};
  options.logs = TRY(read_log_keys(arguments.all("--log")));
  const auto witness = TRY(witness::Witness::open(options));
  witness::Worker worker(kMostWaiting);
  const auto server = TRY(open_server(arguments, *witness, worker));
  const bool is_tls = arguments.has("--tls-certificate");
  const std::string url = (is_tls ? "https://" : "http://") + server->addresses().front();
  TRY(write_file(folder / "url", url + "\n"));
  TRY(cli::write_all(io.out, witness->verifier_key() + "\n"));
  log_line(Severity::Notice, "the witness " + witness->name() + " serves on " + url);
  ::sd_notify(0, "READY=1");
  wait_for_end();
  ::sd_notify(0, "STOPPING=1");
  server->drain(deadline_in(kDrainWithin));
  return cli::kExitOk;
}

std::vector<cli::Option> options_of_witness() {
  using Need = cli::Option::Need;
  using Completion = cli::Option::Completion;
  return {{.name = "--dir",
           .value = "DIR",
           .help = "its key, and what it knows of each log; made where it is missing",
           .need = Need::Required,
           .completion = Completion::Directory},
          {.name = "--listen",
           .value = "ADDR:PORT",
           .help = "where to serve; port 0 picks a free one",
           .need = Need::Required},
          {.name = "--log",
           .value = "FILE",
           .help = "the verifier key of a log that it looks after: audit/checkpoint.vkey",
           .need = Need::Repeated,
           .completion = Completion::File},
          {.name = "--name",
           .value = "NAME",
           .help = "its name, such as witness.example/w1; needed where DIR is new"},
          {.name = "--tls-certificate",
           .value = "FILE",
           .help = "serve HTTPS with this certificate (PEM)",
           .completion = Completion::File},
          {.name = "--tls-key",
           .value = "FILE",
           .help = "its private key (PEM)",
           .completion = Completion::File}};
}

}  // namespace

cli::Command witness_command() {
  return {.path = "witness",
          .summary = "Remember other hosts' audit logs, and cosign what continues them",
          .details =
              "A witness as C2SP tlog-witness describes it (add-checkpoint). Run it on "
              "another host than the service: it never cosigns a fork or a rollback of a "
              "log. Prints its verifier key, for audit.witnesses and `keyward audit verify "
              "--witness`. Needs no token. Never give it an older copy of DIR: it would "
              "forget what it has seen.",
          .options = options_of_witness(),
          .run = run_witness};
}

}  // namespace kw::app
