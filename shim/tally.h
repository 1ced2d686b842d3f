// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>

namespace kw::shim {

// Tally is the file of how often calls were alike: the lines of a record with the objects that they
// worked on, each once with its count. A million calls are some hundred lines. Never destroyed;
// safe for concurrent use.
class Tally {
 public:
  static Tally& get();

  // From now on counts go to this file; nothing is counted where the path is empty. False: it
  // cannot be written.
  bool open(const std::string& path);
  bool is_open();
  void add(const std::string& line);
  // Appends what was counted since the last time, "COUNT LINE" each: counts of a line add up.
  void flush();

 private:
  void flush_locked();

  std::mutex mutex_;
  std::string path_;
  std::map<std::string, unsigned long> counts_;
};

}  // namespace kw::shim
