// SPDX-License-Identifier: Apache-2.0
// The attacks that no template defeats: each by the discipline that does.
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <regex>
#include <set>
#include <thread>

#include "base/file.h"
#include "pkcs11/return_value.h"
#include "service/doctor/doctor.h"
#include "service/doctor/lab.h"
#include "tests/support/expect.h"
#include "tests/support/softhsm.h"

namespace kw::doctor {
namespace {

namespace fs = std::filesystem;

using pkcs11::Profile;

struct AttributeOnDisk {
  const char* name;
  CK_ATTRIBUTE_TYPE type;
};

// Every yes or no of a key in SoftHSM's object file: type, kind 1, and the byte; big-endian.
bool flip(const fs::path& folder, const AttributeOnDisk& attribute) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".object" || entry.path().filename() == "token.object")
      continue;
    std::string file = REQUIRE_OK(read_file(entry.path()));
    Bytes needle;
    append_u32(needle, 0);
    append_u32(needle, static_cast<std::uint32_t>(attribute.type));
    append_u32(needle, 0);
    append_u32(needle, 1);
    const std::size_t at = file.find(as_text(needle));
    if (at == std::string::npos) continue;
    char& value = file[at + needle.size()];
    value = value == 0 ? '\xff' : '\0';
    std::ofstream(entry.path(), std::ios::binary) << file;
    return true;
  }
  return false;
}

std::vector<fs::path> sources() {
  std::vector<fs::path> found;
  for (const char* const room : {"base", "pkcs11", "policy", "service", "cli"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(KEYWARD_TREE) / room)) {
      if (entry.path().extension() == ".cc") found.push_back(entry.path());
    }
  }
  return found;
}

}  // namespace

TEST_CASE("A22: an attribute changed on disk is found by comparison", "[doctor][attack]") {
  const auto attribute = GENERATE(values<AttributeOnDisk>({{"SENSITIVE", CKA_SENSITIVE},
                                                           {"EXTRACTABLE", CKA_EXTRACTABLE},
                                                           {"ENCRYPT", CKA_ENCRYPT},
                                                           {"DECRYPT", CKA_DECRYPT},
                                                           {"SIGN", CKA_SIGN},
                                                           {"VERIFY", CKA_VERIFY},
                                                           {"WRAP", CKA_WRAP},
                                                           {"UNWRAP", CKA_UNWRAP},
                                                           {"DERIVE", CKA_DERIVE},
                                                           {"MODIFIABLE", CKA_MODIFIABLE},
                                                           {"COPYABLE", CKA_COPYABLE},
                                                           {"LOCAL", CKA_LOCAL},
                                                           {"TRUSTED", CKA_TRUSTED}}));
  const test::SoftHsm hsm;
  const Bytes id(20, 7);
  {
    const auto token = hsm.open();
    auto session = REQUIRE_OK(token->open_session());
    const auto made = REQUIRE_OK(pkcs11::generate(session, Profile::MasterAes, id, "a22"));
    REQUIRE(pkcs11::verify(session, made.key, Profile::MasterAes, id));
  }
  INFO(attribute.name);
  REQUIRE(flip(hsm.token_directory(), attribute));
  const auto token = hsm.open();
  auto session = REQUIRE_OK(token->open_session());
  const auto key = REQUIRE_OK(pkcs11::find_key(session, Profile::MasterAes, id));
  CHECK_CODE(pkcs11::verify(session, key, Profile::MasterAes, id), Code::Internal);
}

TEST_CASE("A23: a child of fork would have the login, and keyward never forks",
          "[doctor][attack]") {
  test::SoftHsm hsm;
  const auto token = hsm.open();
  Lab lab(*token);
  const OurKey key = REQUIRE_OK(lab.ours(Profile::MacSha256));
  const Raw raw = REQUIRE_OK(lab.raw());
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(raw.sign(CKM_SHA256_HMAC, key.handle, as_bytes("fork")).ok() ? 42 : 1);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 42);  // the hazard

  const std::regex forks(R"(\b(v?fork|popen|system)\s*\()");
  std::set<std::string> found;
  for (const fs::path& source : sources()) {
    if (std::regex_search(REQUIRE_OK(read_file(source)), forks)) {
      found.insert(fs::relative(source, KEYWARD_TREE));
    }
  }
  // The benchmark starts a server of its own, which is another program from there on.
  CHECK(found == std::set<std::string>{"service/bench/server_process.cc"});
}

TEST_CASE("A24: no parameter is null with a length", "[doctor][attack]") {
  const std::array<std::uint8_t, pkcs11::kGcmIvSize> iv{};
  CK_GCM_PARAMS parameters{};
  const auto gcm = pkcs11::Mechanism::aes_gcm(iv, {});
  REQUIRE(gcm.parameter().size() == sizeof parameters);
  std::memcpy(&parameters, gcm.parameter().data(), sizeof parameters);
  CHECK(parameters.pIv != nullptr);
  CHECK(parameters.pAAD == nullptr);
  CHECK(parameters.ulAADLen == 0);
  CK_KEY_DERIVATION_STRING_DATA data{};
  const auto derive = pkcs11::Mechanism::aes_ecb_encrypt_data({});
  REQUIRE(derive.parameter().size() == sizeof data);
  std::memcpy(&data, derive.parameter().data(), sizeof data);
  CHECK((data.string_data != nullptr || data.string_data_len == 0));
  CHECK(pkcs11::Mechanism::ecdsa().parameter().empty());
}

TEST_CASE("A25: every module is told that there are threads", "[doctor][attack]") {
  const auto with = REQUIRE_OK(pkcs11::Module::load(KEYWARD_INIT_PROBE, "tell='it'"));
  void* const probe = ::dlopen(KEYWARD_INIT_PROBE, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(probe != nullptr);
  auto* const flags = reinterpret_cast<unsigned long (*)()>(::dlsym(probe, "init_probe_flags"));
  auto* const parameters =
      reinterpret_cast<const char* (*)()>(::dlsym(probe, "init_probe_parameters"));
  CHECK(flags() == CKF_OS_LOCKING_OK);
  CHECK(parameters() == std::string("tell='it'"));
  const auto without = REQUIRE_OK(pkcs11::Module::load(KEYWARD_INIT_PROBE));
  CHECK(flags() == CKF_OS_LOCKING_OK);
  CHECK(std::string(parameters()).empty());
  ::dlclose(probe);
}

TEST_CASE("A25: threads do not disturb each other", "[doctor][attack]") {
  const test::SoftHsm hsm;
  const auto token = hsm.open();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto session = token->open_session();
      std::array<std::uint8_t, 32> bytes{};
      for (int n = 0; session && n < 200; ++n) good += session->generate_random(bytes) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(good == 1600);
}

TEST_CASE("A26: a refused PIN is tried once", "[doctor][attack]") {
  const test::SoftHsm hsm;
  Options options;
  options.module = hsm.module_path();
  options.token_uri = hsm.uri().text();
  options.pin = Secret::copy_of(as_bytes("wrong-keyward"));
  const auto report = examine(std::move(options), [](const std::string&) {});
  REQUIRE_FALSE(report);
  CHECK(pkcs11::rv_class(report.error()) == pkcs11::RvClass::Latch);
  CHECK(hsm.count("C_Login") == 1);
}

TEST_CASE("A26a: a capability is proved, not read in a list", "[doctor][attack]") {
  const test::SoftHsm hsm;
  hsm.clear();
  {
    const auto token = hsm.open();
    auto session = REQUIRE_OK(token->open_session());
    REQUIRE_OK(pkcs11::generate(session, Profile::EcdsaP256, Bytes(20, 9), "a26a"));
  }
  CHECK(hsm.count("C_GetMechanismInfo") == 0);
  CHECK(hsm.count("C_GetMechanismList") == 0);
}

}  // namespace kw::doctor
