// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/features.h"

#include <algorithm>

#include "service/crypto/xaes.h"
#include "service/doctor/host.h"
#include "service/doctor/wrapping.h"

namespace kw::doctor {
namespace {

// Nothing where the answer is the known one, else why not.
using Proof = Result<std::string>;

// The vectors below: NIST SP 800-38A (F.1.5, F.2.5, F.5.5) and 800-38B (D.3), with one key.
constexpr const char* kKey = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
constexpr const char* kBlock = "6bc1bee22e409f96e93d7e117393172a";

Bytes hex(std::string_view text) { return decode_hex(text).value(); }

std::string expect(const Answer& answer, ByteView wanted) {
  if (!answer.ok()) return answer.name();
  return std::ranges::equal(answer.bytes, wanted) ? "" : "a wrong answer";
}

// Imports the key, runs one call and compares.
template <typename Call>
Proof known_answer(Lab& lab, const SecretWish& wish, std::string_view key, Call call,
                   std::string_view wanted) {
  const Raw raw = TRY(lab.raw());
  const CK_OBJECT_HANDLE handle = TRY(import_key(raw, wish, hex(key)));
  return expect(call(raw, handle), hex(wanted));
}

Proof aes_known_answer(Lab& lab, RawMechanism mechanism, std::string_view wanted) {
  return known_answer(
      lab, {.uses = kEncrypt}, kKey,
      [&](const Raw& raw, CK_OBJECT_HANDLE key) {
        return raw.encrypt(mechanism, key, hex(kBlock));
      },
      wanted);
}

Proof import_secret(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  (void)TRY(known_key(raw, {.uses = kEncrypt}));
  return std::string();
}

Proof generate_aes(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const Answer made = raw.generate(CKM_AES_KEY_GEN, secret_key({.uses = kEncrypt, .size = 32}));
  return made.ok() ? std::string() : made.name();
}

Proof random_bytes(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const Answer once = raw.random(64);
  const Answer twice = raw.random(64);
  if (!once.ok()) return once.name();
  return once.bytes == twice.bytes ? "the same bytes twice" : std::string();
}

Proof aes_ecb(Lab& lab) {
  return aes_known_answer(lab, CKM_AES_ECB, "f3eed1bdb5d2a03c064b5a7e3db181f8");
}

Proof aes_cbc(Lab& lab) {
  return aes_known_answer(lab, RawMechanism(CKM_AES_CBC, hex("000102030405060708090a0b0c0d0e0f")),
                          "f58c4c04d6e5f1ba779eabfb5f7bfbd6");
}

Proof aes_ctr(Lab& lab) {
  return aes_known_answer(lab, RawMechanism::ctr(hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")),
                          "601ec313775789a5b7a7f504bbf3d228");
}

// The GCM specification's test case 16.
Proof aes_gcm(Lab& lab) {
  const Bytes iv = hex("cafebabefacedbaddecaf888");
  const Bytes aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const auto call = [&](const Raw& raw, CK_OBJECT_HANDLE key) {
    return raw.encrypt(
        RawMechanism::gcm(iv, aad, 128), key,
        hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c9595"
            "6809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"));
  };
  return known_answer(
      lab, {.uses = kEncrypt}, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
      call,
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590d"
      "bb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b");
}

Proof aes_cmac(Lab& lab) {
  return known_answer(
      lab, {.uses = kSign}, kKey,
      [](const Raw& raw, CK_OBJECT_HANDLE key) { return raw.sign(CKM_AES_CMAC, key, hex(kBlock)); },
      "28a7023f452e8f82bd4bf28d8c37c35c");
}

// The key of C2SP's XAES-256-GCM vector, derived and used in the token.
Proof xaes(Lab& lab) {
  constexpr std::string_view kNonce = "ABCDEFGHIJKLMNOPQRSTUVWX";
  namespace xaes = crypto::xaes;
  Raw raw = TRY(lab.raw());
  const CK_OBJECT_HANDLE key = TRY(import_key(raw, {.uses = kDerive}, Bytes(32, 1)));
  const auto block = TRY(pkcs11::derive_check_block(raw.session(), pkcs11::ObjectHandle{key}));
  xaes::Prefix prefix{};
  std::ranges::copy(as_bytes(kNonce).first(prefix.size()), prefix.begin());
  const Bytes data = to_bytes(xaes::derivation_data(xaes::k1_of(block), prefix));
  const Answer made =
      raw.derive(RawMechanism::encrypt_data(data), key, secret_key({.uses = kEncrypt, .size = 32}));
  if (!made.ok()) return made.name();
  const RawMechanism gcm = RawMechanism::gcm(as_bytes(kNonce).subspan(prefix.size()), {}, 128);
  return expect(raw.encrypt(gcm, made.object, as_bytes("XAES-256-GCM")),
                hex("ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"));
}

Proof hmac(Lab& lab, host::Digest digest) {
  const bool is_short = digest == host::Digest::Sha256;
  const Raw raw = TRY(lab.raw());
  const Bytes value = host::random(is_short ? 32 : 64);
  const CK_OBJECT_HANDLE key =
      TRY(import_key(raw, {.uses = kSign, .type = CKK_GENERIC_SECRET}, value));
  const Bytes text = host::random(100);
  return expect(raw.sign(is_short ? CKM_SHA256_HMAC : CKM_SHA512_HMAC, key, text),
                host::hmac(digest, value, text));
}

Proof hmac_sha256(Lab& lab) { return hmac(lab, host::Digest::Sha256); }
Proof hmac_sha512(Lab& lab) { return hmac(lab, host::Digest::Sha512); }

// A blob of OpenSSL's, unwrapped to a session key that is then used.
Proof unwrap_and_use(Lab& lab, CK_MECHANISM_TYPE type, host::Wrapping how) {
  const Raw raw = TRY(lab.raw());
  const KnownKey kek = TRY(known_key(raw, {.uses = kUnwrap}));
  const Bytes value = host::random(32);
  const Answer made = raw.unwrap(type, kek.handle, host::wrap(how, kek.value, value),
                                 secret_key({.uses = kEncrypt, .extractable = false}));
  if (!made.ok()) return made.name();
  return expect(raw.encrypt(CKM_AES_ECB, made.object, Bytes(16)), host::aes_ecb(value, Bytes(16)));
}

Proof key_wrap(Lab& lab) { return unwrap_and_use(lab, CKM_AES_KEY_WRAP, host::Wrapping::Plain); }
Proof kwp_210a(Lab& lab) {
  return unwrap_and_use(lab, CKM_AES_KEY_WRAP_PAD, host::Wrapping::Padded);
}
Proof kwp_210b(Lab& lab) { return unwrap_and_use(lab, kAesKeyWrapKwp, host::Wrapping::Padded); }

Proof oaep(Lab& lab, host::RsaPadding padding) {
  const bool is_sha1 = padding == host::RsaPadding::OaepSha1;
  const Raw raw = TRY(lab.raw());
  const RsaPair pair = TRY(rsa_key(raw, kDecrypt));
  const Bytes text = host::random(32);
  const auto sealed = host::rsa_encrypt(pair.modulus, pair.exponent, padding, text);
  if (!sealed) return std::string("OpenSSL does not take the public half");
  const RawMechanism mechanism = is_sha1 ? RawMechanism::oaep(CKM_SHA_1, CKG_MGF1_SHA1)
                                         : RawMechanism::oaep(CKM_SHA256, CKG_MGF1_SHA256);
  return expect(raw.decrypt(mechanism, pair.private_half, *sealed), text);
}

Proof oaep_sha1(Lab& lab) { return oaep(lab, host::RsaPadding::OaepSha1); }
Proof oaep_sha256(Lab& lab) { return oaep(lab, host::RsaPadding::OaepSha256); }

struct Row {
  const char* id;
  const char* title;
  const char* source;
  Proof (*prove)(Lab&);
};

constexpr Row kRows[] = {
    {"random", "random bytes", "two draws differ", random_bytes},
    {"import", "takes a secret key from outside", "C_CreateObject", import_secret},
    {"aes-generate", "AES session keys", "C_GenerateKey", generate_aes},
    {"aes-ecb", "AES-ECB", "SP 800-38A", aes_ecb},
    {"aes-cbc", "AES-CBC", "SP 800-38A", aes_cbc},
    {"aes-ctr", "AES-CTR", "SP 800-38A", aes_ctr},
    {"aes-gcm", "AES-GCM with associated data", "GCM test case 16", aes_gcm},
    {"aes-cmac", "AES-CMAC", "SP 800-38B", aes_cmac},
    {"xaes", "XAES-256-GCM wholly inside", "C2SP vector", xaes},
    {"hmac-sha256", "HMAC-SHA256", "OpenSSL", hmac_sha256},
    {"hmac-sha512", "HMAC-SHA512", "OpenSSL", hmac_sha512},
    {"aes-key-wrap", "unwrap RFC 3394, and use", "OpenSSL", key_wrap},
    {"kwp-210a", "unwrap RFC 5649 as 0x210A, and use", "OpenSSL", kwp_210a},
    {"kwp-210b", "unwrap RFC 5649 as 0x210B, and use", "OpenSSL", kwp_210b},
    {"oaep-sha1", "RSA-OAEP decryption, SHA-1", "OpenSSL", oaep_sha1},
    {"oaep-sha256", "RSA-OAEP decryption, SHA-256", "OpenSSL", oaep_sha256},
};

Feature probe(const Row& row, Lab& lab) {
  const Proof proof = row.prove(lab);
  if (!proof) return {row.id, row.title, Fact::Untried, proof.error().detail()};
  if (proof->empty()) return {row.id, row.title, Fact::Yes, row.source};
  return {row.id, row.title, Fact::No, *proof};
}

}  // namespace

std::vector<Feature> probe_features(Lab& lab, const std::function<Result<void>()>& go_on) {
  std::vector<Feature> features;
  for (const Row& row : kRows) {
    if (!go_on()) break;
    features.push_back(probe(row, lab));
  }
  return features;
}

std::vector<AlgorithmResult> judge_suites(const std::vector<AlgorithmResult>& algorithms) {
  const auto algorithm = [&](std::string_view name) {
    return std::ranges::find(algorithms, name, &AlgorithmResult::name)->offer;
  };
  return {{"1", algorithm("xaes-256-gcm")},
          {"2", algorithm("aes-256-gcm-counted")},
          {"3", algorithm("aes-256-gcm-host")}};
}

}  // namespace kw::doctor
