// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "service/http/server.h"
#include "tests/support/pki.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tls_client.h"

namespace kw::http::test {

// Journal is what the dispatcher of a fixture has seen. Safe for concurrent use.
class Journal {
 public:
  struct Entry {
    std::string path;
    std::string body;
    std::string caller;  // display name; empty if none
    std::string source;
    int rejected = 0;  // the status of a head that did not pass the gate
  };
  void add(const Request& request) KW_EXCLUDES(mutex_);
  std::vector<Entry> entries() const KW_EXCLUDES(mutex_);

  // Holds the answer to a request back; `release` takes one out, waiting for it if need be.
  void hold(Respond respond) KW_EXCLUDES(mutex_);
  Respond release() KW_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  ConditionVariable held_came_;
  std::vector<Entry> entries_ KW_GUARDED_BY(mutex_);
  std::vector<Respond> held_ KW_GUARDED_BY(mutex_);
};

// ServerFixture is a live server with its own CA on a free port. Paths: "/echo" answers the body,
// "/hold" answers when the test releases it, "/drop" never; any other answers "{}".
struct ServerFixture {
  ServerFixture();

  void start() { start(options); }
  void start(const ServerOptions& with);
  Overdue dispatch(Request request, Respond respond);

  // Writes an identity's files; yields them as a client's.
  ClientFiles files_for(const std::string& name, const kw::test::Identity& identity) const;
  ClientFiles anonymous() const { return {directory / "ca.pem", {}, {}}; }
  const std::string& address() const { return server->addresses().front(); }

  kw::test::TempDir directory;
  kw::test::Pki pki;
  ServerOptions options;  // on 127.0.0.1:0, two threads
  ClientFiles app;        // a good client, SPIFFE id "spiffe://test/app", serial 4711
  Journal journal;
  std::unique_ptr<Server> server;
};

}  // namespace kw::http::test
