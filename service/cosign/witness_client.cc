// SPDX-License-Identifier: Apache-2.0
#include "service/cosign/witness_client.h"

#include <httplib.h>
#include <openssl/ssl.h>

#include <atomic>

#include "base/clock.h"
#include "service/cosign/witness_url.h"

namespace kw::cosign {
namespace {

constexpr std::size_t kMostAnswer = 64u << 10;
constexpr auto kConnectWithin = std::chrono::seconds(5);
constexpr auto kReadWithin = std::chrono::seconds(5);
constexpr auto kAnswerWithin = std::chrono::seconds(10);

// OpenSSL checks chain and name during the handshake; cpp-httplib would look only after it.
Result<void> check_peer(SSL_CTX* context, const WitnessUrl& url,
                        const std::optional<std::filesystem::path>& ca) {
  if (context == nullptr) return Error(Code::Internal, "OpenSSL gives no TLS context");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  const bool trusts = ca ? SSL_CTX_load_verify_locations(context, ca->c_str(), nullptr) == 1
                         : SSL_CTX_set_default_verify_paths(context) == 1;
  if (!trusts) {
    return Error(Code::InvalidArgument, (ca ? ca->string() : std::string("the system")) +
                                            ": no CA certificates can be read");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  X509_VERIFY_PARAM* wanted = SSL_CTX_get0_param(context);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, url.host.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(wanted, url.host.c_str(), url.host.size());
  }
  return {};
}

}  // namespace

struct WitnessClient::Connection {
  Result<WitnessAnswer> call(httplib::Request request);

  std::string prefix;
  std::string host;  // as errors name it
  std::unique_ptr<httplib::ClientImpl> http;
  std::atomic<bool> stopped = false;
};

// A witness that trickles its answer is no better than one that gives none.
Result<WitnessAnswer> WitnessClient::Connection::call(httplib::Request request) {
  WitnessAnswer answer;
  const Deadline deadline = deadline_in(kAnswerWithin);
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    answer.body.append(data, std::min(size, kMostAnswer + 1));
    return answer.body.size() <= kMostAnswer && !has_passed(deadline) && !stopped.load();
  };
  httplib::Response response;
  httplib::Error error = httplib::Error::Success;
  bool sent = false;
  try {
    sent = !stopped.load() && http->send(request, response, error);
  } catch (const std::exception&) {
    sent = false;
  }
  if (!sent) return Error(Code::Unavailable, host + ": " + httplib::to_string(error));
  answer.status = response.status;
  answer.content_type = response.get_header_value("Content-Type");
  return answer;
}

WitnessClient::WitnessClient(std::unique_ptr<Connection> connection)
    : connection_(std::move(connection)) {}

WitnessClient::~WitnessClient() = default;

Result<std::unique_ptr<WitnessClient>> WitnessClient::open(
    const std::string& text, const std::optional<std::filesystem::path>& ca) {
  const WitnessUrl url = TRY(WitnessUrl::parse(text));
  auto connection = std::make_unique<Connection>();
  connection->prefix = url.prefix;
  connection->host = text;
  if (url.is_tls) {
    auto secured = std::make_unique<httplib::SSLClient>(url.host, url.port);
    TRY(check_peer(secured->ssl_context(), url, ca));
    secured->enable_server_certificate_verification(false);  // check_peer does it
    connection->http = std::move(secured);
  } else {
    connection->http = std::make_unique<httplib::ClientImpl>(url.host, url.port);
  }
  connection->http->set_keep_alive(true);
  connection->http->set_tcp_nodelay(true);
  connection->http->set_connection_timeout(kConnectWithin);
  connection->http->set_read_timeout(kReadWithin);
  connection->http->set_write_timeout(kReadWithin);
  return std::unique_ptr<WitnessClient>(new WitnessClient(std::move(connection)));
}

Result<WitnessAnswer> WitnessClient::add_checkpoint(const std::string& body) {
  httplib::Request request;
  request.method = "POST";
  request.path = connection_->prefix + "/add-checkpoint";
  request.set_header("Content-Type", "text/plain; charset=utf-8");
  request.body = body;
  return connection_->call(std::move(request));
}

Result<WitnessAnswer> WitnessClient::newest_checkpoint(const std::string& origin_hash) {
  httplib::Request request;
  request.method = "GET";
  request.path = connection_->prefix + "/" + origin_hash + "/checkpoint";
  return connection_->call(std::move(request));
}

void WitnessClient::stop() {
  connection_->stopped.store(true);
  connection_->http->stop();
}

}  // namespace kw::cosign
