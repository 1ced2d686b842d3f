// SPDX-License-Identifier: Apache-2.0
#include "service/app/running.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "base/file.h"
#include "base/log.h"
#include "pkcs11/module.h"
#include "pkcs11/token.h"
#include "pkcs11/uri.h"
#include "policy/policy.h"
#include "service/api/dispatcher.h"
#include "service/app/hardening.h"
#include "service/app/scrape.h"
#include "service/audit_sinks/sinks.h"
#include "service/audit_verify/cosignature.h"
#include "service/core/backend.h"
#include "service/core/executors.h"
#include "service/core/pin_latch.h"
#include "service/cosign/witness_client.h"
#include "service/http/server.h"
#include "service/http/tls_context.h"
#include "service/telemetry/process.h"

namespace kw::app {
namespace {

constexpr auto kDrainWithin = std::chrono::seconds(10);
constexpr auto kDrainExhaustedWithin = std::chrono::seconds(2);  // the supervisor's turn
constexpr auto kRenewWithin = std::chrono::seconds(20);
constexpr auto kSignWithin = std::chrono::seconds(2);  // when the drain took all its time
constexpr auto kMaintainWithin = std::chrono::seconds(60);
constexpr auto kScrapeWithin = std::chrono::seconds(5);

// A message key of suite 3 must not reach a swap file.
Result<void> check_memory(const config::TokenSettings& token) {
  if (!token.allow_suite_3 || lock_memory()) return {};
  return Error(Code::FailedPrecondition,
               "token.allow_suite_3 needs memory that can be locked: raise RLIMIT_MEMLOCK "
               "(LimitMEMLOCK=infinity in a systemd unit)");
}

http::TlsFiles tls_of(const config::Config& config) {
  http::TlsFiles files{config.tls.certificate, config.tls.key, config.tls.client_ca, {}};
  if (config.tls.crl) files.crls.push_back(*config.tls.crl);
  return files;
}

http::Limits limits_of(const config::Config& config) {
  http::Limits limits;
  limits.connections = config.limits.connections;
  limits.request = config.limits.request_deadline;
  limits.idle = config.limits.idle_timeout;
  return limits;
}

// One thread, few seats, no bodies: whoever floods it takes from other scrapes.
http::ServerOptions telemetry_options(const config::ListenAddress& address) {
  http::ServerOptions options;
  options.listen = {address.text()};
  options.transport = http::Transport::Plain;
  options.methods = http::Methods::ReadOnly;
  options.limits.head_bytes = 4 << 10;
  options.limits.target_bytes = 256;
  options.limits.body_bytes = 0;
  options.limits.connections = 32;
  options.limits.request = kScrapeWithin;
  options.threads = 1;
  return options;
}

bool is_loopback(const config::ListenAddress& address) {
  return address.kind == config::ListenAddress::Kind::Unix || address.host == "localhost" ||
         address.host == "::1" || address.host.starts_with("127.");
}

http::ServerOptions server_options(const config::Config& config) {
  http::ServerOptions options;
  for (const config::ListenAddress& address : config.listen) {
    options.listen.push_back(address.text());
  }
  options.tls = tls_of(config);
  options.limits = limits_of(config);
  return options;
}

using Profile = std::optional<token_profile::TokenProfile>;

Result<Profile> read_profile(const config::Config& config) {
  if (!config.token.profile) return Profile();
  return Profile(TRY(token_profile::TokenProfile::load(*config.token.profile)));
}

Result<core::TokenAccess> token_access(const config::Config& config) {
  Secret pin = TRY(config.token.pin.read());
  Profile profile = TRY(read_profile(config));
  return core::TokenAccess{.module = config.token.module,
                           .parameters = config.token.parameters,
                           .uri = config.token.uri,
                           .pin = std::move(pin),
                           .directory = config.token.directory,
                           .profile = std::move(profile)};
}

core::Concurrency concurrency_of(const config::TokenSettings& token, const Profile& profile) {
  core::Concurrency likes = core::default_concurrency();
  if (profile) {
    likes.symmetric = profile->symmetric;
    likes.asymmetric = profile->asymmetric;
  }
  likes.symmetric = token.concurrency.symmetric.value_or(likes.symmetric);
  likes.asymmetric = token.concurrency.asymmetric.value_or(likes.asymmetric);
  likes.generate = token.concurrency.generate.value_or(likes.generate);
  return likes;
}

// What an operator should know of the token, in the log.
void tell(const Profile& profile) {
  if (!profile || profile->verdict == token_profile::Verdict::Production) return;
  std::string text = "the token is fit for tests only";
  for (const std::string& reason : profile->reasons) text += "; " + reason;
  log_line(Severity::Warning, text);
}

audit_sinks::SinkOptions::Kind kind_of(config::SinkSettings::Kind kind) {
  switch (kind) {
    case config::SinkSettings::Kind::Journald:
      return audit_sinks::SinkOptions::Kind::Journald;
    case config::SinkSettings::Kind::SyslogTls:
      return audit_sinks::SinkOptions::Kind::SyslogTls;
    case config::SinkSettings::Kind::Unix:
      return audit_sinks::SinkOptions::Kind::Unix;
  }
  return {};
}

audit_sinks::SinkOptions::Format format_of(config::SinkSettings::Format format) {
  switch (format) {
    case config::SinkSettings::Format::Json:
      return audit_sinks::SinkOptions::Format::Json;
    case config::SinkSettings::Format::Cef:
      return audit_sinks::SinkOptions::Format::Cef;
    case config::SinkSettings::Format::Ocsf:
      return audit_sinks::SinkOptions::Format::Ocsf;
  }
  return {};
}

std::vector<audit_sinks::SinkOptions> sink_options(const config::Config& config) {
  std::vector<audit_sinks::SinkOptions> options;
  options.reserve(config.sinks.size());
  for (const config::SinkSettings& sink : config.sinks) {
    options.push_back({.name = sink.name,
                       .kind = kind_of(sink.kind),
                       .format = format_of(sink.format),
                       .is_required = sink.require,
                       .path = sink.path,
                       .acknowledges = sink.acknowledge,
                       .host = sink.host,
                       .port = sink.port,
                       .ca = sink.ca,
                       .certificate = sink.certificate,
                       .key = sink.key});
  }
  return options;
}

Result<core::BackendOptions> backend_options(const config::Config& config) {
  Secret pin = TRY(config.token.pin.read());
  Profile profile = TRY(read_profile(config));
  const core::Concurrency concurrency = concurrency_of(config.token, profile);
  std::vector<core::WitnessOptions> witnesses;
  witnesses.reserve(config.witnesses.size());
  for (const config::WitnessSettings& witness : config.witnesses) {
    witnesses.push_back({witness.url, witness.key, witness.ca});
  }
  return core::BackendOptions{.module = config.token.module,
                              .token_uri = config.token.uri,
                              .pin = std::move(pin),
                              .module_parameters = config.token.parameters,
                              .profile = std::move(profile),
                              .token_directory = config.token.directory,
                              .allow_suite_3 = config.token.allow_suite_3,
                              .catalog = config.catalog,
                              .audit_directory = config.audit_directory,
                              .checkpoint_every = config.checkpoint_every,
                              .durable_within = config.durable_within,
                              .sinks = sink_options(config),
                              .witnesses = std::move(witnesses),
                              .witness_quorum = config.witness_quorum,
                              .policy = config.policy,
                              .concurrency = concurrency};
}

Result<void> check_witnesses(const config::Config& config) {
  for (const config::WitnessSettings& witness : config.witnesses) {
    TRY(cosign::WitnessClient::open(witness.url, witness.ca));
    TRY(audit_verify::CosignerKey::parse(witness.key));
  }
  return {};
}

core::ExecutorOptions executor_options(const config::Config& config, const Profile& profile) {
  core::ExecutorOptions options;
  options.concurrency = concurrency_of(config.token, profile);
  const std::size_t wanted = profile ? std::max(profile->symmetric, profile->asymmetric) : 0;
  options.token_threads = std::max(options.token_threads, wanted);
  options.token_threads = config.token.executors.value_or(options.token_threads);
  options.queue_length = config.limits.queue;
  options.queue_share = config.limits.queue_per_caller.value_or(0);
  options.hung_after = config.token.hung_after;
  options.most_hung = config.token.most_hung;
  return options;
}

void describe_server(telemetry::Page& page, const http::Server& server) {
  const http::ServerMeter& meter = server.meter();
  page.gauge("keyward_connections", "Open connections.")
      .value(static_cast<double>(server.connections()));
  page.counter("keyward_connections_accepted_total", "Connections that got a seat.")
      .value(meter.accepted);
  page.counter("keyward_connections_refused_total", "Connections closed because none was free.")
      .value(meter.refused);
  page.counter("keyward_tls_handshakes_failed_total",
               "TLS handshakes refused, broken off or too slow.")
      .value(meter.failed_handshakes);
  page.counter("keyward_requests_rejected_total",
               "Requests refused before they were read whole, of nobody proven or too slow.")
      .value(meter.rejected);
  page.counter("keyward_requests_overdue_total", "Requests told 503 or 504 because no answer came.")
      .value(meter.overdue);
  page.gauge("keyward_certificate_expiry_timestamp_seconds",
             "When the server's certificate expires, in seconds since 1970.");
  if (const auto expires = server.certificate_expires()) page.value(*expires);
}

}  // namespace

void set_environment(const config::TokenSettings& token) {
  for (const auto& [name, path] : token.environment) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): before threads start
    ::setenv(name.c_str(), std::filesystem::absolute(path).c_str(), 1);
  }
}

struct Running::Parts {
  const WallTime started = wall_now();
  // As it was set when no other thread could read it; it is not set again.
  std::map<std::string, std::filesystem::path> environment;
  std::unique_ptr<core::Backend> backend;
  std::unique_ptr<core::Executors> executors;
  std::unique_ptr<api::Dispatcher> dispatcher;
  std::unique_ptr<http::Server> server;
  std::unique_ptr<Scrape> scrape;
  std::unique_ptr<http::Server> telemetry;  // null where the configuration has none
  // A tick is not queued while the last one still runs: a hung token gathers no heap of them.
  std::shared_ptr<std::atomic<bool>> ticking = std::make_shared<std::atomic<bool>>(false);
};

Result<std::unique_ptr<Running>> Running::start(const config::Config& config) {
  set_environment(config.token);
  TRY(check_memory(config.token));
  auto parts = std::make_unique<Parts>();
  parts->environment = config.token.environment;
  core::BackendOptions backend = TRY(backend_options(config));
  const core::ExecutorOptions executors = executor_options(config, backend.profile);
  tell(backend.profile);
  parts->backend = TRY(core::Backend::open(std::move(backend)));
  parts->executors = std::make_unique<core::Executors>(*parts->backend, executors);
  parts->dispatcher = std::make_unique<api::Dispatcher>(*parts->backend, *parts->executors);
  api::Dispatcher& dispatcher = *parts->dispatcher;
  parts->server = TRY(http::Server::open(
      server_options(config), [&dispatcher](http::Request request, http::Respond respond) {
        return dispatcher.dispatch(std::move(request), std::move(respond));
      }));
  TRY(serve_telemetry(*parts, config));
  return std::unique_ptr<Running>(new Running(std::move(parts)));
}

Result<void> Running::serve_telemetry(Parts& parts, const config::Config& config) {
  if (!config.telemetry) return {};
  parts.scrape = std::make_unique<Scrape>(
      *parts.backend, [&parts](telemetry::Page& page) { describe(parts, page); });
  Scrape& scrape = *parts.scrape;
  parts.telemetry =
      TRY(http::Server::open(telemetry_options(*config.telemetry),
                             [&scrape](const http::Request& request, http::Respond respond) {
                               respond(scrape.answer(request));
                               return http::Overdue::Unavailable;
                             }));
  if (!is_loopback(*config.telemetry)) {
    log_line(Severity::Warning, config.telemetry->text() +
                                    " serves telemetry in the clear: for an internal network only");
  }
  return {};
}

void Running::describe(const Parts& parts, telemetry::Page& page) {
  page.gauge("keyward_build_info", "Always 1; the label says which version runs.")
      .value(1, {{"version", KW_VERSION}});
  parts.dispatcher->meter().describe(page);
  parts.executors->describe(page);
  describe_server(page, *parts.server);
  parts.backend->describe(page);
  telemetry::describe_process(page, parts.started);
}

Running::Running(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Running::~Running() = default;

bool Running::is_exhausted() const noexcept { return parts_->executors->is_exhausted(); }

bool Running::stop() {
  const Deadline deadline = deadline_in(is_exhausted() ? kDrainExhaustedWithin : kDrainWithin);
  parts_->server->drain(deadline);
  parts_->telemetry.reset();
  parts_->server.reset();
  const bool all_came_back = parts_->executors->close(deadline);
  if (!all_came_back) parts_->backend->note_token_lost();
  const bool signed_last = parts_->backend->close(std::max(deadline, deadline_in(kSignWithin)));
  return all_came_back && signed_last;
}

const std::vector<std::string>& Running::addresses() const noexcept {
  return parts_->server->addresses();
}

std::optional<std::string> Running::telemetry_address() const {
  if (parts_->telemetry == nullptr) return std::nullopt;
  return parts_->telemetry->addresses().front();
}

Result<void> Running::reload(const config::Config& config) {
  core::StagedPolicy policy = TRY(parts_->backend->stage_policy());
  const std::string certificate = TRY(read_file(config.tls.certificate));
  TRY(http::TlsContext::open(tls_of(config)));
  if (config.token.environment != parts_->environment) {
    return Error(Code::FailedPrecondition, "token.environment was changed, which takes a restart");
  }
  core::TokenAccess access = TRY(token_access(config));
  TRY(parts_->backend->renew_token(std::move(access), deadline_in(kRenewWithin)));
  // The last step that can fail; nothing was seen of the others, but for the token, which goes
  // back.
  Result<void> served = parts_->server->reload(tls_of(config), limits_of(config));
  if (!served) {
    const Result<void> back = parts_->backend->revert_token(deadline_in(kRenewWithin));
    if (!back) log_error(Severity::Error, "the token does not go back", back.error());
    return served;
  }
  parts_->executors->set_queue_length(config.limits.queue,
                                      config.limits.queue_per_caller.value_or(0));
  parts_->backend->activate(std::move(policy));
  parts_->backend->note_certificates(sha256(as_bytes(certificate)));
  return {};
}

bool Running::needs_restart() const { return parts_->backend->needs_restart(); }

void Running::tick() {
  const std::shared_ptr<std::atomic<bool>> ticking = parts_->ticking;
  if (ticking->exchange(true)) return;
  core::Job job{.caller = {},
                .work = core::Work::Symmetric,
                .steps = core::one_step(core::Work::Symmetric),
                .deadline = deadline_in(kMaintainWithin),
                .run = [ticking](core::KeyService& door) -> std::optional<core::Work> {
                  door.maintain();
                  ticking->store(false);
                  return std::nullopt;
                },
                .refuse = [ticking](core::Refusal) { ticking->store(false); }};
  parts_->executors->submit(core::Lane::State, std::move(job));
}

Result<void> check(const config::Config& config) {
  set_environment(config.token);
  TRY(check_memory(config.token));
  TRY(check_witnesses(config));
  static_cast<void>(TRY(config.token.pin.read()));
  TRY(core::PinLatch::beside(config.catalog).check());
  const std::string policy_text = TRY(read_file(config.policy));
  const auto policy = TRY(policy::Policy::parse(policy_text));
  TRY(policy->run_tests());
  TRY(audit_sinks::check_sinks(sink_options(config)));
  http::ServerOptions options = server_options(config);
  options.listen = {"127.0.0.1:0"};
  TRY(http::Server::open(options,
                         [](http::Request, http::Respond) { return http::Overdue::Unavailable; }));
  const pkcs11::TokenUri uri = TRY(pkcs11::TokenUri::parse(config.token.uri));
  const auto module = TRY(pkcs11::Module::load(config.token.module, config.token.parameters));
  const pkcs11::TokenSlot slot = TRY(pkcs11::find_token(*module, uri));
  const Profile profile = TRY(read_profile(config));
  if (profile)
    TRY(profile->check_fit(token_profile::identity_of(slot.identity, module->identity())));
  return {};
}

}  // namespace kw::app
