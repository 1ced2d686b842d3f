// SPDX-License-Identifier: Apache-2.0
#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <thread>

// glibc 2.36 forgets to say that these are C.
extern "C" {
#include <sys/pidfd.h>
}

namespace kw::whole {
namespace {

constexpr int kThird = 3;

Environment inherited() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (text.starts_with("KEYWARD_")) continue;
    environment[text.substr(0, text.find('='))] = text.substr(text.find('=') + 1);
  }
  // A process that lets nobody trace it cannot be searched for leaks.
  std::string& asan = environment["ASAN_OPTIONS"];
  asan += asan.empty() ? "detect_leaks=0" : ":detect_leaks=0";
  return environment;
}

std::vector<std::string> environment_of(const Launch& launch) {
  Environment all = inherited();
  for (const auto& [name, value] : launch.environment) all[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : all) entries.push_back(name + "=" + value);
  return entries;
}

// What execve takes; lives as long as the words.
std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

void give(posix_spawn_file_actions_t& actions, int from, int to, int mode) {
  if (from >= 0) {
    ::posix_spawn_file_actions_adddup2(&actions, from, to);
  } else {
    ::posix_spawn_file_actions_addopen(&actions, to, "/dev/null", mode, 0);
  }
}

}  // namespace

bool comes_true(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(kPatienceSeconds);
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return holds();
}

Process::Process(const Launch& launch) {
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  give(actions, launch.in, STDIN_FILENO, O_RDONLY);
  give(actions, launch.out, STDOUT_FILENO, O_WRONLY);
  give(actions, launch.err, STDERR_FILENO, O_WRONLY);
  if (launch.third >= 0) give(actions, launch.third, kThird, O_RDWR);
  std::vector<std::string> words = launch.words;
  std::vector<std::string> environment = environment_of(launch);
  const int failure = ::posix_spawnp(&pid_, words[0].c_str(), &actions, nullptr,
                                     pointers(words).data(), pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) FAIL("cannot start " << words[0]);
  watch_ = FileDescriptor(::pidfd_open(pid_, 0));
}

Process::~Process() {
  signal(SIGTERM);
  if (has_ended_within(kPatienceSeconds)) return;
  signal(SIGKILL);
  (void)has_ended_within(kPatienceSeconds);
}

void Process::signal(int number) const noexcept {
  if (!ended_) (void)::kill(pid_, number);
}

bool Process::has_ended_within(int seconds) {
  if (ended_) return true;
  pollfd ready{watch_.get(), POLLIN, 0};
  if (::poll(&ready, 1, seconds * 1000) != 1) return false;
  int status = 0;
  if (::waitpid(pid_, &status, 0) != pid_) return false;
  ended_ = true;
  code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return true;
}

bool Process::is_running() { return !has_ended_within(0); }

int Process::wait(int patience_seconds) {
  if (!has_ended_within(patience_seconds)) FAIL("process " << pid_ << " does not end");
  return code_;
}

FileDescriptor memory_file(const std::string& content) {
  FileDescriptor file(::memfd_create("test", MFD_CLOEXEC));
  std::size_t written = 0;
  while (written < content.size()) {
    const ssize_t size = ::write(file.get(), content.data() + written, content.size() - written);
    if (size <= 0) FAIL("no memory for a file");
    written += static_cast<std::size_t>(size);
  }
  (void)::lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string content_of(const FileDescriptor& file) {
  std::string content;
  std::array<char, 65536> bytes;
  ssize_t size = 0;
  while ((size = ::pread(file.get(), bytes.data(), bytes.size(),
                         static_cast<off_t>(content.size()))) > 0) {
    content.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return content;
}

Outcome run(const std::vector<std::string>& words, const Environment& environment,
            const std::string& input, int patience_seconds) {
  const FileDescriptor in = memory_file(input);
  const FileDescriptor out = memory_file();
  const FileDescriptor err = memory_file();
  Process process({words, environment, in.get(), out.get(), err.get(), -1});
  const int exit = process.wait(patience_seconds);
  return {exit, content_of(out), content_of(err)};
}

std::string keyward() { return KEYWARD_PROGRAM; }

}  // namespace kw::whole
