// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "promises.h"
#include "tests/whole/sandbox.h"

namespace kw::crash {

// Tally counts what was proved, for the line that ends a run.
struct Tally {
  std::uint64_t crashes = 0;
  std::uint64_t answers = 0;
  std::uint64_t refused = 0;  // with 503: SoftHSM fails now and then while it makes a key
  std::uint64_t receipts = 0;
  std::uint64_t versions = 0;  // found, enabled, their newest used
  std::uint64_t blobs = 0;
  std::uint64_t signatures = 0;
  std::uint64_t macs = 0;
  std::uint64_t torn_tails = 0;
  std::uint64_t damaged = 0;  // starts refused because of a good record behind a bad one
  std::uint64_t debris = 0;   // objects that a crash left without id or label: nobody's, unusable

  std::string text() const;
};

// Proof holds a service that came back against what its clients were answered before. Each breach
// is a failed CHECK of the running test.
class Proof {
 public:
  // All must outlive it.
  Proof(whole::Sandbox& sandbox, Promises& promises, Tally& tally)
      : sandbox_(sandbox), promises_(promises), tally_(tally) {}

  // Counts a crash. What `keyward audit verify` says before the restart.
  int log_before();

  // After the restart, on a server that is up: the log is whole and has each answered record in its
  // place; each answered key and version is there and works, and so does everything else that is
  // listed; blobs, signatures and MACs are honoured. What was seen once is only sampled later.
  void all_after();

  // Without a server: the token's own files show, through another program, one object for each
  // secret and two for each pair that is not wrapped, at most one KEK of each kind, and no others
  // that have a name.
  void token_objects();

 private:
  int verify_code() const;
  void receipts();
  void keys();
  void use(whole::Client& app, const std::string& name, std::uint32_t newest);
  void products();
  void product(whole::Client& app, const Product& product, const std::string& purpose);

  whole::Sandbox& sandbox_;
  Promises& promises_;
  Tally& tally_;
  std::uint64_t first_unread_ = 0;  // of the log's records
  std::uint64_t counted_answers_ = 0;
  std::string last_words_;                     // of the service, before the crash
  std::map<std::string, std::uint32_t> seen_;  // versions of each listed key
  std::set<std::string> wrapped_;              // listed keys that are no objects of the token
};

}  // namespace kw::crash
