// SPDX-License-Identifier: Apache-2.0
#include "fake_server.h"

#include <httplib.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <thread>

#include "base/file.h"
#include "service/sandbox/pki.h"
#include "tests/support/expect.h"

namespace kw::test {
namespace {

void write_credential(const std::string& path, const sandbox::Credential& credential) {
  REQUIRE_OK(write_file(path + ".pem", credential.certificate));
  REQUIRE_OK(write_file(path + ".key", as_text(credential.key.reveal()), 0600));
}

void make_pki(const TempDir& folder) {
  const auto authority = REQUIRE_OK(sandbox::Authority::make("test CA"));
  const std::string certificate = REQUIRE_OK(authority.certificate());
  REQUIRE_OK(write_file(folder / "ca.pem", certificate));
  write_credential((folder / "server").string(), REQUIRE_OK(authority.issue_server()));
  write_credential((folder / "app").string(), REQUIRE_OK(authority.issue_client("app")));
}

std::string peer_of(const httplib::Request& request) {
  X509* certificate = SSL_get1_peer_certificate(request.ssl);
  if (certificate == nullptr) return {};
  char name[64] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof(name));
  X509_free(certificate);
  return name;
}

}  // namespace

struct FakeServer::Running {
  Running(const std::string& certificate, const std::string& key, const std::string& ca)
      : server(certificate.c_str(), key.c_str(), ca.c_str()) {}

  httplib::SSLServer server;
  int port = 0;
  std::thread thread;
};

FakeServer::FakeServer(Answer answer, Place place) {
  make_pki(folder_);
  running_ = std::make_unique<Running>(file("server.pem"), file("server.key"), file("ca.pem"));
  const auto handle = [this, answer](const httplib::Request& request, httplib::Response& response) {
    const FakeRequest seen{request.method,   request.target,      request.body,
                           peer_of(request), request.remote_port, request.get_header_value("Host")};
    {
      const MutexLock lock(mutex_);
      seen_.push_back(seen);
    }
    const FakeReply reply = answer(seen);
    response.status = reply.status;
    response.set_header("X-Request-Id", "00112233445566778899aabbccddeeff");
    response.set_content(reply.body, reply.content_type);
  };
  running_->server.Get(".*", handle);
  running_->server.Post(".*", handle);
  if (place == Place::Socket) {
    // cpp-httplib wants a port here too, and does not use it.
    running_->server.set_address_family(AF_UNIX);
    REQUIRE(running_->server.bind_to_port(file("socket"), 80));
  } else {
    running_->port = running_->server.bind_to_any_port("127.0.0.1");
    REQUIRE(running_->port > 0);
  }
  running_->thread = std::thread([this] { running_->server.listen_after_bind(); });
  while (!running_->server.is_running()) std::this_thread::yield();
}

FakeServer::~FakeServer() {
  running_->server.stop();
  running_->thread.join();
}

std::string FakeServer::address() const {
  return running_->port == 0 ? "unix:" + file("socket")
                             : "https://127.0.0.1:" + std::to_string(running_->port);
}

std::vector<std::string> FakeServer::as_app(std::vector<std::string> words) const {
  for (const std::string& word :
       {std::string("--addr"), address(), std::string("--cacert"), file("ca.pem"),
        std::string("--cert"), file("app.pem"), std::string("--cert-key"), file("app.key")}) {
    words.push_back(word);
  }
  return words;
}

std::vector<FakeRequest> FakeServer::seen() const {
  const MutexLock lock(mutex_);
  return seen_;
}

}  // namespace kw::test
