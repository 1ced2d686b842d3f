// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/quirks.h"

#include <array>
#include <cstring>

#include "service/doctor/host.h"
#include "service/doctor/wrapping.h"

namespace kw::doctor {
namespace {

using pkcs11::ObjectTemplate;

using Finding = Result<std::string>;

constexpr std::array<std::uint8_t, 12> kQuirkIv{};
constexpr std::size_t kTextSize = 100;
constexpr std::size_t kTagSize = 16;

RawMechanism gcm() { return RawMechanism::gcm(kQuirkIv, {}, kTagSize * 8); }

struct GcmBench {
  Raw raw;
  CK_OBJECT_HANDLE key;
};

Result<GcmBench> gcm_bench(Lab& lab) {
  Raw raw = TRY(lab.raw());
  const KnownKey key = TRY(known_key(raw, {.uses = kEncrypt | kDecrypt}));
  return GcmBench{std::move(raw), key.handle};
}

// What C_Encrypt says it needs for 100 bytes, when asked for the length.
Finding length_query(Lab& lab) {
  const GcmBench bench = TRY(gcm_bench(lab));
  const CK_FUNCTION_LIST& call = bench.raw.call();
  const RawMechanism mechanism = gcm();
  CK_MECHANISM how = mechanism.get();
  Bytes text(kTextSize);
  CK_ULONG needed = 0;
  CK_RV rv = call.C_EncryptInit(bench.raw.handle(), &how, bench.key);
  if (rv != CKR_OK) return "no AES-GCM: " + name_of_rv(rv);
  rv = call.C_Encrypt(bench.raw.handle(), text.data(), text.size(), nullptr, &needed);
  if (rv != CKR_OK) return "refused: " + name_of_rv(rv);
  Bytes small(kTextSize / 2);
  CK_ULONG size = small.size();
  const CK_RV short_rv =
      call.C_Encrypt(bench.raw.handle(), text.data(), text.size(), small.data(), &size);
  Bytes whole(kTextSize + kTagSize);
  size = whole.size();
  rv = call.C_Encrypt(bench.raw.handle(), text.data(), text.size(), whole.data(), &size);
  const bool honest = needed >= kTextSize + kTagSize;
  return "says " + std::to_string(needed) + " where 116 are needed" +
         (honest ? "" : ": WRONG, it leaves the tag out") + "; a short buffer is " +
         name_of_rv(short_rv) + ", a retry after it " + name_of_rv(rv);
}

// Whether a session can go on after an operation that failed in it.
Finding after_failure(Lab& lab) {
  const GcmBench bench = TRY(gcm_bench(lab));
  const Answer failed = bench.raw.decrypt(gcm(), bench.key, Bytes(kTextSize));
  if (failed.ok()) return std::string("garbage was decrypted");
  const Answer next = bench.raw.encrypt(gcm(), bench.key, Bytes(kTextSize));
  return "a wrong GCM tag is " + failed.name() + "; the session " +
         (next.ok() ? "goes on" : "is stuck: " + next.name());
}

Finding empty_text(Lab& lab) {
  const GcmBench bench = TRY(gcm_bench(lab));
  const Answer sealed = bench.raw.encrypt(gcm(), bench.key, {});
  if (!sealed.ok()) return "an empty GCM text is refused: " + sealed.name();
  const Answer opened = bench.raw.decrypt(gcm(), bench.key, sealed.bytes);
  return opened.ok() ? std::string("an empty GCM text is sealed and opened")
                     : "an empty GCM text is sealed, and not opened: " + opened.name();
}

// Whether a started operation can be given up.
Finding cancel(Lab& lab) {
  const GcmBench bench = TRY(gcm_bench(lab));
  const RawMechanism mechanism = gcm();
  CK_MECHANISM how = mechanism.get();
  const CK_FUNCTION_LIST& call = bench.raw.call();
  if (call.C_EncryptInit(bench.raw.handle(), &how, bench.key) != CKR_OK) {
    return std::string("no AES-GCM");
  }
  const CK_RV twice = call.C_EncryptInit(bench.raw.handle(), &how, bench.key);
  const CK_RV given_up = call.C_EncryptInit(bench.raw.handle(), nullptr, bench.key);
  return "a second Init is " + name_of_rv(twice) + ", giving up with a null mechanism " +
         name_of_rv(given_up);
}

struct Default {
  CK_ATTRIBUTE_TYPE type;
  const char* name;
};

constexpr Default kDefaults[] = {
    {CKA_PRIVATE, "PRIVATE"},       {CKA_SENSITIVE, "SENSITIVE"}, {CKA_EXTRACTABLE, "EXTRACTABLE"},
    {CKA_MODIFIABLE, "MODIFIABLE"}, {CKA_COPYABLE, "COPYABLE"},   {CKA_ENCRYPT, "ENCRYPT"},
    {CKA_DECRYPT, "DECRYPT"},       {CKA_SIGN, "SIGN"},           {CKA_WRAP, "WRAP"},
    {CKA_UNWRAP, "UNWRAP"},         {CKA_DERIVE, "DERIVE"}};

// What a key is that was generated without a word on its attributes.
Finding defaults(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  ObjectTemplate bare;
  bare.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .number(CKA_VALUE_LEN, 32)
      .flag(CKA_TOKEN, false);
  const Answer made = raw.generate(CKM_AES_KEY_GEN, bare);
  if (!made.ok()) return "no AES key: " + made.name();
  std::string on;
  std::string off;
  for (const Default& each : kDefaults) {
    const std::optional<bool> value = raw.flag(made.object, each.type);
    if (!value) continue;
    std::string& list = *value ? on : off;
    list += (list.empty() ? "" : " ") + std::string(each.name);
  }
  return "TRUE: " + on + "; FALSE: " + off;
}

std::string shortest_key(const Raw& raw, CK_MECHANISM_TYPE type) {
  std::string last;
  for (const std::size_t size : {1UL, 16UL, 20UL, 32UL, 48UL, 64UL}) {
    const auto key =
        import_key(raw, {.uses = kSign, .type = CKK_GENERIC_SECRET}, host::random(size));
    if (!key) return key.error().detail();
    const Answer mac = raw.sign(type, *key, as_bytes("text"));
    if (mac.ok()) return std::to_string(size) + " bytes";
    last = mac.name();
  }
  return "none: " + last;
}

Finding hmac_keys(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const std::string sha256 = shortest_key(raw, CKM_SHA256_HMAC);
  const Raw other = TRY(lab.raw());
  return "shortest key for SHA-256: " + sha256 +
         ", for SHA-512: " + shortest_key(other, CKM_SHA512_HMAC);
}

Answer ec_key(const Raw& raw, CK_MECHANISM_TYPE generator, std::string_view curve) {
  const PairTemplates wanted = ec_pair(curve);
  CK_OBJECT_HANDLE outer = CK_INVALID_HANDLE;
  return raw.generate_pair(generator, wanted.public_half, wanted.private_half, outer);
}

Finding ecdsa(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const Answer key = ec_key(raw, CKM_EC_KEY_PAIR_GEN, kP256);
  if (!key.ok()) return "no P-256: " + key.name();
  const Answer hashed = raw.sign(CKM_ECDSA_SHA256, key.object, as_bytes("text"));
  const Raw other = TRY(lab.raw());
  const Answer digest = other.sign(CKM_ECDSA, key.object, Bytes(32));
  return std::string("over a digest: ") + (digest.ok() ? "yes" : digest.name()) +
         "; hashing inside: " + (hashed.ok() ? "yes" : "no, " + hashed.name());
}

Finding eddsa(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const Answer oid = ec_key(raw, CKM_EC_EDWARDS_KEY_PAIR_GEN, kEd25519);
  const Answer name = ec_key(raw, CKM_EC_EDWARDS_KEY_PAIR_GEN, kEd25519Name);
  if (!oid.ok() && !name.ok()) return "no Ed25519: " + oid.name();
  const Answer plain = raw.sign(CKM_EDDSA, oid.ok() ? oid.object : name.object, as_bytes("text"));
  return std::string("by OID: ") + (oid.ok() ? "yes" : oid.name()) +
         ", by name: " + (name.ok() ? "yes" : name.name()) +
         ", signing without parameters: " + (plain.ok() ? "yes" : plain.name());
}

Finding random_limit(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const Answer large = raw.random(1 << 20);
  return large.ok() ? std::string("1 MiB in one call") : "1 MiB in one call is " + large.name();
}

// Asks into memory that is all ones, and again into zeros. Flags that differ were the caller's.
Finding mechanism_info(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  CK_SESSION_INFO session{};
  if (raw.call().C_GetSessionInfo(raw.handle(), &session) != CKR_OK) {
    return std::string("C_GetSessionInfo is refused");
  }
  std::string dirty;
  constexpr std::array<std::pair<CK_MECHANISM_TYPE, const char*>, 5> kAsked = {
      {{CKM_AES_ECB, "AES_ECB"},
       {CKM_AES_CBC_PAD, "AES_CBC_PAD"},
       {CKM_AES_CTR, "AES_CTR"},
       {CKM_AES_GCM, "AES_GCM"},
       {CKM_RSA_PKCS, "RSA_PKCS"}}};
  for (const auto& [type, name] : kAsked) {
    CK_MECHANISM_INFO ones;
    std::memset(&ones, 0xff, sizeof ones);
    CK_MECHANISM_INFO zeros{};
    const CK_RV rv = raw.call().C_GetMechanismInfo(session.slotID, type, &ones);
    if (rv != CKR_OK) continue;
    (void)raw.call().C_GetMechanismInfo(session.slotID, type, &zeros);
    if (ones.flags != zeros.flags) dirty += (dirty.empty() ? "" : ", ") + std::string(name);
  }
  return dirty.empty() ? std::string("fills the whole structure")
                       : "keeps bits of the caller's memory for " + dirty;
}

Finding key_generation_claim(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  CK_SESSION_INFO session{};
  (void)raw.call().C_GetSessionInfo(raw.handle(), &session);
  CK_MECHANISM_INFO info{};
  const bool listed =
      raw.call().C_GetMechanismInfo(session.slotID, CKM_AES_KEY_GEN, &info) == CKR_OK;
  const Answer made = raw.generate(CKM_AES_KEY_GEN, secret_key({.uses = kEncrypt, .size = 32}));
  return std::string("AES_KEY_GEN is ") + (listed ? "listed" : "not listed") + ", and " +
         (made.ok() ? "works" : "is " + made.name());
}

Finding value_length(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey kek = TRY(known_key(raw, {.uses = kUnwrap}));
  const Bytes blob = host::wrap(host::Wrapping::Plain, kek.value, host::random(32));
  const Answer made =
      raw.unwrap(CKM_AES_KEY_WRAP, kek.handle, blob, secret_key({.uses = kEncrypt}));
  if (!made.ok()) return "nothing unwraps: " + made.name();
  const Answer length = raw.attribute(made.object, CKA_VALUE_LEN);
  CK_ULONG size = 0;
  if (length.bytes.size() == sizeof size) std::memcpy(&size, length.bytes.data(), sizeof size);
  return "CKA_VALUE_LEN of a key of 32 bytes is " +
         (length.ok() ? std::to_string(size) : length.name());
}

// A session object, seen from another session and after its own has ended.
Finding session_objects(Lab& lab) {
  const Raw other = TRY(lab.raw());
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  std::string seen;
  {
    const Raw raw = TRY(lab.raw());
    object = TRY(known_key(raw, {.uses = kEncrypt})).handle;
    seen = other.encrypt(CKM_AES_ECB, object, Bytes(16)).ok() ? "yes" : "no";
  }
  const Raw third = TRY(lab.raw());
  const Answer after = third.encrypt(CKM_AES_ECB, object, Bytes(16));
  return "used from another session: " + seen + "; after its session ended: " + after.name();
}

Finding digest_of_key(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey key = TRY(known_key(raw, {.extractable = false}));
  const Answer digest = raw.digest_key(key.handle);
  return digest.ok() ? std::string("a sensitive key's hash is given out")
                     : "a sensitive key is not hashed: " + digest.name();
}

struct Row {
  const char* id;
  const char* title;
  Finding (*find)(Lab&);
};

constexpr Row kRows[] = {
    {"length-query", "asking for an output's length", length_query},
    {"after-failure", "after a failed operation", after_failure},
    {"cancel", "giving an operation up", cancel},
    {"empty", "empty plaintext", empty_text},
    {"defaults", "attributes left out of a template", defaults},
    {"hmac-keys", "HMAC keys", hmac_keys},
    {"ecdsa", "ECDSA", ecdsa},
    {"eddsa", "Ed25519", eddsa},
    {"random", "random bytes in one call", random_limit},
    {"mechanism-info", "C_GetMechanismInfo", mechanism_info},
    {"claims", "mechanism list", key_generation_claim},
    {"value-len", "length after unwrapping", value_length},
    {"session-objects", "session objects", session_objects},
    {"digest-key", "C_DigestKey", digest_of_key},
};

}  // namespace

std::vector<Quirk> probe_quirks(Lab& lab, const std::function<Result<void>()>& go_on) {
  std::vector<Quirk> quirks;
  for (const Row& row : kRows) {
    if (!go_on()) break;
    const Finding finding = row.find(lab);
    quirks.push_back({row.id, row.title, finding ? *finding : finding.error().detail()});
  }
  return quirks;
}

}  // namespace kw::doctor
