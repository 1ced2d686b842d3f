// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <openssl/ssl.h>
#include <sys/un.h>

#include <charconv>
#include <cstdlib>
#include <optional>

#include "cli/problem_text.h"

namespace kw::cli {
namespace {

constexpr int kDefaultPort = 7443;
constexpr std::string_view kUnix = "unix:";
constexpr std::size_t kMaxAnswer = 16u << 20;

struct Endpoint {
  std::string host;  // or the path of a socket
  int port = kDefaultPort;
  bool is_unix = false;
};

Error bad_address(const std::string& address) {
  return Error(Code::InvalidArgument, "cannot read the server's address \"" + address +
                                          "\": give https://HOST:PORT or unix:PATH");
}

// HOST, HOST:PORT or [HOST]:PORT. None: it is neither.
std::optional<Endpoint> parse_host_and_port(std::string_view text) {
  Endpoint endpoint;
  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && host_end == std::string_view::npos) return std::nullopt;
  endpoint.host = bracketed ? text.substr(1, host_end - 1) : text.substr(0, host_end);
  if (endpoint.host.empty()) return std::nullopt;
  if (host_end == std::string_view::npos) return endpoint;
  text.remove_prefix(host_end + (bracketed ? 1 : 0));
  if (text.empty()) return endpoint;
  if (text.front() != ':') return std::nullopt;
  text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), endpoint.port);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || endpoint.port < 1 || endpoint.port > 65535) return std::nullopt;
  return endpoint;
}

Result<Endpoint> parse_endpoint(const std::string& address) {
  if (address.empty()) {
    return Error(Code::InvalidArgument,
                 "no server named: give --addr or set KEYWARD_ADDR, e.g. https://127.0.0.1:7443");
  }
  std::string_view rest = address;
  if (rest.starts_with(kUnix)) {
    rest.remove_prefix(kUnix.size());
    if (rest.empty() || rest.size() >= sizeof(sockaddr_un{}.sun_path)) return bad_address(address);
    return Endpoint{std::string(rest), 0, true};
  }
  if (rest.starts_with("https://")) rest.remove_prefix(8);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::optional<Endpoint> endpoint = parse_host_and_port(rest);
  if (!endpoint || rest.find('/') != std::string_view::npos) return bad_address(address);
  return *endpoint;
}

// Why the last handshake refused the server's certificate; lives as long as the SSL_CTX that points
// at it.
struct Verification {
  long failure = X509_V_OK;
};

int remember_failure(int ok, X509_STORE_CTX* store) {
  if (ok != 1) {
    const auto* ssl = static_cast<const SSL*>(
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto* verification = static_cast<Verification*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
    verification->failure = X509_STORE_CTX_get_error(store);
  }
  return ok;
}

// cpp-httplib looks at the certificate only after its own handshake, and at a socket's path as if
// it were a host. OpenSSL checks chain and name during the handshake, for both.
Result<void> set_up_tls(SSL_CTX* context, const Endpoint& endpoint, const ClientSettings& settings,
                        Verification& verification) {
  if (context == nullptr) return Error(Code::Internal, "OpenSSL gives no TLS context");
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  const bool trusts =
      settings.ca_file.empty()
          ? SSL_CTX_set_default_verify_paths(context) == 1
          : SSL_CTX_load_verify_locations(context, settings.ca_file.c_str(), nullptr) == 1;
  if (!trusts) {
    return Error(Code::InvalidArgument, "cannot read CA certificates from " + settings.ca_file +
                                            " (--cacert, KEYWARD_CACERT)");
  }
  SSL_CTX_set_app_data(context, &verification);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, remember_failure);
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  const std::string name = endpoint.is_unix ? "localhost" : endpoint.host;
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, name.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), name.size());
  }
  if (settings.certificate.empty() && settings.key_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, settings.certificate.c_str()) != 1) {
    return Error(Code::InvalidArgument, "cannot read the client certificate " +
                                            settings.certificate + " (--cert, KEYWARD_CERT)");
  }
  if (SSL_CTX_use_PrivateKey_file(context, settings.key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return Error(Code::InvalidArgument, "cannot use the private key " + settings.key_file +
                                            " with that certificate (--cert-key, KEYWARD_KEY)");
  }
  return {};
}

std::string from_option(const Arguments& arguments, std::string_view option, const char* variable) {
  if (arguments.has(option)) return arguments.get(option);
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): one thread
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace

struct Client::Connection {
  Connection(std::string named, const Endpoint& endpoint)
      : address(std::move(named)), http(endpoint.host, endpoint.port) {}

  Result<Answer> call(httplib::Request& request);
  Error failure(httplib::Error error) const;

  std::string address;
  Verification verification;
  httplib::SSLClient http;
};

Error Client::Connection::failure(httplib::Error error) const {
  if (verification.failure != X509_V_OK) {
    return Error(Code::Unauthenticated,
                 "the server at " + address + " is not who it should be: " +
                     X509_verify_cert_error_string(verification.failure) +
                     "; is --cacert (KEYWARD_CACERT) the CA that issued its certificate?");
  }
  switch (error) {
    case httplib::Error::Connection:
    case httplib::Error::ConnectionTimeout:
      return Error(Code::Unavailable, "nothing answers at " + address + ": is the server running?");
    case httplib::Error::SSLConnection:
      return Error(Code::Unavailable, "no TLS 1.3 connection to " + address);
    default:
      return Error(Code::Unavailable,
                   "the server at " + address +
                       " closed the connection before it answered; the call may have happened");
  }
}

Result<Answer> Client::Connection::call(httplib::Request& request) {
  Answer answer;
  Secret received(4096);
  std::size_t size = 0;
  request.content_receiver = [&](const char* data, std::size_t length, std::uint64_t,
                                 std::uint64_t) {
    if (size + length > kMaxAnswer) return false;
    if (size + length > received.size()) {
      Secret larger((size + length) * 2);
      std::copy_n(received.reveal().begin(), size, larger.reveal_for_writing().begin());
      received = std::move(larger);
    }
    std::copy_n(data, length, reinterpret_cast<char*>(received.reveal_for_writing().data()) + size);
    size += length;
    return true;
  };
  verification.failure = X509_V_OK;
  httplib::Response response;
  httplib::Error error = httplib::Error::Success;
  try {
    if (!http.send(request, response, error)) return failure(error);
  } catch (const std::exception&) {
    return failure(httplib::Error::Unknown);
  }
  received.shrink(size);
  answer.status = response.status;
  answer.request_id = response.get_header_value("X-Request-Id");
  answer.body = std::move(received);
  if (answer.status >= 200 && answer.status < 300) return answer;
  return problem_error(answer.status, as_text(answer.body.reveal()), answer.request_id);
}

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::open(const ClientSettings& settings) {
  const Endpoint endpoint = TRY(parse_endpoint(settings.address));
  auto connection = std::make_unique<Connection>(settings.address, endpoint);
  auto& http = connection->http;
  TRY(set_up_tls(http.ssl_context(), endpoint, settings, connection->verification));
  http.enable_server_certificate_verification(false);  // set_up_tls does it
  http.set_keep_alive(true);
  http.set_tcp_nodelay(!endpoint.is_unix);
  http.set_connection_timeout(std::chrono::seconds(5));
  http.set_read_timeout(std::chrono::seconds(60));
  http.set_write_timeout(std::chrono::seconds(60));
  if (endpoint.is_unix) {
    http.set_address_family(AF_UNIX);
    http.set_default_headers({{"Host", "localhost"}});
  }
  return std::unique_ptr<Client>(new Client(std::move(connection)));
}

Result<Answer> Client::get(const std::string& target) {
  httplib::Request request;
  request.method = "GET";
  request.path = target;
  return connection_->call(request);
}

Result<Answer> Client::post(const std::string& target, const Secret& body) {
  httplib::Request request;
  request.method = "POST";
  request.path = target;
  request.set_header("Content-Type", "application/json");
  request.body = as_text(body.reveal());
  auto answer = connection_->call(request);
  wipe(std::span<char>(request.body));
  return answer;
}

std::vector<Option> client_options() {
  const auto file = Option::Completion::File;
  return {{.name = "--addr",
           .value = "URL",
           .help = "the server: https://HOST:PORT or unix:PATH (KEYWARD_ADDR)"},
          {.name = "--cacert",
           .value = "FILE",
           .help = "CA that the server's certificate comes from (KEYWARD_CACERT)",
           .completion = file},
          {.name = "--cert",
           .value = "FILE",
           .help = "your client certificate (KEYWARD_CERT)",
           .completion = file},
          {.name = "--cert-key",
           .value = "FILE",
           .help = "its private key (KEYWARD_KEY)",
           .completion = file}};
}

ClientSettings client_settings(const Arguments& arguments) {
  return {.address = from_option(arguments, "--addr", "KEYWARD_ADDR"),
          .ca_file = from_option(arguments, "--cacert", "KEYWARD_CACERT"),
          .certificate = from_option(arguments, "--cert", "KEYWARD_CERT"),
          .key_file = from_option(arguments, "--cert-key", "KEYWARD_KEY")};
}

}  // namespace kw::cli
