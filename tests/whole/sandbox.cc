// SPDX-License-Identifier: Apache-2.0
#include "sandbox.h"

#include <csignal>
#include <sstream>

#include "tests/support/expect.h"

namespace kw::whole {

Sandbox::Sandbox() { dev(); }
Sandbox::Sandbox(Server /*none*/) {}

void Sandbox::start(std::vector<std::string> words, const Environment& environment) {
  std::filesystem::remove(folder_ / "url");
  log_ = memory_file();
  words.insert(words.begin(), whole::keyward());
  server_.emplace(Launch{words, environment, -1, log_.get(), log_.get(), -1});
}

void Sandbox::dev() { dev({}); }

void Sandbox::dev(const Environment& environment) {
  launch(environment);
  if (!comes_up()) FAIL("keyward dev does not come up: " << log());
}

void Sandbox::launch(const Environment& environment) {
  start({"dev", "--dir", folder_.path().string(), "--listen", "127.0.0.1:0"}, environment);
}

bool Sandbox::comes_up() {
  const bool is_over = comes_true(
      [this] { return std::filesystem::exists(folder_ / "url") || !server_->is_running(); });
  if (!is_over || !server_->is_running()) return false;
  const std::string url = REQUIRE_OK(read_file(folder_ / "url"));
  address_ = url.substr(8, url.size() - 9);  // between "https://" and the line's end
  return true;
}

void Sandbox::serve(const Environment& environment) {
  constexpr std::string_view kServing = "serving on 127.0.0.1:";
  start({"serve", "--config", path("keyward.yaml")}, environment);
  if (!says("serving on ")) FAIL("keyward serve does not come up: " << log());
  const std::string text = log();
  const std::size_t at = text.find(kServing);
  address_.clear();
  if (at == std::string::npos) return;
  const std::size_t begin = text.find("127", at);
  address_ = text.substr(begin, text.find('\n', begin) - begin);
}

int Sandbox::stop() {
  server_->signal(SIGTERM);
  return server_->wait();
}

void Sandbox::kill() {
  server_->signal(SIGKILL);
  (void)server_->wait();
}

bool Sandbox::says(const std::string& text) const {
  return comes_true([&] { return log().find(text) != std::string::npos; });
}

http::test::ClientFiles Sandbox::files(const std::string& name) const {
  if (name.empty()) return {folder_ / "ca.pem", {}, {}};
  return {folder_ / "ca.pem", folder_ / ("clients/" + name + ".pem"),
          folder_ / ("clients/" + name + ".key")};
}

Environment Sandbox::settings(const std::string& name) const {
  const http::test::ClientFiles own = files(name);
  return {{"KEYWARD_ADDR", "https://" + address_},
          {"KEYWARD_CACERT", own.ca},
          {"KEYWARD_CERT", own.certificate},
          {"KEYWARD_KEY", own.key}};
}

Outcome Sandbox::keyward(const std::string& name, std::vector<std::string> words,
                         const std::string& input) const {
  words.insert(words.begin(), whole::keyward());
  return run(words, settings(name), input);
}

void Sandbox::make_key(const std::string& name, const std::string& algorithm) const {
  const Reply made = client("admin").post("/v1/keys", {{"name", name}, {"algorithm", algorithm}});
  if (made.status != 201) FAIL("no key " << name << ": " << made.text);
}

std::vector<json> Sandbox::records(std::uint64_t first) const {
  const Outcome shown = run({whole::keyward(), "audit", "show", "--json", "--from",
                             std::to_string(first), path("audit")});
  if (shown.exit != 0) FAIL("audit show: " << shown.err);
  std::vector<json> records;
  std::istringstream lines(shown.out);
  for (std::string line; std::getline(lines, line);) records.push_back(json::parse(line));
  return records;
}

std::vector<json> Sandbox::records_of(const std::string& request_id) const {
  std::vector<json> found;
  for (json& record : records()) {
    if (record.value("request_id", "") == request_id) found.push_back(std::move(record));
  }
  return found;
}

void Sandbox::edit(const std::string& name, const std::string& from, const std::string& to) const {
  std::string text = REQUIRE_OK(read_file(folder_ / name));
  const std::size_t at = text.find(from);
  if (at == std::string::npos) FAIL(name << " has no " << from);
  write(name, text.replace(at, from.size(), to));
}

void Sandbox::write(const std::string& name, const std::string& content) const {
  REQUIRE_OK(write_file(folder_ / name, content));
}

Sandbox& shared_sandbox() {
  static Sandbox sandbox;
  return sandbox;
}

int verify_code(const Sandbox& sandbox) {
  return run({keyward(), "audit", "verify", sandbox.path("audit")}).exit;
}

}  // namespace kw::whole
