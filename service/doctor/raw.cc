// SPDX-License-Identifier: Apache-2.0
#include "service/doctor/raw.h"

#include <cstring>

#include "pkcs11/return_value.h"

namespace kw::doctor {
namespace {

constexpr std::size_t kRoom = 16384;  // more than any answer here

std::uint8_t* in(ByteView bytes) noexcept {
  static std::uint8_t nothing = 0;
  return bytes.empty() ? &nothing : const_cast<std::uint8_t*>(bytes.data());
}

std::vector<CK_ATTRIBUTE> attributes_of(const pkcs11::ObjectTemplate& object) {
  std::vector<CK_ATTRIBUTE> attributes;
  for (std::size_t i = 0; i < object.size(); ++i) {
    const ByteView value = object.value(i);
    attributes.push_back({object.type(i), in(value), value.size()});
  }
  return attributes;
}

Answer failure(CK_RV rv) {
  Answer answer;
  answer.rv = rv;
  return answer;
}

// Runs a call that fills a buffer, and keeps what it filled.
template <typename Call>
Answer filled(Call call) {
  Answer answer;
  answer.bytes.resize(kRoom);
  CK_ULONG size = kRoom;
  answer.rv = call(answer.bytes.data(), &size);
  answer.bytes.resize(answer.ok() && size <= kRoom ? size : 0);
  return answer;
}

}  // namespace

std::string name_of_rv(CK_RV rv) {
  const pkcs11::ReturnValue known = pkcs11::describe(rv);
  if (known.rv_class != pkcs11::RvClass::Unknown) return std::string(known.name);
  char number[32];
  std::snprintf(number, sizeof number, "CKR 0x%lx", rv);
  return number;
}

std::string Answer::name() const { return name_of_rv(rv); }

RawMechanism RawMechanism::of_structure(CK_MECHANISM_TYPE type, std::size_t size,
                                        std::initializer_list<ByteView> strings) {
  RawMechanism mechanism(type);
  mechanism.memory_.resize(size);
  for (const ByteView string : strings) append(mechanism.memory_, string);
  mechanism.parameter_size_ = size;
  return mechanism;
}

template <typename Parameter>
void RawMechanism::set(const Parameter& parameter) {
  std::memcpy(memory_.data(), &parameter, sizeof parameter);
}

RawMechanism RawMechanism::gcm(ByteView iv, ByteView aad, CK_ULONG tag_bits) {
  RawMechanism mechanism = of_structure(CKM_AES_GCM, sizeof(CK_GCM_PARAMS), {iv, aad, Bytes(1)});
  std::uint8_t* const strings = mechanism.memory_.data() + sizeof(CK_GCM_PARAMS);
  CK_GCM_PARAMS parameters{};
  parameters.pIv = strings;
  parameters.ulIvLen = iv.size();
  parameters.ulIvBits = iv.size() * 8;
  parameters.pAAD = aad.empty() ? nullptr : strings + iv.size();
  parameters.ulAADLen = aad.size();
  parameters.ulTagBits = tag_bits;
  mechanism.set(parameters);
  return mechanism;
}

RawMechanism RawMechanism::ctr(ByteView block) {
  RawMechanism mechanism = of_structure(CKM_AES_CTR, sizeof(CK_AES_CTR_PARAMS), {});
  CK_AES_CTR_PARAMS parameters{};
  parameters.ulCounterBits = 128;
  std::memcpy(parameters.cb, block.data(), std::min(block.size(), sizeof parameters.cb));
  mechanism.set(parameters);
  return mechanism;
}

RawMechanism RawMechanism::encrypt_data(ByteView data) {
  constexpr std::size_t kSize = sizeof(CK_KEY_DERIVATION_STRING_DATA);
  RawMechanism mechanism = of_structure(CKM_AES_ECB_ENCRYPT_DATA, kSize, {data});
  CK_KEY_DERIVATION_STRING_DATA parameters{};
  parameters.string_data = mechanism.memory_.data() + kSize;
  parameters.string_data_len = data.size();
  mechanism.set(parameters);
  return mechanism;
}

RawMechanism RawMechanism::oaep(CK_MECHANISM_TYPE hash, CK_RSA_PKCS_MGF_TYPE mgf) {
  RawMechanism mechanism = of_structure(CKM_RSA_PKCS_OAEP, sizeof(CK_RSA_PKCS_OAEP_PARAMS), {});
  CK_RSA_PKCS_OAEP_PARAMS parameters{};
  parameters.hash_alg = hash;
  parameters.mgf = mgf;
  parameters.source = CKZ_DATA_SPECIFIED;
  mechanism.set(parameters);
  return mechanism;
}

CK_MECHANISM RawMechanism::get() const noexcept {
  return {type_, parameter_size_ == 0 ? nullptr : in(memory_), parameter_size_};
}

Answer Raw::create(const pkcs11::ObjectTemplate& object) const {
  Answer answer;
  auto attributes = attributes_of(object);
  answer.rv = call().C_CreateObject(handle(), attributes.data(), attributes.size(), &answer.object);
  return answer;
}

Answer Raw::generate(const RawMechanism& mechanism, const pkcs11::ObjectTemplate& key) const {
  Answer answer;
  CK_MECHANISM how = mechanism.get();
  auto attributes = attributes_of(key);
  answer.rv =
      call().C_GenerateKey(handle(), &how, attributes.data(), attributes.size(), &answer.object);
  return answer;
}

Answer Raw::generate_pair(const RawMechanism& mechanism, const pkcs11::ObjectTemplate& public_key,
                          const pkcs11::ObjectTemplate& private_key,
                          CK_OBJECT_HANDLE& public_half) const {
  Answer answer;
  CK_MECHANISM how = mechanism.get();
  auto outer = attributes_of(public_key);
  auto inner = attributes_of(private_key);
  answer.rv = call().C_GenerateKeyPair(handle(), &how, outer.data(), outer.size(), inner.data(),
                                       inner.size(), &public_half, &answer.object);
  return answer;
}

Answer Raw::derive(const RawMechanism& mechanism, CK_OBJECT_HANDLE base,
                   const pkcs11::ObjectTemplate& key) const {
  Answer answer;
  CK_MECHANISM how = mechanism.get();
  auto attributes = attributes_of(key);
  answer.rv = call().C_DeriveKey(handle(), &how, base, attributes.data(), attributes.size(),
                                 &answer.object);
  return answer;
}

Answer Raw::wrap(const RawMechanism& mechanism, CK_OBJECT_HANDLE wrapping,
                 CK_OBJECT_HANDLE key) const {
  CK_MECHANISM how = mechanism.get();
  return filled([&](CK_BYTE* out, CK_ULONG* size) {
    return call().C_WrapKey(handle(), &how, wrapping, key, out, size);
  });
}

Answer Raw::unwrap(const RawMechanism& mechanism, CK_OBJECT_HANDLE unwrapping, ByteView blob,
                   const pkcs11::ObjectTemplate& key) const {
  Answer answer;
  CK_MECHANISM how = mechanism.get();
  auto attributes = attributes_of(key);
  answer.rv = call().C_UnwrapKey(handle(), &how, unwrapping, in(blob), blob.size(),
                                 attributes.data(), attributes.size(), &answer.object);
  return answer;
}

Answer Raw::copy(CK_OBJECT_HANDLE object, const pkcs11::ObjectTemplate& changes) const {
  Answer answer;
  auto attributes = attributes_of(changes);
  answer.rv =
      call().C_CopyObject(handle(), object, attributes.data(), attributes.size(), &answer.object);
  return answer;
}

Answer Raw::set(CK_OBJECT_HANDLE object, const pkcs11::ObjectTemplate& changes) const {
  Answer answer;
  auto attributes = attributes_of(changes);
  answer.rv = call().C_SetAttributeValue(handle(), object, attributes.data(), attributes.size());
  return answer;
}

Answer Raw::destroy(CK_OBJECT_HANDLE object) const {
  Answer answer;
  answer.rv = call().C_DestroyObject(handle(), object);
  return answer;
}

Answer Raw::encrypt(const RawMechanism& mechanism, CK_OBJECT_HANDLE key, ByteView plaintext) const {
  CK_MECHANISM how = mechanism.get();
  if (const CK_RV rv = call().C_EncryptInit(handle(), &how, key); rv != CKR_OK) return failure(rv);
  return filled([&](CK_BYTE* out, CK_ULONG* size) {
    return call().C_Encrypt(handle(), in(plaintext), plaintext.size(), out, size);
  });
}

Answer Raw::decrypt(const RawMechanism& mechanism, CK_OBJECT_HANDLE key,
                    ByteView ciphertext) const {
  CK_MECHANISM how = mechanism.get();
  if (const CK_RV rv = call().C_DecryptInit(handle(), &how, key); rv != CKR_OK) return failure(rv);
  return filled([&](CK_BYTE* out, CK_ULONG* size) {
    return call().C_Decrypt(handle(), in(ciphertext), ciphertext.size(), out, size);
  });
}

Answer Raw::sign(const RawMechanism& mechanism, CK_OBJECT_HANDLE key, ByteView data) const {
  CK_MECHANISM how = mechanism.get();
  if (const CK_RV rv = call().C_SignInit(handle(), &how, key); rv != CKR_OK) return failure(rv);
  return filled([&](CK_BYTE* out, CK_ULONG* size) {
    return call().C_Sign(handle(), in(data), data.size(), out, size);
  });
}

Answer Raw::digest_key(CK_OBJECT_HANDLE key) const {
  CK_MECHANISM how{CKM_SHA256, nullptr, 0};
  if (const CK_RV rv = call().C_DigestInit(handle(), &how); rv != CKR_OK) return failure(rv);
  if (const CK_RV rv = call().C_DigestKey(handle(), key); rv != CKR_OK) return failure(rv);
  return filled(
      [&](CK_BYTE* out, CK_ULONG* size) { return call().C_DigestFinal(handle(), out, size); });
}

Answer Raw::random(std::size_t size) const {
  Answer answer;
  answer.bytes.resize(size);
  answer.rv = call().C_GenerateRandom(handle(), answer.bytes.data(), size);
  return answer;
}

Answer Raw::decrypt_update(const RawMechanism& mechanism, CK_OBJECT_HANDLE key,
                           ByteView part) const {
  CK_MECHANISM how = mechanism.get();
  if (const CK_RV rv = call().C_DecryptInit(handle(), &how, key); rv != CKR_OK) return failure(rv);
  return filled([&](CK_BYTE* out, CK_ULONG* size) {
    return call().C_DecryptUpdate(handle(), in(part), part.size(), out, size);
  });
}

Answer Raw::attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  return filled([&](CK_BYTE* out, CK_ULONG* size) {
    CK_ATTRIBUTE asked{type, out, *size};
    const CK_RV rv = call().C_GetAttributeValue(handle(), object, &asked, 1);
    *size = asked.ulValueLen;
    return rv;
  });
}

std::optional<bool> Raw::flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const {
  const Answer answer = attribute(object, type);
  if (!answer.ok() || answer.bytes.size() != sizeof(CK_BBOOL)) return std::nullopt;
  return answer.bytes.front() != CK_FALSE;
}

}  // namespace kw::doctor
