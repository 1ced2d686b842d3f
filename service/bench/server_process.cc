// SPDX-License-Identifier: Apache-2.0
#include "service/bench/server_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <ctime>
#include <thread>

#include "base/file.h"

namespace kw::bench {
namespace {

constexpr auto kReadyWithin = std::chrono::seconds(60);
constexpr auto kEndWithin = std::chrono::seconds(15);
constexpr auto kPoll = std::chrono::milliseconds(10);

std::filesystem::path log_of(const std::filesystem::path& folder) {
  return folder.string() + ".log";
}

// In the child, where only async-signal-safe calls are allowed. A process group of its own, so that
// Ctrl-C reaches the parent alone, which then ends it in order.
[[noreturn]] void become(const char* program, char* const* argv, int log, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(nothing, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  if (::getppid() == parent) ::execv(program, argv);
  ::_exit(127);
}

// The port at the end of "https://ADDRESS:PORT\n"; 0 if there is none.
int port_in(const std::string& url) {
  const std::size_t colon = url.rfind(':');
  int port = 0;
  if (colon != std::string::npos) {
    std::from_chars(url.data() + colon + 1, url.data() + url.size(), port);
  }
  return port;
}

}  // namespace

Result<std::unique_ptr<ServerProcess>> ServerProcess::start(const std::filesystem::path& program,
                                                            const std::filesystem::path& folder) {
  const FileDescriptor log(
      ::open(log_of(folder).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!log.is_open()) return Error(Code::Unavailable, "cannot open " + log_of(folder).string());
  std::string words[] = {"keyward", "dev", "--dir", folder.string(), "--listen", "127.0.0.1:0"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) become(program.c_str(), argv.data(), log.get(), parent);
  if (pid < 0) return Error(Code::Unavailable, "cannot fork");
  std::unique_ptr<ServerProcess> server(new ServerProcess(pid, folder));
  TRY(server->wait_until_ready());
  return server;
}

ServerProcess::~ServerProcess() {
  const Deadline end = deadline_in(kEndWithin);
  if (pid_ != 0) ::kill(pid_, SIGTERM);
  while (!has_ended()) {
    if (has_passed(end)) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(kPoll);
  }
}

bool ServerProcess::has_ended() {
  if (pid_ != 0 && ::waitpid(pid_, nullptr, WNOHANG) != 0) pid_ = 0;
  return pid_ == 0;
}

Result<void> ServerProcess::wait_until_ready() {
  const Deadline end = deadline_in(kReadyWithin);
  for (;;) {
    const auto url = read_file(folder_ / "url");
    if (url) {
      port_ = port_in(*url);
      return {};
    }
    if (has_ended()) {
      return Error(Code::Unavailable, "the server ended before it served: " + last_words());
    }
    if (has_passed(end)) return Error(Code::Unavailable, "the server does not get ready");
    std::this_thread::sleep_for(kPoll);
  }
}

Seconds ServerProcess::cpu() const {
  clockid_t clock{};
  timespec used{};
  if (pid_ == 0 || ::clock_getcpuclockid(pid_, &clock) != 0) return {};
  if (::clock_gettime(clock, &used) != 0) return {};
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

std::string ServerProcess::last_words() const {
  auto text = read_file(log_of(folder_));
  if (!text) return {};
  while (text->ends_with('\n')) text->pop_back();
  const std::size_t line = text->rfind('\n');
  return line == std::string::npos ? *text : text->substr(line + 1);
}

}  // namespace kw::bench
