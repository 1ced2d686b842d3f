// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <stdlib.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/return_value.h"
#include "pkcs11/session.h"
#include "shim/functions.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

namespace kw::shim {
namespace {

using test::SoftHsm;

// ShimFixture calls a fresh SoftHSM through the shim as any C program would.
struct ShimFixture {
  ShimFixture() {
    slot = REQUIRE_OK(pkcs11::find_token(token->module(), hsm.uri())).slot;
    session = open();
    hsm.clear();
  }

  CK_SESSION_HANDLE open() {
    CK_SESSION_HANDLE handle = 0;
    REQUIRE(call.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                               &handle) == CKR_OK);
    return handle;
  }

  CK_RV random(std::array<CK_BYTE, 8>& out) {
    return call.C_GenerateRandom(session, out.data(), out.size());
  }
  CK_RV random() {
    std::array<CK_BYTE, 8> out{};
    return random(out);
  }

  CK_RV login(std::string pin) {
    return call.C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size());
  }

  // SHA-256 of nothing, through the token: an output that is known.
  CK_RV digest(std::array<CK_BYTE, 64>& out, CK_ULONG& size) {
    CK_MECHANISM sha{CKM_SHA256, nullptr, 0};
    CK_BYTE nothing = 0;
    const CK_RV rv = call.C_DigestInit(session, &sha);
    return rv != CKR_OK ? rv : call.C_Digest(session, &nothing, 0, out.data(), &size);
  }

  SoftHsm hsm;
  std::unique_ptr<pkcs11::Token> token = hsm.open();
  const CK_FUNCTION_LIST& call = *token->module().cryptoki().call;
  CK_SLOT_ID slot = 0;
  CK_SESSION_HANDLE session = 0;
};

constexpr CK_BYTE kFirst = 0xe3;  // of SHA-256("")
constexpr CK_BYTE kLast = 0x55;

}  // namespace

TEST_CASE_METHOD(ShimFixture, "shim: every function of the list is its own", "[shim]") {
  CK_FUNCTION_LIST* again = nullptr;
  REQUIRE(call.C_GetFunctionList(&again) == CKR_OK);
  CHECK(again == &call);
  CHECK(again->version.major == 2);
  CHECK(again->version.minor == 40);
  CHECK(kFunctionCount == 68);
  CHECK(hsm.count("C_GetFunctionList") == 1);
}

TEST_CASE_METHOD(ShimFixture, "fail: the real module does not see the call", "[shim]") {
  hsm.rules("fail C_OpenSession 1 0x80000002; fail C_GenerateRandom */2 CKR_DEVICE_ERROR");
  CK_SESSION_HANDLE none = 4711;
  CHECK(call.C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &none) == 0x80000002);
  CHECK(none == 4711);
  CHECK(random() == CKR_OK);
  CHECK(random() == CKR_DEVICE_ERROR);
  CHECK(random() == CKR_OK);
  CHECK(hsm.count("C_GenerateRandom") == 3);
}

TEST_CASE("fail: also the function that a loader asks first", "[shim]") {
  const SoftHsm hsm;
  hsm.rules("fail C_GetFunctionList 1 CKR_HOST_MEMORY");
  const auto failed = pkcs11::Module::load(hsm.module_path());
  REQUIRE_FALSE(failed);
  CHECK(failed.error().rv() == CKR_HOST_MEMORY);
  CHECK(pkcs11::Module::load(hsm.module_path()));
}

TEST_CASE_METHOD(ShimFixture, "fail after: the real module did it all the same", "[shim]") {
  hsm.rules("fail C_OpenSession 1 CKR_DEVICE_ERROR after");
  CK_SESSION_HANDLE made = 0;
  CHECK(call.C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &made) == CKR_DEVICE_ERROR);
  CHECK(call.C_CloseSession(made) == CKR_OK);
}

TEST_CASE_METHOD(ShimFixture, "delay: the call comes later, not wrong", "[shim]") {
  hsm.rules("delay C_GenerateRandom 1 30ms");
  const auto before = std::chrono::steady_clock::now();
  CHECK(random() == CKR_OK);
  CHECK(std::chrono::steady_clock::now() - before >= std::chrono::milliseconds(30));
}

TEST_CASE_METHOD(ShimFixture, "hang: until the rules are cleared", "[shim]") {
  hsm.rules("hang C_GenerateRandom 1");
  CK_RV rv = CKR_GENERAL_ERROR;
  std::thread caller([&] { rv = random(); });
  while (hsm.hanging() == 0) std::this_thread::yield();
  hsm.clear();
  caller.join();
  CHECK(rv == CKR_OK);
  CHECK(hsm.hanging() == 0);
}

TEST_CASE_METHOD(ShimFixture, "flip: one byte, counted from either end", "[shim]") {
  std::array<CK_BYTE, 64> out{};
  CK_ULONG size = out.size();
  hsm.rules("flip C_Digest 1; flip C_Digest 2 -1; flip C_Digest 3 1000");
  REQUIRE(digest(out, size) == CKR_OK);
  CHECK(size == 32);
  CHECK(out[0] == (kFirst ^ 1));
  CHECK(out[31] == kLast);
  for (int i = 0; i < 2; ++i) {
    REQUIRE(digest(out, size) == CKR_OK);
    CHECK(out[0] == kFirst);
    CHECK(out[31] == (kLast ^ 1));
  }
  REQUIRE(digest(out, size) == CKR_OK);
  CHECK(out[0] == kFirst);
  CHECK(out[31] == kLast);
}

TEST_CASE_METHOD(ShimFixture, "flip: counts only calls that give bytes", "[shim]") {
  hsm.rules("flip C_Digest 1");
  CK_MECHANISM sha{CKM_SHA256, nullptr, 0};
  std::array<CK_BYTE, 64> out{};
  CK_BYTE nothing = 0;
  CK_ULONG size = 0;
  REQUIRE(call.C_DigestInit(session, &sha) == CKR_OK);
  CHECK(call.C_Digest(session, &nothing, 0, nullptr, &size) == CKR_OK);  // how long?
  CHECK(size == 32);
  size = 1;
  CHECK(call.C_Digest(session, &nothing, 0, out.data(), &size) == CKR_BUFFER_TOO_SMALL);
  size = out.size();
  REQUIRE(call.C_Digest(session, &nothing, 0, out.data(), &size) == CKR_OK);
  CHECK(out[0] == (kFirst ^ 1));
}

TEST_CASE_METHOD(ShimFixture, "flip: also random bytes, and attributes", "[shim]") {
  hsm.rules("flip C_GenerateRandom 1 -8");
  std::array<CK_BYTE, 8> out{};
  CHECK(random(out) == CKR_OK);
  CK_MECHANISM generate{CKM_AES_KEY_GEN, nullptr, 0};
  CK_ULONG size = 32;
  CK_OBJECT_HANDLE key = 0;
  CK_ATTRIBUTE wanted{CKA_VALUE_LEN, &size, sizeof size};
  REQUIRE(call.C_GenerateKey(session, &generate, &wanted, 1, &key) == CKR_OK);
  CK_BBOOL local = CK_FALSE;
  CK_ATTRIBUTE asked{CKA_LOCAL, &local, sizeof local};
  hsm.rules("flip C_GetAttributeValue 1");
  REQUIRE(call.C_GetAttributeValue(session, key, &asked, 1) == CKR_OK);
  CHECK(local == CK_FALSE);
  REQUIRE(call.C_GetAttributeValue(session, key, &asked, 1) == CKR_OK);
  CHECK(local == CK_TRUE);
}

TEST_CASE_METHOD(ShimFixture, "length: shorter, longer, or what the rule says", "[shim]") {
  hsm.rules("length C_Digest 1 -1; length C_Digest 2 +9; length C_Digest 3 =0");
  std::array<CK_BYTE, 64> out{};
  for (const CK_ULONG expected : {31U, 41U, 0U, 32U}) {
    CK_ULONG size = out.size();
    REQUIRE(digest(out, size) == CKR_OK);
    CHECK(size == expected);
  }
}

TEST_CASE_METHOD(ShimFixture, "length: a token that finds nothing of what it has", "[shim]") {
  CK_MECHANISM generate{CKM_AES_KEY_GEN, nullptr, 0};
  CK_ULONG size = 32;
  CK_OBJECT_HANDLE key = 0;
  CK_ATTRIBUTE wanted{CKA_VALUE_LEN, &size, sizeof size};
  REQUIRE(call.C_GenerateKey(session, &generate, &wanted, 1, &key) == CKR_OK);
  hsm.rules("length C_FindObjects 1 =0");
  for (const CK_ULONG expected : {0U, 1U}) {
    CK_OBJECT_HANDLE found = 0;
    CK_ULONG count = 9;
    REQUIRE(call.C_FindObjectsInit(session, &wanted, 1) == CKR_OK);
    REQUIRE(call.C_FindObjects(session, &found, 1, &count) == CKR_OK);
    CHECK(count == expected);
    REQUIRE(call.C_FindObjectsFinal(session) == CKR_OK);
  }
}

TEST_CASE_METHOD(ShimFixture, "lose-sessions: all are void, and the login with them", "[shim]") {
  const CK_SESSION_HANDLE other = open();
  hsm.rules("lose-sessions C_GenerateRandom 2");
  CHECK(random() == CKR_OK);
  CHECK(random() == CKR_SESSION_HANDLE_INVALID);
  CK_SESSION_INFO info{};
  CHECK(call.C_GetSessionInfo(other, &info) == CKR_SESSION_HANDLE_INVALID);
  session = open();
  REQUIRE(call.C_GetSessionInfo(session, &info) == CKR_OK);
  CHECK(info.state == CKS_RW_PUBLIC_SESSION);
  CHECK(random() == CKR_OK);
}

TEST_CASE_METHOD(ShimFixture, "lose-sessions: waits for calls that are in the token", "[shim]") {
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; ++i) {
    callers.emplace_back([&] {
      CK_SESSION_HANDLE mine = open();
      std::array<CK_BYTE, 512> out{};
      while (!stop) {
        const CK_RV rv = call.C_GenerateRandom(mine, out.data(), out.size());
        if (rv == CKR_SESSION_HANDLE_INVALID) {
          mine = open();
        } else if (rv != CKR_OK) {
          ++wrong;
        }
      }
    });
  }
  hsm.rules("lose-sessions C_GenerateRandom */50");
  while (hsm.count("C_GenerateRandom") < 2000) std::this_thread::yield();
  stop = true;
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(ShimFixture, "lose-token: it is away, then back without its sessions", "[shim]") {
  hsm.rules("lose-token C_GenerateRandom 1");
  CHECK(random() == CKR_DEVICE_REMOVED);
  CHECK(random() == CKR_DEVICE_REMOVED);
  CK_ULONG slots = 9;
  CHECK(call.C_GetSlotList(CK_TRUE, nullptr, &slots) == CKR_OK);
  CHECK(slots == 0);
  CHECK(call.C_GetSlotList(CK_FALSE, nullptr, &slots) == CKR_OK);
  CHECK(slots > 0);
  CK_SLOT_INFO slot_info{};
  CHECK(call.C_GetSlotInfo(slot, &slot_info) == CKR_OK);
  CHECK((slot_info.flags & CKF_TOKEN_PRESENT) == 0);
  CK_TOKEN_INFO token_info{};
  CHECK(call.C_GetTokenInfo(slot, &token_info) == CKR_TOKEN_NOT_PRESENT);
  hsm.clear();
  CHECK(random() == CKR_SESSION_HANDLE_INVALID);
  CHECK(call.C_GetTokenInfo(slot, &token_info) == CKR_OK);
  session = open();
  CHECK(random() == CKR_OK);
}

TEST_CASE_METHOD(ShimFixture, "lose-token: comes back by itself after its time", "[shim]") {
  hsm.rules("lose-token C_GenerateRandom 1 1ms");
  CHECK(random() != CKR_OK);
  while (random() == CKR_DEVICE_REMOVED) std::this_thread::yield();
  CHECK(random() == CKR_SESSION_HANDLE_INVALID);
}

TEST_CASE("lock-pin: counts wrong PINs, warns, locks, and asks the token no more", "[shim]") {
  const SoftHsm hsm;
  const auto module = hsm.load();
  const CK_FUNCTION_LIST& call = *module->cryptoki().call;
  const CK_SLOT_ID slot = REQUIRE_OK(pkcs11::find_token(*module, hsm.uri())).slot;
  CK_SESSION_HANDLE session = 0;
  REQUIRE(call.C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session) == CKR_OK);
  const auto login = [&](std::string pin) {
    return call.C_Login(session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size());
  };
  const auto flags = [&] {
    CK_TOKEN_INFO info{};
    REQUIRE(call.C_GetTokenInfo(slot, &info) == CKR_OK);
    return info.flags;
  };
  const std::string right(SoftHsm::kPin);
  const test::TempDir folder;
  const bool kept = GENERATE(false, true);
  const std::string file = (folder / "tries").string();
  hsm.rules(kept ? "lock-pin 3 " + file : "lock-pin 3");
  CHECK(login("wrong") == CKR_PIN_INCORRECT);
  CHECK(login(right) == CKR_OK);  // sets it back
  REQUIRE(call.C_Logout(session) == CKR_OK);
  CHECK(login("wrong") == CKR_PIN_INCORRECT);
  CHECK((flags() & CKF_USER_PIN_FINAL_TRY) == 0);
  CHECK(login("wrong") == CKR_PIN_INCORRECT);
  CHECK((flags() & CKF_USER_PIN_FINAL_TRY) != 0);
  CHECK(login("wrong") == CKR_PIN_INCORRECT);
  CHECK((flags() & CKF_USER_PIN_LOCKED) != 0);
  CHECK(login(right) == CKR_PIN_LOCKED);
  if (kept) {
    hsm.clear();  // as a new process would be
    hsm.rules("lock-pin 3 " + file);
    CHECK(login(right) == CKR_PIN_LOCKED);
    CHECK(REQUIRE_OK(read_file(file)) == "3\n");
  }
  hsm.clear();
  CHECK(login(right) == CKR_OK);
}

TEST_CASE_METHOD(ShimFixture, "mask: a mechanism is in no list and can begin nothing", "[shim]") {
  const auto list = [this] {
    CK_ULONG count = 0;
    REQUIRE(call.C_GetMechanismList(slot, nullptr, &count) == CKR_OK);
    std::vector<CK_MECHANISM_TYPE> types(count);
    REQUIRE(call.C_GetMechanismList(slot, types.data(), &count) == CKR_OK);
    REQUIRE(count == types.size());
    return types;
  };
  const auto all = list();
  hsm.rules("mask CKM_SHA256");
  const auto some = list();
  CHECK(some.size() == all.size() - 1);
  CHECK(std::find(some.begin(), some.end(), CKM_SHA256) == some.end());
  CK_ULONG too_few = 1;
  CK_MECHANISM_TYPE one = 0;
  CHECK(call.C_GetMechanismList(slot, &one, &too_few) == CKR_BUFFER_TOO_SMALL);
  CK_MECHANISM_INFO info{};
  CHECK(call.C_GetMechanismInfo(slot, CKM_SHA256, &info) == CKR_MECHANISM_INVALID);
  CHECK(call.C_GetMechanismInfo(slot, CKM_SHA384, &info) == CKR_OK);
  std::array<CK_BYTE, 64> out{};
  CK_ULONG size = out.size();
  CHECK(digest(out, size) == CKR_MECHANISM_INVALID);
  hsm.clear();
  CHECK(digest(out, size) == CKR_OK);
}

TEST_CASE("record: a line a call, with what a template says but no secret", "[shim]") {
  const SoftHsm hsm;
  {
    const auto token = hsm.open();
    auto session = REQUIRE_OK(token->open_session());
    hsm.rules("fail C_GenerateRandom 1 CKR_DEVICE_ERROR");
    std::array<std::uint8_t, 4> out{};
    CHECK_FALSE(session.generate_random(out));
    CHECK_FALSE(session.sign(pkcs11::Mechanism::ecdsa(), pkcs11::ObjectHandle{99}, Bytes(32)));
    pkcs11::ObjectTemplate key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_AES)
        .flag(CKA_TOKEN, false)
        .flag(CKA_SENSITIVE, true)
        .secret(CKA_VALUE, Secret::copy_of(as_bytes("0123456789abcdef")));
    const auto made = REQUIRE_OK(session.create_object(key));
    const CK_ATTRIBUTE_TYPE asked[] = {CKA_SENSITIVE, CKA_KEY_TYPE, CKA_VALUE};
    (void)session.get_attributes(made, asked);
  }
  const std::string record = REQUIRE_OK(read_file(hsm.record()));
  const auto has = [&record](std::string_view line) {
    return record.find("\n" + std::string(line) + "\n") != std::string::npos;
  };
  INFO(record);
  CHECK(has("C_Login - CKR_OK"));
  CHECK(has("C_GenerateRandom - CKR_DEVICE_ERROR injected"));
  CHECK(record.find("\nC_SignInit CKM_ECDSA CKR_") != std::string::npos);
  CHECK(
      has("C_CreateObject - CKR_OK CKA_CLASS=4 CKA_KEY_TYPE=31 CKA_TOKEN=false "
          "CKA_SENSITIVE=true CKA_VALUE"));
  CHECK(has("C_GetAttributeValue - CKR_ATTRIBUTE_SENSITIVE CKA_SENSITIVE CKA_KEY_TYPE CKA_VALUE"));
  CHECK(record.ends_with("C_Finalize - CKR_OK\n"));
  CHECK(record.find("0123456789abcdef") == std::string::npos);
  CHECK(record.find(SoftHsm::kPin) == std::string::npos);
}

TEST_CASE("tally: a line a kind of call, with its count and what it worked on", "[shim]") {
  const test::TempDir folder;
  const std::filesystem::path tally = folder / "tally";
  const SoftHsm hsm;
  ::setenv("KEYWARD_SHIM_TALLY", tally.c_str(), 1);
  {
    const auto token = hsm.open();
    auto session = REQUIRE_OK(token->open_session());
    hsm.rules("fail C_GenerateRandom 3 CKR_DEVICE_ERROR");
    std::array<std::uint8_t, 4> out{};
    for (int i = 0; i < 4; ++i) (void)session.generate_random(out);
    pkcs11::ObjectTemplate key;
    key.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .flag(CKA_TOKEN, false)
        .flag(CKA_SENSITIVE, true)
        .flag(CKA_SIGN, true)
        .secret(CKA_VALUE, Secret::copy_of(as_bytes("0123456789abcdef0123456789abcdef")));
    const auto made = REQUIRE_OK(session.create_object(key));
    for (int i = 0; i < 2; ++i) {
      REQUIRE_OK(session.sign(pkcs11::Mechanism::sha256_hmac(), made, Bytes(32)));
    }
    REQUIRE_OK(session.destroy_object(made));
    CHECK_FALSE(session.sign(pkcs11::Mechanism::sha256_hmac(), made, Bytes(32)));
  }
  ::unsetenv("KEYWARD_SHIM_TALLY");
  const std::string text = "\n" + REQUIRE_OK(read_file(tally));
  INFO(text);
  CHECK(text.find("\n3 C_GenerateRandom - CKR_OK\n") != std::string::npos);
  CHECK(text.find("\n1 C_GenerateRandom - CKR_DEVICE_ERROR injected\n") != std::string::npos);
  CHECK(text.find("\n2 C_SignInit CKM_SHA256_HMAC CKR_OK key.made=C_CreateObject key.CKA_CLASS=4 "
                  "key.CKA_KEY_TYPE=16 key.CKA_VALUE_LEN=32 key.CKA_TOKEN=false "
                  "key.CKA_PRIVATE=true key.CKA_SENSITIVE=true") != std::string::npos);
  CHECK(text.find("\n1 C_DestroyObject - CKR_OK object.made=C_CreateObject") != std::string::npos);
  CHECK(text.find("\n1 C_SignInit CKM_SHA256_HMAC CKR_OBJECT_HANDLE_INVALID key.gone\n") !=
        std::string::npos);
  CHECK(text.find("0123456789abcdef0123456789abcdef") == std::string::npos);
}

TEST_CASE("tally: one that cannot be written fails every call", "[shim]") {
  const SoftHsm hsm;
  ::setenv("KEYWARD_SHIM_TALLY", "/nowhere/tally", 1);
  const auto module = pkcs11::Module::load(hsm.module_path());
  ::unsetenv("KEYWARD_SHIM_TALLY");
  CHECK_FALSE(module.has_value());
}

}  // namespace kw::shim
