// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/secret.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/module.h"
#include "pkcs11/object_template.h"

namespace kw::pkcs11 {

// ObjectHandle names an object of the token for as long as the login lasts. It owns nothing.
enum class ObjectHandle : unsigned long {};

struct KeyPair {
  ObjectHandle public_key;
  ObjectHandle private_key;
};

// Session is one open session, with one method per C_ function that the service calls; each makes
// one whole operation, and nothing is ever retried here. Move-only, for one thread at a time.
// Every method fails with fail(CK_RV, its function); codes as in pkcs11/return_value.
class Session {
 public:
  // Opens a read-write session. For Token and provisioning; all others ask a Token.
  static Result<Session> open(std::shared_ptr<const Module> module, unsigned long slot);

  Session(Session&& other) noexcept;
  Session& operator=(Session&& other) noexcept;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Whether the session may be used again. False from the first failure that may have left an
  // operation active in it, or whose CK_RV says that the session is gone.
  bool usable() const noexcept { return usable_; }

  // Makes it usable again: for who, after a failed decryption, saw whole operations succeed in it.
  // Without this every caller with a bad ciphertext would cost a session.
  void reinstate() noexcept { usable_ = true; }

  // Every object that has all these attributes. No object is an empty answer, and no proof: a token
  // that lost its folder finds nothing either.
  Result<std::vector<ObjectHandle>> find_objects(const ObjectTemplate& wanted);

  Result<ObjectHandle> generate_key(const Mechanism& mechanism, const ObjectTemplate& key);
  Result<KeyPair> generate_key_pair(const Mechanism& mechanism, const ObjectTemplate& public_key,
                                    const ObjectTemplate& private_key);
  Result<ObjectHandle> derive_key(const Mechanism& mechanism, ObjectHandle base,
                                  const ObjectTemplate& key);
  // For KEKs alone (pkcs11/kek.h): no other key may wrap or unwrap.
  Result<Bytes> wrap_key(const Mechanism& mechanism, ObjectHandle kek, ObjectHandle key);
  Result<ObjectHandle> unwrap_key(const Mechanism& mechanism, ObjectHandle kek, ByteView wrapped,
                                  const ObjectTemplate& key);
  Result<ObjectHandle> create_object(const ObjectTemplate& object);
  Result<void> destroy_object(ObjectHandle object);

  // The attributes in the order asked for. One that the object lacks or hides has no value.
  Result<std::vector<Attribute>> get_attributes(ObjectHandle object,
                                                std::span<const AttributeType> types);
  // One attribute. Errors also: Internal (the object lacks or hides it).
  Result<Bytes> get_attribute(ObjectHandle object, AttributeType type);

  // Gives a token object other attributes: all of them, or none.
  Result<void> set_attributes(ObjectHandle object, const ObjectTemplate& fresh);

  // The attributes of an attribute that is a template itself; without one SoftHSM's is empty.
  // Errors also: Internal (the object lacks or hides it).
  Result<std::vector<Attribute>> get_template(ObjectHandle object, AttributeType type);

  Result<Bytes> encrypt(const Mechanism& mechanism, ObjectHandle key, ByteView plaintext);
  Result<Secret> decrypt(const Mechanism& mechanism, ObjectHandle key, ByteView ciphertext);
  Result<Bytes> sign(const Mechanism& mechanism, ObjectHandle key, ByteView data);
  // The same for a MAC that is to be a key.
  Result<Secret> sign_secretly(const Mechanism& mechanism, ObjectHandle key, ByteView data);
  Result<void> generate_random(std::span<std::uint8_t> out);

  // For this room, its tests, and service/doctor.
  unsigned long handle() const noexcept { return handle_; }
  const Module& module() const noexcept { return *module_; }

 private:
  friend class Token;

  // Operation says whether a failing call may leave an operation active in the session.
  enum class Operation { None, Pending };

  Session(std::shared_ptr<const Module> module, unsigned long handle) noexcept;
  Timing time(CallKind kind) const noexcept { return Timing(module_->meter().latency(kind)); }
  Result<void> check(unsigned long rv, const char* function, Operation operation);
  Result<void> login(const Secret& pin);
  // Signs into `out`, which has the mechanism's capacity; yields how much of it was used.
  Result<std::size_t> sign_into(const Mechanism& mechanism, ObjectHandle key, ByteView data,
                                std::span<std::uint8_t> out);
  void close() noexcept;

  std::shared_ptr<const Module> module_;   // null once moved from
  std::shared_ptr<const Session> anchor_;  // the login; ends after this session, before the module
  unsigned long handle_ = 0;
  bool usable_ = true;
};

// SessionObject destroys a session object at its end. `session` must outlive it and stay where it
// is.
class SessionObject {
 public:
  SessionObject(Session& session, ObjectHandle handle) noexcept
      : session_(&session), handle_(handle) {}
  SessionObject(SessionObject&& other) noexcept
      : session_(std::exchange(other.session_, nullptr)), handle_(other.handle_) {}
  SessionObject& operator=(SessionObject&& other) noexcept;
  SessionObject(const SessionObject&) = delete;
  SessionObject& operator=(const SessionObject&) = delete;
  ~SessionObject();

  ObjectHandle handle() const noexcept { return handle_; }

  // Lets go without destroying: the object ends with its session.
  ObjectHandle release() && noexcept {
    session_ = nullptr;
    return handle_;
  }

 private:
  void destroy() noexcept;

  Session* session_;  // null once moved from
  ObjectHandle handle_;
};

}  // namespace kw::pkcs11
