// SPDX-License-Identifier: Apache-2.0
// Attacks that move, copy or change a key.
#include <array>

#include "service/doctor/attack.h"
#include "service/doctor/host.h"
#include "service/doctor/wrapping.h"

namespace kw::doctor {
namespace {

using pkcs11::ObjectHandle;
using pkcs11::ObjectTemplate;
using pkcs11::Profile;

constexpr CK_ULONG kKeySize = 32;

bool begins_with(const Answer& answer, ByteView value) {
  return answer.ok() && answer.bytes.size() >= value.size() &&
         std::equal(value.begin(), value.end(), answer.bytes.begin());
}

// A key that wraps, for the attacker, and one of a victim that may be wrapped.
struct Prey {
  Raw raw;
  KnownKey victim;
};

Result<Prey> new_prey(Lab& lab, bool extractable = true) {
  Raw raw = TRY(lab.raw());
  KnownKey victim = TRY(known_key(raw, {.uses = kEncrypt, .extractable = extractable}));
  return Prey{std::move(raw), std::move(victim)};
}

// ---- A1

// Wraps the victim with `kek`, then has `kek` decrypt what came out.
Trial wrap_then_decrypt(const Raw& raw, CK_OBJECT_HANDLE kek, const KnownKey& victim) {
  Trial last = refused("no mechanism wraps");
  for (const WrappingWay& way : wrapping_ways()) {
    const RawMechanism mechanism = mechanism_of(way);
    const Answer blob = raw.wrap(mechanism, kek, victim.handle);
    if (!blob.ok()) {
      last = refused(std::move(last), blob);
      continue;
    }
    const Answer plain = raw.decrypt(mechanism, kek, blob.bytes);
    if (begins_with(plain, victim.value)) {
      return succeeds("the victim's " + std::to_string(victim.value.size()) +
                      " bytes in clear, by " + way.name);
    }
    last = refused(std::move(last), plain);
  }
  return last;
}

Result<Trial> a1_careless(Lab& lab) {
  const Prey prey = TRY(new_prey(lab));
  const KnownKey kek = TRY(known_key(prey.raw, {.uses = kWrap | kUnwrap | kDecrypt | kEncrypt}));
  return wrap_then_decrypt(prey.raw, kek.handle, prey.victim);
}

Result<Trial> a1_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Prey prey = TRY(new_prey(lab));
  return wrap_then_decrypt(prey.raw, master.handle, prey.victim);
}

// ---- A2, A3

struct Change {
  CK_ATTRIBUTE_TYPE type;
  const char* name;
  bool value;
};

constexpr Change kWider[] = {{CKA_DECRYPT, "DECRYPT", true}, {CKA_ENCRYPT, "ENCRYPT", true},
                             {CKA_WRAP, "WRAP", true},       {CKA_UNWRAP, "UNWRAP", true},
                             {CKA_SIGN, "SIGN", true},       {CKA_DERIVE, "DERIVE", true}};

constexpr Change kWeaker[] = {{CKA_SENSITIVE, "SENSITIVE", false},
                              {CKA_EXTRACTABLE, "EXTRACTABLE", true},
                              {CKA_ALWAYS_SENSITIVE, "ALWAYS_SENSITIVE", false},
                              {CKA_NEVER_EXTRACTABLE, "NEVER_EXTRACTABLE", false}};

// Tries each change; one counts only if the attribute reads back changed.
Trial change(const Raw& raw, CK_OBJECT_HANDLE key, std::span<const Change> changes) {
  std::string done;
  Answer last;
  for (const Change& each : changes) {
    if (raw.flag(key, each.type) == each.value) continue;
    const Answer answer = raw.set(key, one_flag(each.type, each.value));
    if (!answer.ok()) last = answer;
    if (!answer.ok() || raw.flag(key, each.type) != each.value) continue;
    done += (done.empty() ? "" : ", ") + std::string(each.name);
  }
  return done.empty() ? refused(last) : succeeds(done + " changed");
}

Result<CK_OBJECT_HANDLE> closed_key(const Raw& raw) {
  const Answer made =
      raw.generate(CKM_AES_KEY_GEN, secret_key({.size = kKeySize, .extractable = false}));
  if (made.ok()) return made.object;
  return Error(Code::Unimplemented, "the token generates no AES key: " + made.name());
}

Result<Trial> a2_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const CK_OBJECT_HANDLE key = TRY(closed_key(raw));
  return change(raw, key, kWider);
}

Result<Trial> a2_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  return change(raw, master.handle, kWider);
}

// Sticky attributes, after the plainest try of all: to read the value.
Trial unstick(const Raw& raw, CK_OBJECT_HANDLE key) {
  if (raw.attribute(key, CKA_VALUE).ok()) return succeeds("a SENSITIVE key's value can be read");
  return change(raw, key, kWeaker);
}

Result<Trial> a3_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const CK_OBJECT_HANDLE key = TRY(closed_key(raw));
  return unstick(raw, key);
}

Result<Trial> a3_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  return unstick(raw, master.handle);
}

// ---- A4

constexpr Change kLooser[] = {{CKA_EXTRACTABLE, "EXTRACTABLE", true},
                              {CKA_SENSITIVE, "SENSITIVE", false},
                              {CKA_PRIVATE, "PRIVATE", false},
                              {CKA_DECRYPT, "DECRYPT", true}};

Trial copy_weaker(const Raw& raw, CK_OBJECT_HANDLE key) {
  Answer last;
  for (const Change& each : kLooser) {
    ObjectTemplate changes = one_flag(CKA_TOKEN, false);
    changes.flag(each.type, each.value);
    last = raw.copy(key, changes);
    if (last.ok() && raw.flag(last.object, each.type) == each.value) {
      return succeeds(std::string("a copy with ") + each.name + (each.value ? "=TRUE" : "=FALSE"));
    }
  }
  return last.ok() ? refused("the copy keeps the attributes") : refused(last);
}

Result<Trial> a4_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const CK_OBJECT_HANDLE key = TRY(closed_key(raw));
  return copy_weaker(raw, key);
}

Result<Trial> a4_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  return copy_weaker(raw, master.handle);
}

// ---- A5, A6, A7

ObjectTemplate unwrapped(CK_KEY_TYPE type, bool sensitive) {
  return secret_key(
      {.uses = kEncrypt | kSign, .type = type, .sensitive = sensitive, .extractable = !sensitive});
}

// Runs `use` on the victim, wrapped with a KEK that wraps and unwraps, for each way that works.
template <typename Use>
Result<Trial> on_each_blob(Lab& lab, Use use) {
  const Prey prey = TRY(new_prey(lab));
  const KnownKey kek = TRY(known_key(prey.raw, {.uses = kWrap | kUnwrap}));
  Trial last = refused("no mechanism wraps and unwraps");
  for (const WrappingWay& way : wrapping_ways()) {
    const RawMechanism mechanism = mechanism_of(way);
    const Answer blob = prey.raw.wrap(mechanism, kek.handle, prey.victim.handle);
    if (!blob.ok()) continue;
    last = use(prey, kek.handle, way, blob.bytes);
    if (last.fate == Fate::Succeeds) return last;
  }
  return last;
}

Result<Trial> a5_careless(Lab& lab) {
  return on_each_blob(lab, [](const Prey& prey, CK_OBJECT_HANDLE kek, const WrappingWay& way,
                              ByteView blob) {
    const Answer made = prey.raw.unwrap(mechanism_of(way), kek, blob, unwrapped(CKK_AES, false));
    if (!made.ok()) return refused(made);
    const Answer value = prey.raw.attribute(made.object, CKA_VALUE);
    return begins_with(value, prey.victim.value) ? succeeds("unwrapped readable, and read")
                                                 : refused(value);
  });
}

// The same wish without the weakness: the token may not read out what it unwraps as SENSITIVE.
Result<Trial> a5b_careless(Lab& lab) {
  return on_each_blob(
      lab, [](const Prey& prey, CK_OBJECT_HANDLE kek, const WrappingWay& way, ByteView blob) {
        const Answer made = prey.raw.unwrap(mechanism_of(way), kek, blob, unwrapped(CKK_AES, true));
        if (!made.ok()) return refused(made);
        const Answer value = prey.raw.attribute(made.object, CKA_VALUE);
        return value.ok() ? succeeds("its value can be read") : refused(value);
      });
}

Result<Trial> a6_careless(Lab& lab) {
  return on_each_blob(lab, [](const Prey& prey, CK_OBJECT_HANDLE kek, const WrappingWay& way,
                              ByteView blob) {
    const Answer made =
        prey.raw.unwrap(mechanism_of(way), kek, blob, unwrapped(CKK_GENERIC_SECRET, true));
    if (!made.ok()) return refused(made);
    const Answer mac = prey.raw.sign(CKM_SHA256_HMAC, made.object, as_bytes("re-typed"));
    return mac.ok() ? succeeds("an AES key taken for a MAC key, and used as one") : refused(mac);
  });
}

// Unwraps random bytes as a key. What works here works for who never saw a key.
Trial conjure(const Raw& raw, CK_OBJECT_HANDLE kek, CK_KEY_TYPE type, bool sensitive) {
  Trial last = refused("no mechanism unwraps");
  for (const WrappingWay& way : wrapping_ways()) {
    for (const std::size_t size : {kKeySize, kKeySize + 8, kKeySize + 16}) {
      const Answer made =
          raw.unwrap(mechanism_of(way), kek, host::random(size), unwrapped(type, sensitive));
      if (made.ok()) return succeeds(std::string("random bytes became a key, by ") + way.name);
      last = refused(std::move(last), made);
    }
  }
  return last;
}

// A well-formed PKCS#1 v1.5 ciphertext of five bytes, unwrapped as an AES key.
Trial conjure_short(const Raw& raw, const RsaPair& pair) {
  const auto blob =
      host::rsa_encrypt(pair.modulus, pair.exponent, host::RsaPadding::Pkcs1, as_bytes("short"));
  if (!blob) return {Fate::Untried, "OpenSSL does not take the public half"};
  const Answer made = raw.unwrap(CKM_RSA_PKCS, pair.private_half, *blob, unwrapped(CKK_AES, true));
  return made.ok() ? succeeds("five bytes became an AES key, by RSA_PKCS") : refused(made);
}

Result<Trial> a7_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey kek = TRY(known_key(raw, {.uses = kWrap | kUnwrap}));
  const Trial random = conjure(raw, kek.handle, CKK_AES, true);
  if (random.fate == Fate::Succeeds) return random;
  const auto pair = rsa_key(raw, kUnwrap | kDecrypt);
  return pair ? conjure_short(raw, *pair) : random;
}

Result<Trial> a5_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  return conjure(raw, master.handle, CKK_AES, false);
}

Result<Trial> a6_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  return conjure(raw, master.handle, CKK_GENERIC_SECRET, true);
}

Result<Trial> a7_ours(Lab& lab) {
  const OurKey rsa = TRY(lab.ours(Profile::Rsa2048Pkcs));
  const Raw raw = TRY(lab.raw());
  const Answer made =
      raw.unwrap(CKM_RSA_PKCS, rsa.handle, host::random(256), unwrapped(CKK_AES, true));
  if (made.ok()) return succeeds("random bytes became a key, by RSA_PKCS");
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  return conjure(raw, master.handle, CKK_AES, true);
}

// ---- A8, A9

// Wraps a key that must not leave with one whose value the attacker knows.
template <typename IsIt>
Trial give_away(const Raw& raw, const KnownKey& kek, CK_OBJECT_HANDLE victim, IsIt is_it) {
  Trial last = refused("no mechanism wraps");
  for (const WrappingWay& way : wrapping_ways()) {
    const Answer blob = raw.wrap(mechanism_of(way), kek.handle, victim);
    if (!blob.ok()) {
      last = refused(std::move(last), blob);
      continue;
    }
    const auto opened = open_outside(way, kek.value, blob.bytes, kKeySize);
    if (opened && is_it(*opened)) {
      return succeeds(std::string("a key with EXTRACTABLE=FALSE, outside in clear, by ") +
                      way.name);
    }
    last = succeeds(std::string("a key with EXTRACTABLE=FALSE was wrapped, by ") + way.name);
  }
  return last;
}

Result<Trial> a8_careless(Lab& lab) {
  const Prey prey = TRY(new_prey(lab, false));
  const KnownKey kek = TRY(known_key(prey.raw, {.uses = kWrap}));
  return give_away(prey.raw, kek, prey.victim.handle,
                   [&](const Bytes& key) { return key == prey.victim.value; });
}

// The block that the key itself makes of zeros, in the token, to know it again outside.
Bytes check_block_of(Raw& raw, CK_OBJECT_HANDLE master) {
  const auto block = pkcs11::derive_check_block(raw.session(), ObjectHandle{master});
  return block ? to_bytes(*block) : Bytes();
}

Result<Trial> a8_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  Raw raw = TRY(lab.raw());
  const Bytes block = check_block_of(raw, master.handle);
  const KnownKey kek = TRY(known_key(raw, {.uses = kWrap}));
  const Trial secret = give_away(raw, kek, master.handle, [&](const Bytes& key) {
    return host::aes_ecb(key, Bytes(16)) == block;
  });
  if (secret.fate == Fate::Succeeds) return secret;
  const auto rsa = lab.ours(Profile::Rsa2048Pkcs);
  if (!rsa) return secret;
  return give_away(raw, kek, rsa->handle, [](const Bytes&) { return false; });
}

// A user, not the security officer, calls a key of his own trusted.
Result<Trial> a8b_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  const KnownKey kek = TRY(known_key(raw, {.uses = kWrap}));
  const Answer answer = raw.set(kek.handle, one_flag(CKA_TRUSTED, true));
  if (answer.ok() && raw.flag(kek.handle, CKA_TRUSTED) == true) {
    return succeeds("the user made his key TRUSTED");
  }
  ObjectTemplate born = secret_key({.uses = kWrap}, kek.value);
  born.flag(CKA_TRUSTED, true);
  const Answer made = raw.create(born);
  return made.ok() && raw.flag(made.object, CKA_TRUSTED) == true
             ? succeeds("the user brought in a TRUSTED key")
             : refused(made.ok() ? answer : made);
}

// A KEK that may wrap MAC keys only wraps an AES key.
Result<Trial> a9_careless(Lab& lab) {
  const Prey prey = TRY(new_prey(lab));
  CK_KEY_TYPE mac_only = CKK_GENERIC_SECRET;
  CK_ATTRIBUTE inner{CKA_KEY_TYPE, &mac_only, sizeof mac_only};
  ObjectTemplate wish = secret_key({.uses = kWrap}, host::random(kKeySize));
  wish.bytes(CKA_WRAP_TEMPLATE, {reinterpret_cast<const std::uint8_t*>(&inner), sizeof inner});
  const Answer kek = prey.raw.create(wish);
  if (!kek.ok()) return Trial{Fate::Untried, "no CKA_WRAP_TEMPLATE: " + kek.name()};
  Trial last = refused("no mechanism wraps");
  for (const WrappingWay& way : wrapping_ways()) {
    const Answer blob = prey.raw.wrap(mechanism_of(way), kek.object, prey.victim.handle);
    if (blob.ok()) return succeeds(std::string("CKA_WRAP_TEMPLATE is ignored by ") + way.name);
    last = refused(std::move(last), blob);
  }
  return last;
}

Result<Trial> a9_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Prey prey = TRY(new_prey(lab));
  Trial last = refused("no mechanism wraps");
  for (const WrappingWay& way : wrapping_ways()) {
    const Answer blob = prey.raw.wrap(mechanism_of(way), master.handle, prey.victim.handle);
    if (blob.ok()) return succeeds(std::string("wraps, by ") + way.name);
    last = refused(std::move(last), blob);
  }
  return last;
}

Result<Trial> a5b_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  const Answer value = raw.attribute(master.handle, CKA_VALUE);
  return value.ok() ? succeeds("its value can be read") : refused(value);
}

Result<Trial> a8b_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  const Raw raw = TRY(lab.raw());
  const Answer answer = raw.set(master.handle, one_flag(CKA_TRUSTED, true));
  return answer.ok() && raw.flag(master.handle, CKA_TRUSTED) == true
             ? succeeds("the user made it TRUSTED")
             : refused(answer);
}

// ---- A21

// A second object with the CKA_ID of the first.
Result<Trial> a21_careless(Lab& lab) {
  const Raw raw = TRY(lab.raw());
  ObjectTemplate first = secret_key({}, host::random(kKeySize));
  ObjectTemplate second = secret_key({}, host::random(kKeySize));
  const Bytes id = pkcs11::object_id(Lab::fresh_id(), Version{1});
  first.bytes(CKA_ID, id);
  second.bytes(CKA_ID, id);
  const Answer one = raw.create(first);
  if (!one.ok()) return Trial{Fate::Untried, "the token takes no key from outside: " + one.name()};
  const Answer two = raw.create(second);
  return two.ok() ? succeeds("two keys bear one CKA_ID") : refused(two);
}

// Puts a twin beside keyward's key: keyward must take neither.
Result<Trial> a21_ours(Lab& lab) {
  const OurKey master = TRY(lab.ours(Profile::MasterAes));
  Raw raw = TRY(lab.raw());
  ObjectTemplate twin;
  twin.number(CKA_CLASS, CKO_SECRET_KEY)
      .number(CKA_KEY_TYPE, CKK_AES)
      .flag(CKA_TOKEN, true)
      .flag(CKA_PRIVATE, true)
      .flag(CKA_DERIVE, true)
      .bytes(CKA_ID, master.id)
      .text(CKA_LABEL, Lab::kLabel)
      .bytes(CKA_VALUE, host::random(kKeySize));
  const Bytes own = check_block_of(raw, master.handle);
  const Answer made = raw.create(twin);
  if (!made.ok()) return refused(made);
  const auto found = pkcs11::find_key(raw.session(), Profile::MasterAes, master.id);
  const Bytes seen = found ? check_block_of(raw, static_cast<CK_OBJECT_HANDLE>(*found)) : Bytes();
  (void)raw.destroy(made.object);
  if (!found) return refused("keyward finds two and takes neither");
  return refused(seen == own ? "the token shows keyward its own key alone"
                             : "the check value says that it is another key");
}

constexpr Attack kAttacksOnKeys[] = {
    {"A1", "wrap a key, then decrypt the blob", Defence::Token, a1_careless, a1_ours},
    {"A2", "give a key another usage later", Defence::Token, a2_careless, a2_ours},
    {"A3", "read a sensitive key, or unset what is sticky", Defence::Token, a3_careless, a3_ours},
    {"A4", "copy with weaker attributes", Defence::Token, a4_careless, a4_ours},
    {"A5", "unwrap with weaker attributes", Defence::Token, a5_careless, a5_ours},
    {"A5b", "read what was unwrapped as sensitive", Defence::Token, a5b_careless, a5b_ours},
    {"A6", "unwrap as another type", Defence::Token, a6_careless, a6_ours},
    {"A7", "conjure a key out of random bytes", Defence::Token, a7_careless, a7_ours},
    {"A8", "wrap a non-extractable key", Defence::Token, a8_careless, a8_ours},
    {"A8b", "call a key trusted, as a user", Defence::Token, a8b_careless, a8b_ours},
    {"A9", "wrap what CKA_WRAP_TEMPLATE forbids", Defence::Token, a9_careless, a9_ours},
    {"A21", "put a second key under one id", Defence::Keyward, a21_careless, a21_ours},
};

}  // namespace

std::span<const Attack> attacks_on_keys() { return kAttacksOnKeys; }

}  // namespace kw::doctor
