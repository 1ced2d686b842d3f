// SPDX-License-Identifier: Apache-2.0
#include "tests/support/server_fixture.h"

#include <utility>

#include "base/bytes.h"
#include "service/http/problem.h"
#include "tests/support/expect.h"

namespace kw::http::test {

using kw::test::write_pem;

void Journal::add(const Request& request) {
  const MutexLock lock(mutex_);
  entries_.push_back({request.path, std::string(as_text(request.body.reveal())),
                      request.caller == nullptr ? std::string() : request.caller->display_name(),
                      request.source, request.rejection ? request.rejection->status : 0});
}

std::vector<Journal::Entry> Journal::entries() const {
  const MutexLock lock(mutex_);
  return entries_;
}

void Journal::hold(Respond respond) {
  const MutexLock lock(mutex_);
  held_.push_back(std::move(respond));
  held_came_.notify_all();
}

Respond Journal::release() {
  const MutexLock lock(mutex_);
  held_came_.wait(mutex_, [this]() KW_REQUIRES(mutex_) { return !held_.empty(); });
  Respond respond = std::move(held_.back());
  held_.pop_back();
  return respond;
}

ServerFixture::ServerFixture() {
  write_pem(directory / "ca.pem", pki.certificate());
  const auto own = pki.issue_server();
  write_pem(directory / "server.pem", own.certificate);
  write_pem(directory / "server.key", own.key);
  kw::test::LeafOptions client;
  client.uris = {"spiffe://test/app"};
  client.serial = 4711;
  app = files_for("app", pki.issue(client));
  options.listen = {"127.0.0.1:0"};
  options.threads = 2;
  options.tls = {directory / "server.pem", directory / "server.key", directory / "ca.pem", {}};
}

void ServerFixture::start(const ServerOptions& with) {
  server = REQUIRE_OK(Server::open(with, [this](Request request, Respond respond) {
    return dispatch(std::move(request), std::move(respond));
  }));
}

Overdue ServerFixture::dispatch(Request request, Respond respond) {
  journal.add(request);
  const Overdue overdue = request.method == Method::Get ? Overdue::Unavailable : Overdue::Unknown;
  if (const auto& no = request.rejection) {
    respond(problem(no->status, no->advice, request.id));
    return overdue;
  }
  if (request.path == "/drop") return overdue;
  if (request.path == "/hold") {
    journal.hold(std::move(respond));
    return overdue;
  }
  Reply reply;
  reply.body = std::string("{}");
  if (request.path == "/echo") reply.body = std::move(request.body);
  if (request.path == "/split") reply.headers = {{"X-Echo", request.query + "\r\nX-Evil: 1"}};
  respond(std::move(reply));
  return overdue;
}

ClientFiles ServerFixture::files_for(const std::string& name,
                                     const kw::test::Identity& identity) const {
  write_pem(directory / (name + ".pem"), identity.certificate);
  write_pem(directory / (name + ".key"), identity.key);
  return {directory / "ca.pem", directory / (name + ".pem"), directory / (name + ".key")};
}

}  // namespace kw::http::test
