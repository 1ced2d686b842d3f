// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "base/names.h"
#include "pkcs11/profile.h"
#include "pkcs11/token.h"
#include "service/doctor/raw.h"
#include "service/doctor/templates.h"

namespace kw::doctor {

// KnownKey is a session key whose value the doctor brought in, to compare with.
struct KnownKey {
  CK_OBJECT_HANDLE handle;
  Bytes value;
};

// OurKey is a token key as keyward makes one, or the nearest that the token can be brought to.
struct OurKey {
  CK_OBJECT_HANDLE handle;
  Bytes id;
};

// Lab is where the doctor works. What it makes as token objects bears the label kLabel and a
// CKA_ID that begins with "kwdoctor" and goes on at random; they go with it where the
// token lets them go; sweep() says so.
// Everything else is session objects of sessions that end with their probe. For one thread;
// `token` must outlive it.
class Lab {
 public:
  static constexpr const char* kName = "keyward/doctor";
  static constexpr const char* kLabel = "keyward/doctor#1";

  explicit Lab(pkcs11::Token& token) : token_(token) {}
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;
  ~Lab();

  pkcs11::Token& token() const noexcept { return token_; }

  // A session of its own, for one probe. Errors: Unavailable.
  Result<Raw> raw() const;

  // keyward's own key of a profile (MasterAes, MacSha256, Rsa2048Pkcs, EcdsaP256), made at the
  // first call. Errors: those of making it.
  Result<OurKey> ours(pkcs11::Profile profile);

  // A MessageKey derived from ours, in `raw`'s session.
  Result<CK_OBJECT_HANDLE> message_key(Raw& raw);

  // How our keys had to differ from their profile; empty where they did not.
  const std::string& differences() const noexcept { return differences_; }

  // An id for scratch objects.
  static KeyId fresh_id();

  // Destroys every scratch object, this lab's and those of one that was killed; yields how many.
  Result<std::size_t> sweep();

 private:
  Result<OurKey> make(pkcs11::Profile profile);
  Result<OurKey> make_nearest(pkcs11::Profile profile, const Error& why);

  pkcs11::Token& token_;
  std::map<pkcs11::Profile, Result<OurKey>> ours_;
  std::string differences_;
};

// Brings in a key of 32 random bytes. Errors: Unimplemented (the token takes none).
Result<KnownKey> known_key(const Raw& raw, const SecretWish& wish);
Result<CK_OBJECT_HANDLE> import_key(const Raw& raw, const SecretWish& wish, ByteView value);

// A session RSA pair. Errors: Unimplemented.
struct RsaPair {
  CK_OBJECT_HANDLE public_half;
  CK_OBJECT_HANDLE private_half;
  Bytes modulus;
  Bytes exponent;
};
Result<RsaPair> rsa_key(const Raw& raw, unsigned uses, CK_ULONG bits = 2048);

}  // namespace kw::doctor
