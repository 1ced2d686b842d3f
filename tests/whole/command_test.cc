// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "sandbox.h"
#include "tests/support/expect.h"

namespace kw::whole {
namespace {

// Files of one test.
struct Desk {
  std::string put(const std::string& name, const std::string& content) const {
    REQUIRE_OK(write_file(folder / name, content));
    return path(name);
  }
  std::string path(const std::string& name) const { return (folder / name).string(); }
  std::string content(const std::string& name) const {
    return REQUIRE_OK(read_file(folder / name));
  }
  bool has(const std::string& name) const { return std::filesystem::exists(folder / name); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(
        std::filesystem::directory_iterator(folder.path()), std::filesystem::directory_iterator()));
  }

  test::TempDir folder;
};

// Runs a command as app on the shared sandbox.
Outcome as_app(std::vector<std::string> words, const std::string& input = {}) {
  return shared_sandbox().keyward("app", std::move(words), input);
}

const Sandbox& with_keys() {
  const Sandbox& sandbox = shared_sandbox();
  static const bool made = [&] {
    sandbox.make_key("command/wrap");
    sandbox.make_key("command/sign", "ed25519");
    sandbox.make_key("command/mac", "hmac-sha256");
    return true;
  }();
  REQUIRE(made);
  return sandbox;
}

// A terminal: what is written to `slave` can be read from `master`.
struct Terminal {
  Terminal() : master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    REQUIRE(::grantpt(master.get()) == 0);
    REQUIRE(::unlockpt(master.get()) == 0);
    std::array<char, 128> name{};
    REQUIRE(::ptsname_r(master.get(), name.data(), name.size()) == 0);
    slave = FileDescriptor(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(slave.is_open());
  }

  // All that was shown; to be asked when no program has the slave any more.
  std::string shown() {
    slave = FileDescriptor();
    std::string text;
    std::array<char, 4096> bytes;
    ssize_t size = 0;
    while ((size = ::read(master.get(), bytes.data(), bytes.size())) > 0) {
      text.append(bytes.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

  FileDescriptor master;
  FileDescriptor slave;
};

}  // namespace

TEST_CASE("command: each client command's --json is JSON", "[whole][command]") {
  const Sandbox& sandbox = with_keys();
  const Desk desk;
  const json wrapped = json::parse(as_app({"wrap", "--key", "command/wrap", "--json"}, "text").out);
  const std::string blob = desk.put("blob", wrapped["blob"].get<std::string>() + "\n");
  const std::string message = desk.put("message", "text");
  const json made =
      json::parse(as_app({"sign", "--key", "command/sign", "--in", message, "--json"}).out);
  const std::string signature = desk.put("signature", from_base64(made["signature"]));
  const json mac =
      json::parse(as_app({"mac", "--key", "command/mac", "--in", message, "--json"}).out);
  const std::string mac_file = desk.put("mac", from_base64(mac["mac"]));
  const std::string batch = desk.put("batch", R"({"requests":[{"op":"random","bytes":1}]})");
  const std::vector<std::pair<std::string, std::vector<std::string>>> commands = {
      {"admin", {"key", "create", "command/new", "--algorithm", "ed25519"}},
      {"admin", {"key", "rotate", "command/new"}},
      {"admin", {"key", "disable", "command/new", "--version", "1"}},
      {"admin", {"key", "enable", "command/new"}},
      {"admin", {"key", "show", "command/new"}},
      {"admin", {"key", "list", "--prefix", "command/"}},
      {"app", {"key", "public", "command/new", "--format", "jwk"}},
      {"app", {"whoami"}},
      {"app", {"unwrap", "--in", blob}},
      {"app", {"rewrap", "--in", blob}},
      {"app", {"data-key", "--key", "command/wrap"}},
      {"app", {"random", "8"}},
      {"app", {"verify", "--key", "command/sign", "--in", message, "--signature", signature}},
      {"app", {"verify-mac", "--key", "command/mac", "--in", message, "--mac", mac_file}},
      {"app", {"batch", batch}},
  };
  for (const auto& [name, words] : commands) {
    std::vector<std::string> with_json = words;
    with_json.emplace_back("--json");
    const Outcome outcome = sandbox.keyward(name, with_json);
    INFO(words[0] << " " << words.back() << ": " << outcome.out << outcome.err);
    CHECK(outcome.exit == 0);
    CHECK(json::accept(outcome.out));
    CHECK(outcome.err.empty());
  }
}

TEST_CASE("command: a pipe carries a secret there and back", "[whole][command]") {
  with_keys();
  const std::string secret("a\0b\nc", 5);
  const Outcome wrapped =
      as_app({"wrap", "--key", "command/wrap", "--context", "tenant=7"}, secret);
  REQUIRE(wrapped.exit == 0);
  const Outcome opened = as_app({"unwrap", "--context", "tenant=7"}, wrapped.out);
  CHECK(opened.exit == 0);
  CHECK(opened.out == secret);
  const Outcome other = as_app({"unwrap", "--context", "tenant=8"}, wrapped.out);
  CHECK(other.exit == 1);
  CHECK(other.out.empty());
  CHECK(other.err.find("keyward unwrap: ") == 0);
}

TEST_CASE("command: key list has a line a key: name, algorithm, state", "[whole][command]") {
  const Sandbox& sandbox = with_keys();
  sandbox.make_key("list/on", "ed25519");
  sandbox.make_key("list/off");
  REQUIRE(sandbox.keyward("admin", {"key", "disable", "list/off"}).exit == 0);
  const Outcome listed = as_app({"key", "list", "--prefix", "list/"});
  CHECK(listed.out == "list/off\txaes-256-gcm\tdisabled\nlist/on\ted25519\tenabled\n");
}

TEST_CASE("command: a refusal ends with 1 and names the request", "[whole][command][negative]") {
  const Sandbox& sandbox = with_keys();
  const Outcome denied = sandbox.keyward("auditor", {"wrap", "--key", "command/wrap"}, "x");
  CHECK(denied.exit == 1);
  CHECK(denied.out.empty());
  INFO(denied.err);
  bool is_named = false;
  for (const json& record : sandbox.records()) {
    const std::string id = record.value("request_id", "");
    is_named = is_named || (!id.empty() && denied.err.find(id) != std::string::npos);
  }
  CHECK(is_named);
  CHECK(run({keyward(), "whoami"}).exit == 2);
  CHECK(run({keyward(), "whoami", "--addr", "https://127.0.0.1:1"}).exit == 1);
  Environment nobody = sandbox.settings("");
  CHECK(run({keyward(), "whoami"}, nobody).exit == 1);
  nobody["KEYWARD_CACERT"] = sandbox.path("clients/app.pem");
  const Outcome untrusted = run({keyward(), "whoami"}, nobody);
  CHECK(untrusted.exit == 1);
  CHECK(untrusted.err.find("not who it should be") != std::string::npos);
}

TEST_CASE("command: a file of any size is sealed and opened", "[whole][command]") {
  with_keys();
  const std::size_t size = GENERATE(0u, 1u, 65'536u, 1'000'003u);
  const Desk desk;
  const std::string content(size, 's');
  const std::string file = desk.put("file", content);
  REQUIRE(as_app({"seal", file, "--key", "command/wrap", "--context", "a=b"}).exit == 0);
  const std::string sealed = desk.content("file.sealed");
  if (size > 16) CHECK(sealed.find(std::string(16, 's')) == std::string::npos);
  const std::string again = desk.path("again");
  const Outcome opened = as_app({"open", file + ".sealed", "--context", "a=b", "-o", again});
  CHECK(opened.exit == 0);
  CHECK(opened.err.empty());
  CHECK(desk.content("again") == content);
  CHECK(as_app({"open", file + ".sealed", "--context", "a=b"}).exit == 1);
  CHECK(desk.content("file") == content);
}

TEST_CASE("command: what was sealed and changed leaves no file", "[whole][command][negative]") {
  with_keys();
  const Desk desk;
  const std::string file = desk.put("file", std::string(70'000, 's'));
  REQUIRE(as_app({"seal", file, "--key", "command/wrap", "--context", "a=b"}).exit == 0);
  const std::string sealed = desk.content("file.sealed");
  const auto refuse = [&](const std::string& bytes, const std::string& context) {
    desk.put("bad.sealed", bytes);
    const std::size_t files = desk.files();
    const Outcome outcome = as_app({"open", desk.path("bad.sealed"), "--context", context});
    CHECK(outcome.exit == 1);
    CHECK(outcome.out.empty());
    CHECK_FALSE(outcome.err.empty());
    CHECK(desk.files() == files);
  };
  refuse(sealed, "a=c");
  for (const std::size_t at : {0u, 4u, 8u, 14u, 40u, 70u, 300u, 66'000u}) {
    INFO(at);
    std::string bytes = sealed;
    bytes[at] = static_cast<char>(bytes[at] ^ 1);
    refuse(bytes, "a=b");
  }
  refuse(sealed.substr(0, sealed.size() - 1), "a=b");
  refuse(sealed.substr(0, 66'000), "a=b");
  refuse(sealed + "x", "a=b");
}

TEST_CASE("command: progress is shown on a terminal, and on nothing else", "[whole][command]") {
  const Sandbox& sandbox = with_keys();
  const Desk desk;
  const std::string file = desk.put("file", std::string(9u << 20, 'p'));
  const Outcome piped = as_app({"seal", file, "--key", "command/wrap"});
  CHECK(piped.exit == 0);
  CHECK(piped.err.empty());
  Terminal terminal;
  Process sealing({{keyward(), "seal", file, "--key", "command/wrap", "--force"},
                   sandbox.settings("app"),
                   -1,
                   -1,
                   terminal.slave.get(),
                   -1});
  CHECK(sealing.wait() == 0);
  const std::string shown = terminal.shown();
  CHECK(shown.find("8 MiB [####") != std::string::npos);
  CHECK(shown.ends_with("\r\x1b[K"));
  CHECK(std::filesystem::file_size(desk.folder / "file.sealed") > (9u << 20));
}

TEST_CASE("command: a shell takes the completion script", "[whole][command]") {
  const Desk desk;
  const Outcome script = run({keyward(), "completion", "bash"});
  REQUIRE(script.exit == 0);
  const std::string file = desk.put("completion", script.out);
  const Outcome syntax = run({"bash", "-n", file});
  CHECK(syntax.exit == 0);
  CHECK(syntax.err.empty());
  const Outcome completed = run({"bash", "-c",
                                 "source \"$0\"; COMP_WORDS=(keyward key cr); COMP_CWORD=2; "
                                 "_keyward; echo \"${COMPREPLY[*]}\"",
                                 file});
  CHECK(completed.out == "create\n");
}

}  // namespace kw::whole
