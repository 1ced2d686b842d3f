// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <p11-kit/pkcs11.h>

#include <mutex>
#include <string>
#include <string_view>

#include "shim/functions.h"

namespace kw::shim {

// The variable's value; empty where there is none.
std::string environment(const char* name);

// Record is the file of calls, a line each: function, mechanism, answer, and what a template says.
// Values of attributes that may be secret are never in it. Never destroyed; safe for concurrent
// use.
class Record {
 public:
  static Record& get();

  // From now on lines go to this file; none are kept where the path is empty. False: it cannot be
  // written.
  bool open(const std::string& path);
  bool is_open();
  void add(const std::string& line);
  // Writes what has gathered.
  void flush();

 private:
  void flush_locked();

  std::mutex mutex_;
  std::string path_;
  std::string lines_;
};

// Adds the text at the end of the file, which is made if it is not there. False, and a word on
// stderr: it cannot be written.
bool append_to(const std::string& path, std::string_view text);

// The words of a template, each after a blank: " CKA_TOKEN=true CKA_VALUE". Where the values are
// the module's to write, and it wrote none, the names alone.
enum class Values { Readable, Unwritten };
std::string describe_template(const CK_ATTRIBUTE* attributes, CK_ULONG count, Values values);

// "FUNCTION MECHANISM ANSWER", "-" for no mechanism.
std::string describe_call(Function function, const CK_MECHANISM* mechanism, CK_RV rv);

}  // namespace kw::shim
