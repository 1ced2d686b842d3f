// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <p11-kit/pkcs11.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kw::shim {

// Handles are what a call works on: with a key, on an object.
struct Handles {
  CK_SESSION_HANDLE session = 0;
  std::optional<CK_OBJECT_HANDLE> key;
  std::optional<CK_OBJECT_HANDLE> object;
};

// Objects knows what a handle stands for: by what function it was made here, and the attributes
// that say who may do what with it. It asks the real module once for each handle, and never for a
// value. Never destroyed; safe for concurrent use.
class Objects {
 public:
  static Objects& get();

  // " key.made=C_GenerateKey key.CKA_CLASS=4 object.CKA_TOKEN=true"; "made=found" is of an object
  // that was there before, "key.gone" of a handle that the module does not know.
  std::string describe(CK_FUNCTION_LIST* real, const Handles& handles);

  void note_made(CK_OBJECT_HANDLE made, std::string_view by);
  // What was said of it is asked anew.
  void forget(CK_OBJECT_HANDLE object);
  void forget_all();

 private:
  struct Known {
    std::string made = "made=found";
    std::vector<std::string> attributes;  // none: not asked yet
  };
  std::string words(CK_FUNCTION_LIST* real, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                    std::string_view prefix);

  std::mutex mutex_;
  std::map<CK_OBJECT_HANDLE, Known> known_;
};

}  // namespace kw::shim
