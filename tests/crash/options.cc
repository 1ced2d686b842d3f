// SPDX-License-Identifier: Apache-2.0
#include "options.h"

#include <cstdlib>
#include <iostream>
#include <random>

namespace kw::crash {
namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* const text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return text == nullptr ? otherwise : std::stoull(text);
}

}  // namespace

Options options(const std::string& name, std::uint64_t short_form) {
  const Options options{number_from("KEYWARD_CRASH_COUNT", short_form),
                        number_from("KEYWARD_CRASH_SEED", std::random_device()())};
  std::cout << name << ": " << options.count << " rounds, seed " << options.seed << std::endl;
  return options;
}

}  // namespace kw::crash
