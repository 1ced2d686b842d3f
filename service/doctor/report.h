// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

#include "service/token_profile/token_profile.h"

namespace kw::doctor {

// Answer to a question that was put to the token by doing. Untried: it could not be put.
enum class Fact { Yes, No, Untried };

// Feature is something that a token may be able to do, proved by a known answer.
struct Feature {
  std::string id;
  std::string title;
  Fact works = Fact::Untried;
  std::string detail;  // the source of the known answer; or why not
};

// Quirk is how a token behaves where tokens differ.
struct Quirk {
  std::string id;
  std::string title;
  std::string finding;
};

enum class Fate { Refused, Succeeds, Untried };

// Trial is one attack, tried on one kind of key.
struct Trial {
  Fate fate = Fate::Untried;
  std::string detail;
};

// Defence is who has to defeat an attack on keyward's own keys: the token by their attributes, or
// keyward by never making the call, in which case who holds the PIN can do it without keyward.
enum class Defence { Token, Keyward };

struct AttackResult {
  std::string id;  // "A1"
  std::string title;
  Defence defence = Defence::Token;
  Trial careless;  // on a key as a careless program makes one
  Trial ours;      // on a key as keyward makes one
};

struct AlgorithmResult {
  std::string name;
  token_profile::Offer offer;
};

inline constexpr std::array<unsigned, 3> kThreadCounts = {1, 2, 4};

// Parallel is how throughput goes with the number of threads, for one kind of call.
struct Parallel {
  std::string call;
  bool symmetric = true;
  std::array<double, kThreadCounts.size()> per_second{};
  unsigned best = 1;
};

// Report is all that the doctor found out.
struct Report {
  token_profile::Identity identity;
  std::vector<AlgorithmResult> algorithms;
  std::vector<AlgorithmResult> suites;
  std::vector<Feature> features;
  std::vector<Quirk> quirks;
  std::vector<AttackResult> attacks;
  std::vector<Parallel> parallels;
  std::string business;                 // why the figures mean little; mostly empty
  Fact keys_in_memory = Fact::Untried;  // Yes: a key's bytes were found in this process
  std::string memory_detail;
  std::string own_keys;  // how keyward's own keys differ here from their profile; mostly empty
  token_profile::Verdict verdict = token_profile::Verdict::Unfit;
  std::vector<std::string> reasons;
  std::size_t swept = 0;  // objects that a doctor who was killed had left
};

// For people, for programs, and for the service.
std::string to_table(const Report& report);
std::string to_json(const Report& report);
token_profile::TokenProfile to_profile(const Report& report);

// Fills in `verdict` and `reasons` from all the rest.
void judge(Report& report);

}  // namespace kw::doctor
