// SPDX-License-Identifier: Apache-2.0
// The module whose token is in another process answers as the one behind it, refuses what it cannot
// send there, and says so when that process is gone.
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <csignal>

#include "pkcs11/cryptoki.h"
#include "pkcs11/kek.h"
#include "pkcs11/profile.h"
#include "pkcs11/token.h"
#include "tests/residency/remote/child.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

namespace kw::residency {
namespace {

using pkcs11::KekKind;
using pkcs11::Mechanism;
using pkcs11::Profile;

const Bytes kIv(12, 1);
const Bytes kData(32, 2);

struct RemoteToken {
  RemoteToken() { ::setenv("KEYWARD_REMOTE_MODULE", test::SoftHsm::kModule, 1); }
  ~RemoteToken() { ::unsetenv("KEYWARD_REMOTE_MODULE"); }
  RemoteToken(const RemoteToken&) = delete;
  RemoteToken& operator=(const RemoteToken&) = delete;

  std::unique_ptr<pkcs11::Token> open(const char* module) const {
    auto loaded = REQUIRE_OK(pkcs11::Module::load(module));
    return REQUIRE_OK(pkcs11::Token::open(std::move(loaded), hsm.uri(), hsm.pin()));
  }
  std::unique_ptr<pkcs11::Token> open() const { return open(KEYWARD_REMOTE_PATH); }

  test::SoftHsm hsm;
};

// The module's functions, whether it is initialized or not.
const CK_FUNCTION_LIST& remote_functions() {
  void* const library = ::dlopen(KEYWARD_REMOTE_PATH, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  REQUIRE(get(&functions) == CKR_OK);
  return *functions;
}

Mechanism gcm(ByteView associated) {
  return Mechanism::aes_gcm(std::span<const std::uint8_t, 12>(kIv), associated);
}

CK_OBJECT_HANDLE raw(pkcs11::ObjectHandle handle) { return static_cast<CK_OBJECT_HANDLE>(handle); }

}  // namespace

TEST_CASE_METHOD(RemoteToken, "remote: keys are made, derived, wrapped and used in another process",
                 "[residency][remote]") {
  const Bytes id(20, 8);
  Bytes mac;
  {
    const auto token = open();
    auto session = REQUIRE_OK(token->open_session());
    const auto kept = REQUIRE_OK(pkcs11::generate(session, Profile::MacSha256, id, "mac"));
    mac = REQUIRE_OK(session.sign(Mechanism::sha256_hmac(), kept.key, kData));

    const auto master = REQUIRE_OK(pkcs11::generate(session, Profile::MasterAes, kData, "aes"));
    const std::span<const std::uint8_t, 32> data(kData);
    const auto key = REQUIRE_OK(pkcs11::derive(session, Profile::MessageKey, master.key, data));
    const Bytes sealed = REQUIRE_OK(session.encrypt(gcm(id), key.handle(), kData));
    CHECK(sealed.size() == kData.size() + 16);
    const Secret opened = REQUIRE_OK(session.decrypt(gcm(id), key.handle(), sealed));
    CHECK(std::ranges::equal(opened.reveal(), kData));
    CHECK_FALSE(session.decrypt(gcm(kData), key.handle(), sealed).has_value());

    // A KEK's templates are read back, attributes within attributes.
    const auto kek = REQUIRE_OK(pkcs11::generate_kek(session, KekKind::Ec, Bytes(20, 9), "kek"));
    const auto wrapped = REQUIRE_OK(pkcs11::generate_wrapped(session, Profile::EcdsaP256, kek));
    const auto back =
        REQUIRE_OK(pkcs11::unwrap(session, Profile::EcdsaP256, kek, wrapped.material));
    CHECK(REQUIRE_OK(session.sign(Mechanism::ecdsa(), back.handle(), kData)).size() == 64);
    Bytes random(100);
    REQUIRE_OK(session.generate_random(random));
    CHECK(random != Bytes(100));
  }
  // SoftHSM in this process makes the same MAC with the key that was made there.
  const auto token = open(test::SoftHsm::kModule);
  auto session = REQUIRE_OK(token->open_session());
  const auto found = REQUIRE_OK(pkcs11::find_key(session, Profile::MacSha256, id));
  CHECK(REQUIRE_OK(session.sign(Mechanism::sha256_hmac(), found, kData)) == mac);
}

TEST_CASE_METHOD(RemoteToken, "remote: what the module behind it refuses is refused alike",
                 "[residency][remote]") {
  const auto token = open();
  auto session = REQUIRE_OK(token->open_session());
  const auto key = REQUIRE_OK(pkcs11::generate(session, Profile::MacSha256, kData, "mac")).key;
  const CK_FUNCTION_LIST& call = *token->module().cryptoki().call;
  const CK_SESSION_HANDLE own = session.handle();
  CHECK(call.C_Initialize(nullptr) == CKR_CRYPTOKI_ALREADY_INITIALIZED);
  CHECK(call.C_CloseSession(own + 1000) == CKR_SESSION_HANDLE_INVALID);
  CHECK(call.C_GetInfo(nullptr) == CKR_ARGUMENTS_BAD);

  CK_BYTE out[32];
  CK_ATTRIBUTE value{CKA_VALUE, out, sizeof out};
  CHECK(call.C_GetAttributeValue(own, raw(key), &value, 1) == CKR_ATTRIBUTE_SENSITIVE);
  CHECK(value.ulValueLen == CK_UNAVAILABLE_INFORMATION);

  CK_MECHANISM mechanism{CKM_SHA256_HMAC, nullptr, 0};
  CK_BYTE data[4]{};
  CK_ULONG size = 5;
  REQUIRE(call.C_SignInit(own, &mechanism, raw(key)) == CKR_OK);
  CHECK(call.C_Sign(own, data, sizeof data, nullptr, &size) == CKR_OK);
  CHECK(size == 32);
  size = 5;
  CHECK(call.C_Sign(own, data, sizeof data, out, &size) == CKR_BUFFER_TOO_SMALL);
  CHECK(size == 32);
  CHECK(call.C_Sign(own, data, sizeof data, out, &size) == CKR_OK);
}

TEST_CASE_METHOD(RemoteToken, "remote: what cannot go across is refused here",
                 "[residency][remote]") {
  const CK_FUNCTION_LIST& call = remote_functions();
  CK_INFO info;
  CHECK(call.C_GetInfo(&info) == CKR_CRYPTOKI_NOT_INITIALIZED);
  const auto token = open();
  auto session = REQUIRE_OK(token->open_session());
  const auto key = REQUIRE_OK(pkcs11::generate(session, Profile::CountedAes, kData, "aes")).key;
  CK_BYTE iv[16]{};
  CK_GCM_PARAMS parameters{};
  const auto init = [&](CK_MECHANISM_TYPE type, void* parameter, CK_ULONG size) {
    CK_MECHANISM mechanism{type, parameter, size};
    return call.C_EncryptInit(session.handle(), &mechanism, raw(key));
  };
  CHECK(init(CKM_AES_CBC_PAD, iv, sizeof iv) == CKR_MECHANISM_PARAM_INVALID);
  CHECK(init(CKM_AES_GCM, &parameters, 8) == CKR_MECHANISM_PARAM_INVALID);
  CHECK(init(CKM_AES_GCM, nullptr, sizeof parameters) == CKR_MECHANISM_PARAM_INVALID);
  CK_MECHANISM digest{CKM_SHA256, nullptr, 0};
  CHECK(call.C_DigestInit(session.handle(), &digest) == CKR_FUNCTION_NOT_SUPPORTED);
  CHECK(call.C_CopyObject(session.handle(), raw(key), nullptr, 0, nullptr) ==
        CKR_FUNCTION_NOT_SUPPORTED);
}

TEST_CASE_METHOD(RemoteToken, "remote: a host that dies is an error, and another one can be had",
                 "[residency][remote]") {
  {
    const auto token = open();
    auto session = REQUIRE_OK(token->open_session());
    REQUIRE(::kill(child_of(::getpid()), SIGKILL) == 0);
    Bytes random(16);
    CHECK_CODE(session.generate_random(random), Code::Unavailable);
  }
  const auto token = open();
  auto session = REQUIRE_OK(token->open_session());
  Bytes random(16);
  REQUIRE_OK(session.generate_random(random));
}

TEST_CASE("remote: a module that cannot be loaded there is not initialized here",
          "[residency][remote]") {
  ::unsetenv("KEYWARD_REMOTE_MODULE");
  CHECK_CODE(pkcs11::Module::load(KEYWARD_REMOTE_PATH), Code::Unavailable);
  ::setenv("KEYWARD_REMOTE_MODULE", "/nowhere/module.so", 1);
  CHECK_CODE(pkcs11::Module::load(KEYWARD_REMOTE_PATH), Code::Unavailable);
  ::unsetenv("KEYWARD_REMOTE_MODULE");
}

}  // namespace kw::residency
