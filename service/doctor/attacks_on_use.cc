// SPDX-License-Identifier: Apache-2.0
// Attacks that use a key with a mechanism, parameter or input that it is not for.
#include <array>

#include "service/doctor/attack.h"
#include "service/doctor/host.h"
#include "service/doctor/wrapping.h"

namespace kw::doctor {
namespace {

using pkcs11::ObjectTemplate;
using pkcs11::Profile;

constexpr std::array<std::uint8_t, 16> kZeroBlock{};
constexpr std::array<std::uint8_t, 12> kIv = {'d', 'o', 'c', 't', 'o', 'r',
                                              ' ', 'i', 'v', '!', '!', '!'};
constexpr std::string_view kText = "sixteen bytes...and sixteen more";
constexpr CK_ULONG kTagBits = 128;

// ---- A10

// GCM's own counter mode from the second block on: decrypts without the tag.
RawMechanism gcm_as_ctr() {
  Bytes counter = to_bytes(kIv);
  append_u32(counter, 2);
  return RawMechanism::ctr(counter);
}

Trial mix(const Raw& raw, CK_OBJECT_HANDLE key) {
  const Answer sealed = raw.encrypt(RawMechanism::gcm(kIv, {}, kTagBits), key, as_bytes(kText));
  if (!sealed.ok()) return {Fate::Untried, "no AES-GCM: " + sealed.name()};
  const Answer opened = raw.decrypt(gcm_as_ctr(), key, ByteView(sealed.bytes).first(kText.size()));
  if (opened.ok() && as_text(opened.bytes) == kText) {
    return succeeds("a GCM text opened by AES_CTR, without its tag");
  }
  const Answer block = raw.encrypt(CKM_AES_ECB, key, kZeroBlock);
  if (block.ok()) return succeeds("GCM's authentication key by AES_ECB");
  return refused(block);
}

Result<Trial> a10_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey key = TRY(known_key(raw, {.uses = kEncrypt | kDecrypt}));
  return mix(raw, key.handle);
}

Result<Trial> a10_ours(Lab& lab) {
  Raw raw = TRY(lab.raw());
  const CK_OBJECT_HANDLE key = TRY(lab.message_key(raw));
  return mix(raw, key);
}

// ---- A11, A12

Answer derive_readable(const Raw& raw, CK_OBJECT_HANDLE base, ByteView data) {
  const SecretWish wish{.size = data.size(), .sensitive = false};
  const Answer made = raw.derive(RawMechanism::encrypt_data(data), base, secret_key(wish));
  return made.ok() ? raw.attribute(made.object, CKA_VALUE) : made;
}

Result<KnownKey> careless_master(const Raw& raw) {
  return known_key(raw, {.uses = kDerive | kEncrypt, .extractable = false});
}

Trial derive_out(const Raw& raw, CK_OBJECT_HANDLE base) {
  const Answer value = derive_readable(raw, base, host::random(32));
  return value.ok() ? succeeds("a derived key's value can be read") : refused(value);
}

Result<Trial> a11_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey key = TRY(careless_master(raw));
  return derive_out(raw, key.handle);
}

Result<Trial> a11_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  return derive_out(raw, master.handle);
}

// What a key derives is what it encrypts.
Result<Trial> a12_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey key = TRY(careless_master(raw));
  const Bytes data = host::random(32);
  const Answer block = raw.encrypt(CKM_AES_ECB, key.handle, data);
  const Answer derives =
      raw.derive(RawMechanism::encrypt_data(data), key.handle, secret_key({.size = 32}));
  if (!derives.ok()) return refused(derives);
  return block.ok() ? succeeds("a derived key, computed by encrypting") : refused(block);
}

Result<Trial> a12_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  Answer last;
  for (const CK_MECHANISM_TYPE type : {CKM_AES_ECB, CKM_AES_CMAC}) {
    const Raw raw = TRY(lab.raw());
    last = type == CKM_AES_ECB ? raw.encrypt(type, master.handle, kZeroBlock)
                               : raw.sign(type, master.handle, kZeroBlock);
    if (last.ok()) return succeeds("the master key encrypts or MACs a chosen block");
  }
  return refused(last);
}

// ---- A13, A14: oracles

// Whether the token's answer tells well-formed padding from garbage.
Result<Trial> a13_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const RsaPair pair = TRY(rsa_key(raw, kDecrypt | kUnwrap));
  const auto good = host::rsa_encrypt(pair.modulus, pair.exponent, host::RsaPadding::Pkcs1, kIv);
  if (!good) return Trial{Fate::Untried, "OpenSSL does not take the public half"};
  const Answer well = raw.decrypt(CKM_RSA_PKCS, pair.private_half, *good);
  if (!well.ok()) return refused(well);
  Bytes garbage = host::random(pair.modulus.size());
  garbage.front() = 0;  // below the modulus
  const Raw other = TRY(lab.raw());
  const Answer bad = other.decrypt(CKM_RSA_PKCS, pair.private_half, garbage);
  return bad.ok() ? refused("both answer CKR_OK")
                  : succeeds("CKR_OK against " + bad.name() + " tells the padding");
}

Result<Trial> a13_ours(Lab& lab) {
  const OurKey rsa = TRY(lab.ours(Profile::Rsa2048Pkcs));
  const Raw raw = TRY(lab.raw());
  const Answer answer = raw.decrypt(CKM_RSA_PKCS, rsa.handle, Bytes(256, 1));
  return answer.rv == CKR_KEY_FUNCTION_NOT_PERMITTED || answer.rv == CKR_MECHANISM_INVALID ||
                 answer.rv == CKR_KEY_TYPE_INCONSISTENT || answer.rv == CKR_FUNCTION_NOT_SUPPORTED
             ? refused(answer)
             : succeeds("a signing key decrypts: " + answer.name());
}

// Random blobs: one in 256 or so has good padding. Both answers seen: an oracle.
Trial pad_oracle(const Raw& raw, CK_OBJECT_HANDLE kek) {
  constexpr int kTries = 2048;
  const WrappingWay way{"AES_CBC_PAD", CKM_AES_CBC_PAD, false};
  Answer bad;
  bool good = false;
  for (int i = 0; i < kTries && !(good && bad.rv != CKR_GENERAL_ERROR); ++i) {
    const Answer made = raw.unwrap(mechanism_of(way), kek, host::random(32),
                                   secret_key({.uses = kSign, .type = CKK_GENERIC_SECRET}));
    if (made.ok()) {
      good = true;
      (void)raw.destroy(made.object);
    } else {
      bad = made;
    }
    if (made.rv == CKR_MECHANISM_INVALID || made.rv == CKR_KEY_FUNCTION_NOT_PERMITTED) break;
  }
  return good ? succeeds("garbage unwraps by AES_CBC_PAD, now and then") : refused(bad);
}

Result<Trial> a14_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey kek = TRY(known_key(raw, {.uses = kWrap | kUnwrap}));
  return pad_oracle(raw, kek.handle);
}

Result<Trial> a14_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  return pad_oracle(raw, master.handle);
}

// ---- A15 to A17: RSA

Trial sign_raw(const Raw& raw, CK_OBJECT_HANDLE key) {
  Bytes block(256, 0x5a);
  block.front() = 0;
  const Answer answer = raw.sign(CKM_RSA_X_509, key, block);
  return answer.ok() ? succeeds("a chosen block was signed as it is") : refused(answer);
}

Result<Trial> a15_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const RsaPair pair = TRY(rsa_key(raw, kSign));
  return sign_raw(raw, pair.private_half);
}

Result<Trial> a15_ours(Lab& lab) {
  const OurKey rsa = TRY(lab.ours(Profile::Rsa2048Pkcs));
  const Raw raw = TRY(lab.raw());
  return sign_raw(raw, rsa.handle);
}

Result<Trial> a16_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const RsaPair pair = TRY(rsa_key(raw, kSign | kDecrypt | kUnwrap));
  const Answer answer = raw.sign(CKM_RSA_PKCS, pair.private_half, as_bytes(kText));
  if (!answer.ok()) return refused(answer);
  const auto sealed =
      host::rsa_encrypt(pair.modulus, pair.exponent, host::RsaPadding::OaepSha1, kIv);
  if (!sealed) return Trial{Fate::Untried, "OpenSSL does not take the public half"};
  const Answer opened =
      raw.decrypt(RawMechanism::oaep(CKM_SHA_1, CKG_MGF1_SHA1), pair.private_half, *sealed);
  return opened.ok() ? succeeds("one key signs and decrypts") : refused(opened);
}

Result<Trial> a16_ours(Lab& lab) {
  const OurKey rsa = TRY(lab.ours(Profile::Rsa2048Pkcs));
  const Raw raw = TRY(lab.raw());
  const Answer opened =
      raw.decrypt(RawMechanism::oaep(CKM_SHA_1, CKG_MGF1_SHA1), rsa.handle, Bytes(256, 1));
  const Answer change = raw.set(rsa.handle, one_flag(CKA_DECRYPT, true));
  return opened.ok() || change.ok() ? succeeds("a signing key decrypts") : refused(opened);
}

Result<Trial> a17_careless(Lab& lab) {
  constexpr std::array<std::uint8_t, 1> kThree{3};
  const Raw raw = TRY(lab.raw());
  std::string weak;
  for (const CK_ULONG bits : {512UL, 1024UL}) {
    if (rsa_key(raw, kSign, bits))
      weak += (weak.empty() ? "" : ", ") + std::to_string(bits) + " bits";
  }
  const PairTemplates wanted = rsa_pair(kSign, 2048, kThree);
  CK_OBJECT_HANDLE outer = CK_INVALID_HANDLE;
  const Answer three =
      raw.generate_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, wanted.public_half, wanted.private_half, outer);
  if (three.ok()) weak += (weak.empty() ? "" : ", ") + std::string("exponent 3");
  return weak.empty() ? refused(three) : succeeds("made: " + weak);
}

// Nobody can ask keyward for a weak key, and it reads back what it got.
Result<Trial> a17_ours(Lab& lab) {
  const OurKey rsa = TRY(lab.ours(Profile::Rsa2048Pkcs));
  const Raw raw = TRY(lab.raw());
  const Answer modulus = raw.attribute(rsa.handle, CKA_MODULUS);
  const Answer exponent = raw.attribute(rsa.handle, CKA_PUBLIC_EXPONENT);
  const bool strong = modulus.bytes.size() >= 256 && to_hex(exponent.bytes) == "010001";
  return strong ? refused("2048 bits and 65537 asked for, and read back")
                : succeeds("a weaker key than was asked for");
}

// ---- A18, A19: GCM

struct GcmWish {
  const char* what;
  std::size_t iv;
  CK_ULONG tag_bits;
};

constexpr GcmWish kGcmWishes[] = {{"no IV", 0, 128},
                                  {"an IV of 1 byte", 1, 128},
                                  {"an IV of 64 bytes", 64, 128},
                                  {"a tag of 32 bits", 12, 32},
                                  {"a tag of 8 bits", 12, 8},
                                  {"no tag", 12, 0}};

Result<Trial> gcm_freedom(Lab& lab, const Raw& first, CK_OBJECT_HANDLE key) {
  std::string taken;
  Answer last;
  for (const GcmWish& wish : kGcmWishes) {
    const Bytes iv(wish.iv, 7);
    last = first.encrypt(RawMechanism::gcm(iv, {}, wish.tag_bits), key, as_bytes(kText));
    if (last.ok()) taken += (taken.empty() ? "" : ", ") + std::string(wish.what);
    if (last.rv == CKR_OPERATION_ACTIVE) break;
  }
  const Raw again = TRY(lab.raw());
  const RawMechanism gcm = RawMechanism::gcm(kIv, {}, kTagBits);
  const Answer once = again.encrypt(gcm, key, as_bytes(kText));
  const Answer twice = again.encrypt(gcm, key, as_bytes(kText));
  if (once.ok() && twice.ok()) taken += (taken.empty() ? "" : ", ") + std::string("one IV twice");
  return taken.empty() ? refused(last) : succeeds("taken: " + taken);
}

Result<Trial> a18_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey key = TRY(known_key(raw, {.uses = kEncrypt | kDecrypt}));
  return gcm_freedom(lab, raw, key.handle);
}

Result<Trial> a18_ours(Lab& lab) {
  Raw raw = TRY(lab.raw());
  const CK_OBJECT_HANDLE key = TRY(lab.message_key(raw));
  return gcm_freedom(lab, raw, key);
}

Trial early_release(const Raw& raw, CK_OBJECT_HANDLE key) {
  const Bytes text(256, 0x41);
  const RawMechanism gcm = RawMechanism::gcm(kIv, {}, kTagBits);
  const Answer sealed = raw.encrypt(gcm, key, text);
  if (!sealed.ok()) return {Fate::Untried, "no AES-GCM: " + sealed.name()};
  const Answer part = raw.decrypt_update(gcm, key, ByteView(sealed.bytes).first(128));
  if (!part.ok()) return refused(part);
  return part.bytes.empty()
             ? refused("nothing comes out before the tag")
             : succeeds(std::to_string(part.bytes.size()) + " bytes before the tag was seen");
}

Result<Trial> a19_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey key = TRY(known_key(raw, {.uses = kEncrypt | kDecrypt}));
  return early_release(raw, key.handle);
}

Result<Trial> a19_ours(Lab& lab) {
  Raw raw = TRY(lab.raw());
  const CK_OBJECT_HANDLE key = TRY(lab.message_key(raw));
  return early_release(raw, key);
}

// ---- A20

Result<Trial> any_digest(Lab& lab, CK_OBJECT_HANDLE key) {
  std::string taken;
  Answer last;
  for (const std::size_t size : {0UL, 5UL, 20UL, 64UL, 200UL}) {
    const Raw raw = TRY(lab.raw());
    last = raw.sign(CKM_ECDSA, key, Bytes(size, 1));
    if (last.ok()) taken += (taken.empty() ? "" : ", ") + std::to_string(size);
  }
  return taken.empty() ? refused(last)
                       : succeeds("signed for P-256: digests of " + taken + " bytes");
}

Result<Trial> a20_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const PairTemplates wanted = ec_pair(kP256);
  CK_OBJECT_HANDLE outer = CK_INVALID_HANDLE;
  const Answer made =
      raw.generate_pair(CKM_EC_KEY_PAIR_GEN, wanted.public_half, wanted.private_half, outer);
  if (!made.ok()) return Trial{Fate::Untried, "no P-256 key: " + made.name()};
  return any_digest(lab, made.object);
}

Result<Trial> a20_ours(Lab& lab) {
  const OurKey key = TRY(lab.ours(Profile::EcdsaP256));
  return any_digest(lab, key.handle);
}

constexpr Attack kAttacksOnUse[] = {
    {"A10", "use a GCM key with another mode", Defence::Token, a10_careless, a10_ours},
    {"A11", "derive a readable key from a sensitive one", Defence::Keyward, a11_careless, a11_ours},
    {"A12", "compute a derived key by encrypting", Defence::Token, a12_careless, a12_ours},
    {"A13", "RSA PKCS#1 v1.5 padding oracle", Defence::Token, a13_careless, a13_ours},
    {"A14", "CBC padding oracle", Defence::Token, a14_careless, a14_ours},
    {"A15", "sign a chosen block with raw RSA", Defence::Token, a15_careless, a15_ours},
    {"A16", "one RSA key for signing and decrypting", Defence::Token, a16_careless, a16_ours},
    {"A17", "weak RSA keys", Defence::Keyward, a17_careless, a17_ours},
    {"A18", "GCM with any IV and any tag length", Defence::Keyward, a18_careless, a18_ours},
    {"A19", "GCM plaintext before its tag", Defence::Keyward, a19_careless, a19_ours},
    {"A20", "ECDSA over a digest of any length", Defence::Keyward, a20_careless, a20_ours},
};

}  // namespace

std::span<const Attack> attacks_on_use() { return kAttacksOnUse; }

}  // namespace kw::doctor
