// SPDX-License-Identifier: Apache-2.0
#include "service/config/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/file.h"
#include "service/config/fields.h"

namespace kw::config {
namespace {

constexpr std::size_t kMaxConfig = 1u << 20;
constexpr std::size_t kMaxDurationDigits = 9;
constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kUnix = "unix:";
constexpr unsigned kMaxExecutors = 256;
constexpr std::chrono::milliseconds kLeastCheckpoint{100};
constexpr std::chrono::milliseconds kMostCheckpoint{1'000};
constexpr std::size_t kMaxWitnesses = 16;
constexpr std::chrono::milliseconds kLeastDurable{100};
constexpr std::chrono::milliseconds kMostDurable{60'000};
constexpr unsigned kMaxConnections = 1'000'000;

struct Unit {
  std::string_view name;
  std::chrono::milliseconds span;
};

constexpr std::array kUnits{
    Unit{"ms", std::chrono::milliseconds(1)},
    Unit{"s", std::chrono::seconds(1)},
    Unit{"m", std::chrono::minutes(1)},
    Unit{"h", std::chrono::hours(1)},
};

// A decimal number in its one spelling, all of `text`.
template <typename Number>
bool parse_number(std::string_view text, Number& out) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failure == std::errc() && end == text.data() + text.size();
}

Error no_address() {
  return refusal(Code::InvalidArgument, "expected HOST:PORT, unix:PATH or systemd");
}

Result<ListenAddress> parse_tcp(std::string_view text) {
  ListenAddress address;
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return no_address();
  if (!parse_number(text.substr(colon + 1), address.port)) return no_address();
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const bool has_colon = host.find(':') != std::string_view::npos;
  if (host.empty() || has_colon != bracketed || host.find_first_of("[]/ ") != host.npos) {
    return no_address();
  }
  address.host = host;
  return address;
}

Result<ListenAddress> read_address(const Fields& fields, const yaml::Node& node,
                                   const std::string& name) {
  const std::string text = TRY(fields.text_of(node, name));
  Result<ListenAddress> address = ListenAddress::parse(text, fields.folder());
  if (!address) return yaml::fault(node.mark, name + ": " + address.error().detail());
  return address;
}

Result<std::vector<ListenAddress>> read_listen(const Fields& root) {
  const yaml::Node* node = TRY(root.require("listen"));
  const yaml::Node::Sequence* items = node->as_sequence();
  if (items == nullptr || items->empty()) {
    return yaml::fault(node->mark, "listen: expected a list of addresses");
  }
  std::vector<ListenAddress> listen;
  for (const yaml::Node& item : *items) {
    ListenAddress address = TRY(read_address(root, item, "listen"));
    const bool fixed = address.kind != ListenAddress::Kind::Tcp || address.port != 0;
    if (fixed && std::find(listen.begin(), listen.end(), address) != listen.end()) {
      return yaml::fault(item.mark, "listen: the same address twice");
    }
    listen.push_back(std::move(address));
  }
  return listen;
}

Result<TlsFiles> read_tls(const Fields& root) {
  const Fields fields = TRY(root.mapping("tls", {"certificate", "key", "client_ca", "crl"}));
  TlsFiles tls;
  tls.certificate = TRY(fields.path("certificate"));
  tls.key = TRY(fields.path("key"));
  tls.client_ca = TRY(fields.path("client_ca"));
  tls.crl = TRY(fields.optional_path("crl"));
  return tls;
}

bool is_variable(std::string_view name) {
  return !name.empty() && !(name.front() >= '0' && name.front() <= '9') &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

Result<std::map<std::string, std::filesystem::path>> read_environment(const Fields& token) {
  std::map<std::string, std::filesystem::path> environment;
  const yaml::Node* node = token.find("environment");
  if (node == nullptr) return environment;
  if (node->as_mapping() == nullptr) {
    return yaml::fault(node->mark, "token.environment: expected a mapping");
  }
  for (const yaml::Node::Entry& entry : *node->as_mapping()) {
    const std::string name = "token.environment." + entry.key;
    if (!is_variable(entry.key)) {
      return yaml::fault(entry.key_mark, name + ": not the name of an environment variable");
    }
    environment.emplace(entry.key, token.folder() / TRY(token.text_of(entry.value, name)));
  }
  return environment;
}

Result<std::string> read_uri(const Fields& token) {
  std::string uri = TRY(token.text("uri"));
  if (!uri.starts_with("pkcs11:")) {
    return token.fault_at("uri", refusal(Code::InvalidArgument, "expected pkcs11:… (RFC 7512)"));
  }
  // The PIN in a URI would be a value, and the URI is logged.
  if (uri.find("pin-value") != std::string::npos || uri.find("pin-source") != std::string::npos) {
    return token.fault_at("uri", refusal(Code::InvalidArgument, "no PIN here: use token.pin"));
  }
  return uri;
}

Result<PinReference> read_pin(const Fields& token) {
  const yaml::Node* node = TRY(token.require("pin"));
  const std::string* text = node->as_string();
  Result<PinReference> pin =
      PinReference::parse(text == nullptr ? std::string_view() : *text, token.folder());
  if (!pin) return token.fault_at("pin", pin.error());
  return pin;
}

Result<std::optional<unsigned>> read_optional_count(const Fields& fields, const char* name,
                                                    unsigned most) {
  if (fields.find(name) == nullptr) return std::optional<unsigned>();
  return std::optional<unsigned>(TRY(fields.count(name, 1, most)));
}

Result<Concurrency> read_concurrency(const Fields& token) {
  Concurrency concurrency;
  if (token.find("concurrency") == nullptr) return concurrency;
  const Fields fields = TRY(token.mapping("concurrency", {"symmetric", "asymmetric", "generate"}));
  concurrency.symmetric = TRY(read_optional_count(fields, "symmetric", kMaxExecutors));
  concurrency.asymmetric = TRY(read_optional_count(fields, "asymmetric", kMaxExecutors));
  concurrency.generate = TRY(read_optional_count(fields, "generate", kMaxExecutors));
  return concurrency;
}

Result<TokenSettings> read_token(const Fields& root) {
  const Fields fields = TRY(root.mapping(
      "token", {"module", "uri", "pin", "directory", "executors", "concurrency", "hung_after",
                "most_hung", "environment", "parameters", "profile", "allow_suite_3"}));
  std::filesystem::path module = TRY(fields.path("module"));
  std::string uri = TRY(read_uri(fields));
  PinReference pin = TRY(read_pin(fields));
  TokenSettings token{.module = std::move(module),
                      .uri = std::move(uri),
                      .pin = std::move(pin),
                      .directory = {},
                      .executors = {},
                      .environment = {},
                      .parameters = {},
                      .profile = {}};
  token.directory = TRY(fields.optional_path("directory"));
  token.executors = TRY(read_optional_count(fields, "executors", kMaxExecutors));
  token.concurrency = TRY(read_concurrency(fields));
  token.hung_after = TRY(fields.duration("hung_after", token.hung_after));
  token.most_hung = TRY(fields.count("most_hung", token.most_hung, kMaxExecutors));
  token.environment = TRY(read_environment(fields));
  if (fields.find("parameters") != nullptr) token.parameters = TRY(fields.text("parameters"));
  token.profile = TRY(fields.optional_path("profile"));
  token.allow_suite_3 = TRY(fields.flag("allow_suite_3", false));
  return token;
}

Result<std::filesystem::path> read_catalog(const Fields& root) {
  const std::string text = TRY(root.text("catalog"));
  if (text.starts_with("postgresql:") || text.starts_with("postgres:")) {
    return root.fault_at("catalog", refusal(Code::Unimplemented,
                                            "PostgreSQL is not supported yet: use sqlite:PATH"));
  }
  if (!text.starts_with(kSqlite) || text.size() == kSqlite.size()) {
    return root.fault_at("catalog", refusal(Code::InvalidArgument, "expected sqlite:PATH"));
  }
  return root.folder() / text.substr(kSqlite.size());
}

Result<WitnessSettings> read_witness(const Fields& audit, const yaml::Node& node) {
  const Fields fields =
      TRY(Fields::of(node, "audit.witnesses", audit.folder(), {"url", "key", "ca"}));
  WitnessSettings witness;
  witness.url = TRY(fields.text("url"));
  witness.key = TRY(fields.text("key"));
  witness.ca = TRY(fields.optional_path("ca"));
  return witness;
}

Result<void> read_witnesses(const Fields& audit, Config& config) {
  const yaml::Node* node = audit.find("witnesses");
  if (node == nullptr && audit.find("witness_quorum") == nullptr) return {};
  const yaml::Node::Sequence* items = node == nullptr ? nullptr : node->as_sequence();
  if (items == nullptr || items->empty() || items->size() > kMaxWitnesses) {
    const auto advice = refusal(Code::InvalidArgument, "expected a list of 1 to 16 witnesses");
    return audit.fault_at(node == nullptr ? "witness_quorum" : "witnesses", advice);
  }
  for (const yaml::Node& item : *items) {
    config.witnesses.push_back(TRY(read_witness(audit, item)));
  }
  const auto all = static_cast<unsigned>(items->size());
  config.witness_quorum = TRY(audit.count("witness_quorum", all, all));
  return {};
}

Result<void> read_audit(const Fields& root, Config& config) {
  const Fields fields =
      TRY(root.mapping("audit", {"directory", "checkpoint_every", "durable_within", "sinks",
                                 "witnesses", "witness_quorum"}));
  TRY(read_witnesses(fields, config));
  config.audit_directory = TRY(fields.path("directory"));
  config.checkpoint_every = TRY(fields.duration("checkpoint_every", config.checkpoint_every));
  if (config.checkpoint_every < kLeastCheckpoint || config.checkpoint_every > kMostCheckpoint) {
    return fields.fault_at("checkpoint_every", refusal(Code::InvalidArgument, "from 100ms to 1s"));
  }
  config.durable_within = TRY(fields.duration("durable_within", config.durable_within));
  if (config.durable_within < kLeastDurable || config.durable_within > kMostDurable) {
    return fields.fault_at("durable_within", refusal(Code::InvalidArgument, "from 100ms to 1m"));
  }
  config.sinks = TRY(read_sinks(fields));
  return {};
}

Result<Limits> read_limits(const Fields& root) {
  Limits limits;
  if (root.find("limits") == nullptr) return limits;
  const Fields fields = TRY(root.mapping(
      "limits", {"request_deadline", "idle_timeout", "connections", "queue", "queue_per_caller"}));
  limits.request_deadline = TRY(fields.duration("request_deadline", limits.request_deadline));
  limits.idle_timeout = TRY(fields.duration("idle_timeout", limits.idle_timeout));
  limits.connections = TRY(fields.count("connections", limits.connections, kMaxConnections));
  limits.queue = TRY(fields.count("queue", limits.queue, kMaxConnections));
  limits.queue_per_caller = TRY(read_optional_count(fields, "queue_per_caller", limits.queue));
  return limits;
}

// The sockets that systemd passes on are the API's. An address of the API's own would be bound
// twice.
Result<std::optional<ListenAddress>> read_telemetry(const Fields& root,
                                                    const std::vector<ListenAddress>& taken) {
  if (root.find("telemetry") == nullptr) return std::optional<ListenAddress>();
  const Fields fields = TRY(root.mapping("telemetry", {"listen"}));
  const yaml::Node* node = TRY(fields.require("listen"));
  ListenAddress address = TRY(read_address(fields, *node, "telemetry.listen"));
  if (address.kind == ListenAddress::Kind::Systemd) {
    return yaml::fault(node->mark, "telemetry.listen: expected HOST:PORT or unix:PATH");
  }
  const bool fixed = address.kind != ListenAddress::Kind::Tcp || address.port != 0;
  if (fixed && std::find(taken.begin(), taken.end(), address) != taken.end()) {
    return yaml::fault(node->mark, "telemetry.listen: the same address as in listen");
  }
  return std::optional<ListenAddress>(std::move(address));
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& each) {
    return each.name == text.substr(digits);
  });
  unsigned number = 0;
  if (unit == kUnits.end() || digits > kMaxDurationDigits ||
      !parse_number(text.substr(0, digits), number) || number == 0) {
    return refusal(Code::InvalidArgument, "expected a duration such as 250ms, 10s, 5m or 1h");
  }
  return number * unit->span;
}

Result<ListenAddress> ListenAddress::parse(std::string_view text,
                                           const std::filesystem::path& folder) {
  ListenAddress address;
  if (text == "systemd") {
    address.kind = Kind::Systemd;
    return address;
  }
  if (!text.starts_with(kUnix)) return parse_tcp(text);
  if (text.size() == kUnix.size()) return no_address();
  address.kind = Kind::Unix;
  address.path = folder / text.substr(kUnix.size());
  return address;
}

std::string ListenAddress::text() const {
  if (kind == Kind::Systemd) return "systemd";
  if (kind == Kind::Unix) return std::string(kUnix) + path.string();
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Config> Config::parse(std::string_view yaml, const std::filesystem::path& folder) {
  const yaml::Node document = TRY(yaml::parse(yaml));
  const Fields root = TRY(
      Fields::of(document, "", folder,
                 {"listen", "tls", "token", "catalog", "audit", "policy", "telemetry", "limits"}));
  std::vector<ListenAddress> listen = TRY(read_listen(root));
  TlsFiles tls = TRY(read_tls(root));
  TokenSettings token = TRY(read_token(root));
  Config config{.listen = std::move(listen),
                .tls = std::move(tls),
                .token = std::move(token),
                .catalog = {},
                .audit_directory = {},
                .sinks = {},
                .witnesses = {},
                .policy = {},
                .limits = {},
                .telemetry = {}};
  config.catalog = TRY(read_catalog(root));
  TRY(read_audit(root, config));
  config.policy = TRY(root.path("policy"));
  config.limits = TRY(read_limits(root));
  config.telemetry = TRY(read_telemetry(root, config.listen));
  return config;
}

Result<Config> Config::load(const std::filesystem::path& file) {
  const std::string yaml = TRY(read_file(file, kMaxConfig));
  Result<Config> config = parse(yaml, file.parent_path());
  if (!config) {
    return refusal(config.error().code(), file.string() + ": " + config.error().detail());
  }
  return config;
}

}  // namespace kw::config
