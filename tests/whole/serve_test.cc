// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <csignal>
#include <cstring>

#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

using http::test::kJsonType;
using http::test::request;
using http::test::TlsClient;

const std::string kWhoami = request("GET", "/v1/whoami");

// A folder that `keyward dev` made, and no server: what `keyward serve` starts on.
Sandbox& stopped_sandbox() {
  static Sandbox sandbox;
  if (sandbox.server().is_running()) REQUIRE(sandbox.stop() == 0);
  return sandbox;
}

std::string config_with(const Sandbox& sandbox, const std::string& from, const std::string& to) {
  std::string text = REQUIRE_OK(read_file(sandbox / "keyward.yaml"));
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// Listens on a unix socket: what a service manager does.
FileDescriptor bind_socket(int type, const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof(name.sun_path));
  std::memcpy(name.sun_path, path.data(), path.size());
  FileDescriptor socket(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof(name)) == 0);
  if (type == SOCK_STREAM) REQUIRE(::listen(socket.get(), 16) == 0);
  const timeval patience{kPatienceSeconds, 0};
  REQUIRE(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
  return socket;
}

// Reads notes until this one comes.
bool is_notified(const FileDescriptor& socket, const std::string& wanted) {
  std::array<char, 512> note;
  for (;;) {
    const ssize_t size = ::recv(socket.get(), note.data(), note.size(), 0);
    if (size <= 0) return false;
    const std::string text(note.data(), static_cast<std::size_t>(size));
    if (text.find(wanted) != std::string::npos) return true;
  }
}

}  // namespace

TEST_CASE("serve: --check passes what can be served", "[whole][serve]") {
  const Sandbox& sandbox = stopped_sandbox();
  const Outcome checked =
      run({keyward(), "serve", "--check", "--config", sandbox.path("keyward.yaml")});
  CHECK(checked.exit == 0);
  CHECK(checked.out == sandbox.path("keyward.yaml") + ": good\n");
  CHECK(checked.err.empty());
}

TEST_CASE("serve: --check names what is wrong", "[whole][serve][negative]") {
  struct Bad {
    std::string from, to, says;
  };
  const Sandbox& sandbox = stopped_sandbox();
  const auto bad = GENERATE(
      Bad{"audit: {", "audits: {", "line 11, column 1: "},
      Bad{"policy: policy.yaml", "policy: policy.yaml\npolicy: p", "line 14, column 1: "},
      Bad{"30s}", "30}", "line 12, column 28: "}, Bad{"file:token/pin", "a-pin-7193", "pin"},
      Bad{"file:token/pin", "file:token/none", "token/none"},
      Bad{"token=keyward", "token=other", "other"}, Bad{"server.key", "clients/app.key", "key"},
      Bad{"client_ca: ca.pem", "client_ca: ca.pem, crl: none.pem", "none.pem"},
      Bad{"policy: policy.yaml", "policy: ca.pem", "line 1"},
      Bad{"{listen: \"127", "{lisen: \"127", "line 14, column 13: telemetry.lisen: unknown key"},
      Bad{"\"127.0.0.1:0\"}", "systemd}", "line 14, column 21: telemetry.listen: "},
      Bad{"libsofthsm2.so", "none.so", "none.so"});
  INFO(bad.to);
  sandbox.write("bad.yaml", config_with(sandbox, bad.from, bad.to));
  for (const bool check : {true, false}) {
    std::vector<std::string> words = {keyward(), "serve", "--config", sandbox.path("bad.yaml")};
    if (check) words.emplace_back("--check");
    const Outcome outcome = run(words);
    INFO(outcome.err);
    CHECK(outcome.exit == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.find("keyward serve: ") != std::string::npos);
    CHECK(outcome.err.find(bad.says) != std::string::npos);
    CHECK(outcome.err.find("a-pin-7193") == std::string::npos);
  }
}

TEST_CASE("serve: wrong usage ends with 2", "[whole][serve]") {
  CHECK(run({keyward(), "serve"}).exit == 2);
  CHECK(run({keyward(), "serve", "--config", "a", "--config", "b"}).exit == 2);
  CHECK(run({keyward(), "dev"}).exit == 2);
}

TEST_CASE("serve: a unix socket is as good as a port", "[whole][serve]") {
  Sandbox& sandbox = stopped_sandbox();
  const std::string address = "unix:" + sandbox.path("socket");
  const std::string config = REQUIRE_OK(read_file(sandbox / "keyward.yaml"));
  sandbox.edit("keyward.yaml", "listen: [", "listen: [\"unix:socket\", ");
  sandbox.serve();
  sandbox.write("keyward.yaml", config);
  TlsClient client(address, sandbox.files("app"));
  const Reply reply = reply_of(client.ask(request("GET", "/v1/keys")));
  CHECK(reply.status == 200);
  CHECK(sandbox.records_of(reply.request_id).at(0)["source"] == "unix");
  CHECK(sandbox.client("app").get("/v1/whoami").status == 200);
  const Outcome asked = sandbox.keyward("app", {"whoami", "--addr", address, "--json"});
  CHECK(asked.exit == 0);
  CHECK(json::parse(asked.out)["caller"] == "spiffe://keyward.dev/app");
  CHECK(sandbox.stop() == 0);
}

TEST_CASE("serve: takes its socket from systemd and tells it how it is", "[whole][serve]") {
  Sandbox& sandbox = stopped_sandbox();
  sandbox.write("systemd.yaml", config_with(sandbox, "127.0.0.1:0", "systemd"));
  const FileDescriptor notes = bind_socket(SOCK_DGRAM, sandbox.path("notes"));
  const FileDescriptor log = memory_file();
  {
    FileDescriptor socket = bind_socket(SOCK_STREAM, sandbox.path("activated"));
    // LISTEN_PID is the pid of the process that gets the socket: the shell's, which it keeps.
    Process server({{"/bin/sh", "-c", "LISTEN_PID=$$ exec \"$0\" serve --config \"$1\"", keyward(),
                     sandbox.path("systemd.yaml")},
                    {{"LISTEN_FDS", "1"}, {"NOTIFY_SOCKET", sandbox.path("notes")}},
                    -1,
                    log.get(),
                    log.get(),
                    socket.get()});
    const bool ready = is_notified(notes, "READY=1");
    INFO(content_of(log));
    REQUIRE(ready);
    socket = FileDescriptor();
    TlsClient client("unix:" + sandbox.path("activated"), sandbox.files("app"));
    CHECK(client.ask(kWhoami).status == 200);
    CHECK(is_notified(notes, "WATCHDOG=1"));
    server.signal(SIGHUP);
    CHECK(is_notified(notes, "RELOADING=1"));
    CHECK(is_notified(notes, "READY=1"));
    server.signal(SIGTERM);
    CHECK(is_notified(notes, "STOPPING=1"));
    CHECK(server.wait() == 0);
  }
}

TEST_CASE("serve: systemd that passes no socket is refused", "[whole][serve][negative]") {
  const Sandbox& sandbox = stopped_sandbox();
  sandbox.write("systemd.yaml", config_with(sandbox, "127.0.0.1:0", "systemd"));
  const Outcome outcome = run({keyward(), "serve", "--config", sandbox.path("systemd.yaml")});
  INFO(outcome.err);
  CHECK(outcome.exit == 1);
  CHECK(outcome.err.find("systemd") != std::string::npos);
}

TEST_CASE("serve: who never reads its answer is cut, and nobody waits for it (26)",
          "[whole][serve][negative]") {
  Sandbox& sandbox = stopped_sandbox();
  const std::string address = "unix:" + sandbox.path("socket");
  const std::string config = REQUIRE_OK(read_file(sandbox / "keyward.yaml"));
  sandbox.edit("keyward.yaml", "listen: [", "listen: [\"unix:socket\", ");
  sandbox.edit("keyward.yaml", "request_deadline: 30s", "request_deadline: 12s, connections: 2");
  sandbox.serve();
  sandbox.write("keyward.yaml", config);
  // An answer of 1 MB, which a unix socket's buffer (208 KiB) does not hold. A TCP socket's grows
  // to several MB, and to make such an answer within the deadline takes a fast machine.
  const json random = {{"op", "random"}, {"bytes", 4096}};
  const json batch = {{"requests", std::vector<json>(200, random)}};
  TlsClient slow(address, sandbox.files("app"));
  REQUIRE(slow.send(request("POST", "/v1/batch", batch.dump(), kJsonType)));
  TlsClient other(sandbox.address(), sandbox.files("app"));
  CHECK(other.ask(kWhoami).status == 200);
  // There are two seats: a third client gets in when the slow one has lost its own.
  CHECK(comes_true(
      [&] { return TlsClient(sandbox.address(), sandbox.files("app")).is_connected(); }));
  CHECK(other.ask(kWhoami).status == 200);
  CHECK(slow.receive().status == 0);
  CHECK(sandbox.stop() == 0);
}

}  // namespace kw::whole
