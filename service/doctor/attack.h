// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "service/doctor/lab.h"
#include "service/doctor/report.h"

namespace kw::doctor {

// An attack yields what came of it, or the error that kept it from being tried.
using Try = Result<Trial> (*)(Lab&);

// Attack is one known attack on the PKCS#11 interface, tried on a key as a careless program makes
// one and on keyward's own.
struct Attack {
  std::string_view id;
  std::string_view title;
  Defence defence;
  Try careless;
  Try ours;
};

std::span<const Attack> attacks_on_keys();  // wrapping, copying, changing
std::span<const Attack> attacks_on_use();   // mechanisms, derivation, signatures

// Runs one, both ways.
AttackResult run(const Attack& attack, Lab& lab);

// What a trial came to.
Trial refused(const Answer& answer);
Trial refused(std::string how);
// The same after several tries: that a mechanism is not there tells less than what came before.
Trial refused(Trial before, const Answer& answer);
Trial succeeds(std::string how);

}  // namespace kw::doctor
