// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "base/file.h"

namespace kw::test {
namespace {

void redirect(int fd, const std::filesystem::path& file) {
  const int opened = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (::dup2(opened, fd) < 0) std::abort();
}

std::string text_of(const std::filesystem::path& file) {
  auto text = read_file(file);
  return text ? *std::move(text) : std::string();
}

}  // namespace

Process::Process(const std::vector<std::string>& words) : pid_(::fork()) {
  if (pid_ != 0) return;
  std::vector<std::string> copy = words;
  copy.insert(copy.begin(), "keyward");
  std::vector<char*> argv;
  for (std::string& word : copy) argv.push_back(word.data());
  argv.push_back(nullptr);
  redirect(STDOUT_FILENO, folder_ / "out");
  redirect(STDERR_FILENO, folder_ / "err");
  ::execv(KEYWARD_PROGRAM, argv.data());
  ::_exit(126);
}

Process::~Process() {
  if (pid_ <= 0) return;
  kill(SIGKILL);
  (void)wait();
}

void Process::kill(int signal) const { ::kill(pid_, signal); }

int Process::wait() {
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string Process::out() const { return text_of(folder_ / "out"); }
std::string Process::err() const { return text_of(folder_ / "err"); }

std::size_t processes_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (name == std::to_string(::getpid())) continue;
    const std::string words = text_of(entry.path() / "cmdline");
    if (words.find(folder.string()) != std::string::npos) ++count;
  }
  return count;
}

}  // namespace kw::test
