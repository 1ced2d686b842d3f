// SPDX-License-Identifier: Apache-2.0
#include "scrape.h"

#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <regex>
#include <sstream>

#include "tests/support/expect.h"

namespace kw::whole {
namespace {

const std::string kName = "[a-zA-Z_][a-zA-Z0-9_]*";

std::string read_to_end(int socket) {
  const timeval patience{kPatienceSeconds, 0};
  (void)::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  std::string text;
  std::array<char, 65536> bytes;
  for (ssize_t size = 0; (size = ::recv(socket, bytes.data(), bytes.size(), 0)) > 0;) {
    text.append(bytes.data(), static_cast<std::size_t>(size));
  }
  return text;
}

// The family that a sample belongs to.
std::string family_of(const std::string& name, const std::map<std::string, std::string>& types) {
  if (types.count(name) != 0) return name;
  for (const std::string part : {"_bucket", "_sum", "_count"}) {
    if (!name.ends_with(part)) continue;
    const std::string family = name.substr(0, name.size() - part.size());
    const auto type = types.find(family);
    if (type != types.end() && type->second == "histogram") return family;
  }
  return {};
}

}  // namespace

http::test::Answer ask_plain(const std::string& address, const std::string& bytes) {
  const FileDescriptor socket(http::test::connect_socket(address));
  (void)::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  const std::string text = read_to_end(socket.get());
  const std::size_t end = text.find("\r\n\r\n");
  http::test::Answer answer;
  if (!text.starts_with("HTTP/1.1 ") || end == std::string::npos) return answer;
  answer.status = std::stoi(text.substr(9));
  answer.head = text.substr(0, end + 2);
  answer.body = text.substr(end + 4);
  return answer;
}

std::string plain_request(const std::string& target, const std::string& method) {
  return method + " " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
}

Scrape::Scrape(const std::string& page) {
  const std::regex help("# HELP (" + kName + ") [A-Z1].*\\.");
  const std::regex type("# TYPE (" + kName + ") (counter|gauge|histogram)");
  const std::regex sample("((" + kName + ")(?:\\{(.*)\\})?) ([0-9.e+-]+)");
  const std::regex label("(" + kName + ")=\"([a-z0-9_.+I/-]*)\"(,|$)");
  std::set<std::string> explained;
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    std::smatch parts;
    if (std::regex_match(line, parts, help)) {
      REQUIRE(explained.insert(parts[1]).second);
    } else if (std::regex_match(line, parts, type)) {
      REQUIRE(explained.count(parts[1]) == 1);
      REQUIRE(types.emplace(parts[1], parts[2]).second);
    } else {
      REQUIRE(std::regex_match(line, parts, sample));
      REQUIRE_FALSE(family_of(parts[2], types).empty());
      REQUIRE(series.emplace(parts[1], std::stod(parts[4])).second);
      const std::string labels = parts[3];
      std::size_t covered = 0;
      for (std::sregex_iterator at(labels.begin(), labels.end(), label), end; at != end; ++at) {
        covered += static_cast<std::size_t>(at->length());
        if ((*at)[1] != "le") label_values.insert((*at)[2]);
      }
      REQUIRE(covered == labels.size());
    }
  }
  REQUIRE(page.ends_with('\n'));
}

double Scrape::operator[](const std::string& name) const {
  const auto at = series.find(name);
  if (at == series.end()) FAIL("no series " << name);
  return at->second;
}

std::string telemetry_address(const Sandbox& sandbox) {
  const std::string url = REQUIRE_OK(read_file(sandbox / "metrics_url"));
  REQUIRE(url.starts_with("http://127.0.0.1:"));
  REQUIRE(url.ends_with("/metrics\n"));
  return url.substr(7, url.size() - 7 - 9);
}

Scrape scrape(const Sandbox& sandbox) {
  const auto answer = ask_plain(telemetry_address(sandbox), plain_request("/metrics"));
  REQUIRE(answer.status == 200);
  return Scrape(answer.body);
}

}  // namespace kw::whole
