// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "tests/support/temp_dir.h"

namespace kw::test {

// What the fake server saw and what it shall answer.
struct FakeRequest {
  std::string method;
  std::string target;
  std::string body;
  std::string peer;  // the client certificate's common name; empty without one
  int remote_port = 0;
  std::string host;  // the Host field
};

struct FakeReply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
};

// FakeServer is an HTTPS server on a free port, with certificates of its own CA, that answers as a
// test says and remembers what it was asked. It stands for keyward's answers, not for keyward.
class FakeServer {
 public:
  using Answer = std::function<FakeReply(const FakeRequest&)>;

  enum class Place { Port, Socket };  // a free port of 127.0.0.1, or a unix socket

  explicit FakeServer(Answer answer, Place place = Place::Port);
  ~FakeServer();

  std::string address() const;
  std::string file(const std::string& name) const { return (folder_ / name).string(); }

  // The options that lead a command here as the client "app".
  std::vector<std::string> as_app(std::vector<std::string> words) const;

  std::vector<FakeRequest> seen() const;

 private:
  struct Running;

  TempDir folder_;
  mutable Mutex mutex_;
  std::vector<FakeRequest> seen_ KW_GUARDED_BY(mutex_);
  std::unique_ptr<Running> running_;
};

}  // namespace kw::test
