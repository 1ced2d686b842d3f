// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <httplib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <csignal>

namespace kw::whole {

struct Client::Connection {
  Connection(const std::string& host, int port, const http::test::ClientFiles& files)
      : http(host, port, files.certificate.string(), files.key.string()) {}

  httplib::SSLClient http;
};

namespace {

// A server that was killed leaves a connection behind that signals when it is written to. For this
// thread and this scope: a program that is started must not inherit it.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    ::sigemptyset(&signals_);
    ::sigaddset(&signals_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~NoBrokenPipe() {
    const timespec at_once{};
    while (::sigtimedwait(&signals_, nullptr, &at_once) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

Reply reply_of(const httplib::Result& result) {
  Reply reply;
  if (!result) return reply;
  reply.status = result->status;
  reply.text = result->body;
  reply.body = json::parse(result->body, nullptr, false);
  reply.type = result->get_header_value("Content-Type");
  reply.request_id = result->get_header_value("X-Request-Id");
  reply.receipt = result->get_header_value("Keyward-Receipt");
  return reply;
}

}  // namespace

json Reply::but_for_id() const {
  json rest = body;
  if (rest.is_object()) rest.erase("request_id");
  return rest;
}

Client::Client(const std::string& address, const http::test::ClientFiles& files) {
  const std::size_t colon = address.rfind(':');
  connection_ = std::make_unique<Connection>(address.substr(0, colon),
                                             std::stoi(address.substr(colon + 1)), files);
  auto& http = connection_->http;
  http.set_ca_cert_path(files.ca.c_str());
  http.enable_server_certificate_verification(true);
  http.set_keep_alive(true);
  http.set_tcp_nodelay(true);
  http.set_read_timeout(std::chrono::seconds(60));
}

Client::~Client() {
  const NoBrokenPipe quiet;
  connection_.reset();
}

Client::Client(Client&&) noexcept = default;

Reply Client::get(const std::string& target) {
  const NoBrokenPipe quiet;
  return reply_of(connection_->http.Get(target));
}

Reply Client::post(const std::string& target, const json& body) {
  return post_text(target, body.dump());
}

Reply Client::put(const std::string& target, const json& body) {
  const NoBrokenPipe quiet;
  return reply_of(connection_->http.Put(target, body.dump(), "application/json"));
}

Reply Client::post_text(const std::string& target, const std::string& body,
                        const std::string& type) {
  const NoBrokenPipe quiet;
  return reply_of(connection_->http.Post(target, body, type));
}

Reply reply_of(const http::test::Answer& answer) {
  return {answer.status,
          answer.body,
          json::parse(answer.body, nullptr, false),
          answer.header("Content-Type"),
          answer.header("X-Request-Id"),
          answer.header("Keyward-Receipt")};
}

std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  // OpenSSL ends its text with a NUL, where std::string has one.
  (void)EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                        reinterpret_cast<const unsigned char*>(bytes.data()),
                        static_cast<int>(bytes.size()));
  return text;
}

std::string from_base64(const std::string& text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  const auto padding = std::count(text.begin(), text.end(), '=');
  bytes.resize(static_cast<std::size_t>(std::max<long>(size - padding, 0)));
  return bytes;
}

std::string base64url(const std::string& bytes) {
  std::string text = base64(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.erase(std::min(text.find('='), text.size()));
  return text;
}

std::string from_base64url(const std::string& text) {
  std::string padded = text;
  std::replace(padded.begin(), padded.end(), '-', '+');
  std::replace(padded.begin(), padded.end(), '_', '/');
  padded.append((4 - padded.size() % 4) % 4, '=');
  return from_base64(padded);
}

Bytes der_of(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  EVP_PKEY* const key = PEM_read_bio_PUBKEY(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  REQUIRE(key != nullptr);
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key, &der);
  EVP_PKEY_free(key);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

}  // namespace kw::whole
