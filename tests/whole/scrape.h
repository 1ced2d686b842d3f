// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

#include "sandbox.h"

namespace kw::whole {

// Sends bytes in the clear and reads to the peer's end. Status 0 if no whole answer came.
http::test::Answer ask_plain(const std::string& address, const std::string& bytes);

// GET with Connection: close, and `method` in its place.
std::string plain_request(const std::string& target, const std::string& method = "GET");

// Scrape is a page of /metrics, read by this program's own parser of the text format, which ends
// the test where the page is not what the format says.
struct Scrape {
  explicit Scrape(const std::string& page);

  // The value of a series, written as on the page: name{label="value",…}.
  double operator[](const std::string& series) const;

  std::map<std::string, double> series;
  std::map<std::string, std::string> types;  // of each family
  std::set<std::string> label_values;        // but for bounds of buckets
};

// Where the server of this sandbox listens for scrapes, and one scrape.
std::string telemetry_address(const Sandbox& sandbox);
Scrape scrape(const Sandbox& sandbox);

}  // namespace kw::whole
