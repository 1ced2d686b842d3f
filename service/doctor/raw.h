// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/object_template.h"
#include "pkcs11/session.h"

namespace kw::doctor {

// RawMechanism is any mechanism with any parameter, also those that the service must never use.
// Move-only, because the parameter points into its own memory.
class RawMechanism {
 public:
  RawMechanism(CK_MECHANISM_TYPE type) noexcept : type_(type) {}
  RawMechanism(CK_MECHANISM_TYPE type, ByteView parameter)
      : type_(type), memory_(to_bytes(parameter)), parameter_size_(parameter.size()) {}
  RawMechanism(RawMechanism&&) noexcept = default;
  RawMechanism(const RawMechanism&) = delete;

  static RawMechanism gcm(ByteView iv, ByteView aad, CK_ULONG tag_bits);
  static RawMechanism ctr(ByteView block);          // 16 bytes, of which all count
  static RawMechanism encrypt_data(ByteView data);  // CKM_AES_ECB_ENCRYPT_DATA
  static RawMechanism oaep(CK_MECHANISM_TYPE hash, CK_RSA_PKCS_MGF_TYPE mgf);

  CK_MECHANISM get() const noexcept;

 private:
  static RawMechanism of_structure(CK_MECHANISM_TYPE type, std::size_t size,
                                   std::initializer_list<ByteView> strings);
  template <typename Parameter>
  void set(const Parameter& parameter);

  CK_MECHANISM_TYPE type_;
  Bytes memory_;
  std::size_t parameter_size_ = 0;
};

// Answer is what a raw call came to.
struct Answer {
  CK_RV rv = CKR_GENERAL_ERROR;
  Bytes bytes;                                  // what came out, where something did
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;  // what was made

  bool ok() const noexcept { return rv == CKR_OK; }
  std::string name() const;  // "CKR_..."
};

// Raw is one session with the calls that pkcs11::Session has not, on purpose: it wraps, unwraps,
// copies and changes keys, and passes any parameter on. Its session objects end with it.
class Raw {
 public:
  explicit Raw(pkcs11::Session session) : session_(std::move(session)) {}

  Answer create(const pkcs11::ObjectTemplate& object) const;
  Answer generate(const RawMechanism& mechanism, const pkcs11::ObjectTemplate& key) const;
  // The private half is `object`; the public one goes to `public_half`.
  Answer generate_pair(const RawMechanism& mechanism, const pkcs11::ObjectTemplate& public_key,
                       const pkcs11::ObjectTemplate& private_key,
                       CK_OBJECT_HANDLE& public_half) const;
  Answer derive(const RawMechanism& mechanism, CK_OBJECT_HANDLE base,
                const pkcs11::ObjectTemplate& key) const;
  Answer wrap(const RawMechanism& mechanism, CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE key) const;
  Answer unwrap(const RawMechanism& mechanism, CK_OBJECT_HANDLE unwrapping, ByteView blob,
                const pkcs11::ObjectTemplate& key) const;
  Answer copy(CK_OBJECT_HANDLE object, const pkcs11::ObjectTemplate& changes) const;
  Answer set(CK_OBJECT_HANDLE object, const pkcs11::ObjectTemplate& changes) const;
  Answer destroy(CK_OBJECT_HANDLE object) const;

  Answer encrypt(const RawMechanism& mechanism, CK_OBJECT_HANDLE key, ByteView plaintext) const;
  Answer decrypt(const RawMechanism& mechanism, CK_OBJECT_HANDLE key, ByteView ciphertext) const;
  Answer sign(const RawMechanism& mechanism, CK_OBJECT_HANDLE key, ByteView data) const;
  Answer digest_key(CK_OBJECT_HANDLE key) const;
  Answer random(std::size_t size) const;

  // What C_DecryptUpdate lets out of a first part.
  Answer decrypt_update(const RawMechanism& mechanism, CK_OBJECT_HANDLE key, ByteView part) const;

  // One attribute's value. Not ok where the object lacks or hides it.
  Answer attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;
  // A CK_BBOOL attribute; nothing where it cannot be read.
  std::optional<bool> flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;

  pkcs11::Session& session() noexcept { return session_; }
  const CK_FUNCTION_LIST& call() const noexcept { return *session_.module().cryptoki().call; }
  CK_SESSION_HANDLE handle() const noexcept { return session_.handle(); }

 private:
  pkcs11::Session session_;
};

// "CKR_NAME", or the number of a code that no table lists.
std::string name_of_rv(CK_RV rv);

}  // namespace kw::doctor
