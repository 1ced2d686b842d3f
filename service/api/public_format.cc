// SPDX-License-Identifier: Apache-2.0
#include "service/api/public_format.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "base/owned.h"
#include "service/api/json_writer.h"

namespace kw::api {
namespace {

using Pkey = Owned<EVP_PKEY, EVP_PKEY_free>;
using Bignum = Owned<BIGNUM, BN_free>;

Error unreadable() { return Error(Code::Internal, "the catalog's public half cannot be read"); }

Result<Pkey> parse(const Bytes& der) {
  const unsigned char* at = der.data();
  Pkey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  if (!key) return unreadable();
  return key;
}

// A parameter as an unsigned big-endian integer, `width` bytes wide or as short as it goes.
Result<Bytes> integer_of(const EVP_PKEY& key, const char* name, std::size_t width) {
  BIGNUM* found = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &found) != 1) return unreadable();
  const Bignum number(found);
  Bytes bytes(std::max(width, static_cast<std::size_t>(BN_num_bytes(number.get()))));
  BN_bn2binpad(number.get(), bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

Result<Bytes> octets_of(const EVP_PKEY& key, const char* name) {
  std::size_t size = 0;
  if (EVP_PKEY_get_octet_string_param(&key, name, nullptr, 0, &size) != 1) return unreadable();
  Bytes bytes(size);
  if (EVP_PKEY_get_octet_string_param(&key, name, bytes.data(), size, &size) != 1) {
    return unreadable();
  }
  bytes.resize(size);
  return bytes;
}

struct Curve {
  std::uint16_t bits;
  std::string_view jose;
  std::string_view ssh;
};
constexpr Curve kCurves[] = {
    {256, "P-256", "nistp256"}, {384, "P-384", "nistp384"}, {521, "P-521", "nistp521"}};

const Curve& curve_of(const keys::Algorithm& algorithm) {
  for (const Curve& curve : kCurves) {
    if (curve.bits == algorithm.bits) return curve;
  }
  return kCurves[0];
}

bool is_rsa(const keys::Algorithm& algorithm) {
  return algorithm.family == keys::Family::RsaPss || algorithm.family == keys::Family::RsaPkcs1;
}

Result<Secret> pem_of(const Bytes& der) {
  std::string text = "-----BEGIN PUBLIC KEY-----\n";
  const std::string body = to_base64(der);
  for (std::size_t at = 0; at < body.size(); at += 64) text += body.substr(at, 64) + "\n";
  text += "-----END PUBLIC KEY-----\n";
  return Secret::copy_of(as_bytes(text));
}

void write_member(JsonWriter& json, std::string_view name, ByteView bytes) {
  json.name(name).base64(bytes, Base64Alphabet::Url);
}

Result<void> write_jwk_members(JsonWriter& json, const keys::Algorithm& algorithm,
                               const EVP_PKEY& key) {
  if (is_rsa(algorithm)) {
    json.name("kty").string("RSA");
    write_member(json, "n", TRY(integer_of(key, OSSL_PKEY_PARAM_RSA_N, 0)));
    write_member(json, "e", TRY(integer_of(key, OSSL_PKEY_PARAM_RSA_E, 0)));
  } else if (algorithm.family == keys::Family::Ecdsa) {
    const std::size_t width = (algorithm.bits + 7u) / 8;
    json.name("kty").string("EC").name("crv").string(curve_of(algorithm).jose);
    write_member(json, "x", TRY(integer_of(key, OSSL_PKEY_PARAM_EC_PUB_X, width)));
    write_member(json, "y", TRY(integer_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, width)));
  } else {
    json.name("kty").string("OKP").name("crv").string("Ed25519");
    write_member(json, "x", TRY(octets_of(key, OSSL_PKEY_PARAM_PUB_KEY)));
  }
  return {};
}

Result<Secret> jwk_of(const core::PublicKey& half, const EVP_PKEY& key) {
  const keys::Algorithm& algorithm = *half.key->algorithm;
  JsonWriter json(2048);
  json.begin_object();
  TRY(write_jwk_members(json, algorithm, key));
  json.name("use").string("sig");
  if (!algorithm.jose.empty()) json.name("alg").string(algorithm.jose);
  json.name("kid").string(keys::object_label(half.key->name, half.version)).end_object();
  return json.finish();
}

// RFC 4251, section 5: string is u32 length + bytes; mpint is signed, so a set top bit gets a zero.
void append_string(Bytes& out, ByteView bytes) {
  append_u32(out, static_cast<std::uint32_t>(bytes.size()));
  append(out, bytes);
}

void append_mpint(Bytes& out, Bytes number) {
  if (!number.empty() && (number.front() & 0x80) != 0) number.insert(number.begin(), 0);
  append_string(out, number);
}

Result<Secret> ssh_of(const core::PublicKey& half, const EVP_PKEY& key) {
  const keys::Algorithm& algorithm = *half.key->algorithm;
  std::string type = "ssh-ed25519";
  Bytes blob;
  if (is_rsa(algorithm)) {
    type = "ssh-rsa";
    append_string(blob, as_bytes(type));
    append_mpint(blob, TRY(integer_of(key, OSSL_PKEY_PARAM_RSA_E, 0)));
    append_mpint(blob, TRY(integer_of(key, OSSL_PKEY_PARAM_RSA_N, 0)));
  } else if (algorithm.family == keys::Family::Ecdsa) {
    const std::string_view curve = curve_of(algorithm).ssh;
    type = "ecdsa-sha2-" + std::string(curve);
    append_string(blob, as_bytes(type));
    append_string(blob, as_bytes(curve));
    append_string(blob, TRY(octets_of(key, OSSL_PKEY_PARAM_PUB_KEY)));
  } else {
    append_string(blob, as_bytes(type));
    append_string(blob, TRY(octets_of(key, OSSL_PKEY_PARAM_PUB_KEY)));
  }
  const std::string line =
      type + " " + to_base64(blob) + " " + keys::object_label(half.key->name, half.version) + "\n";
  return Secret::copy_of(as_bytes(line));
}

}  // namespace

Result<PublicFormat> parse_public_format(std::string_view text) {
  if (text == "pem") return PublicFormat::Pem;
  if (text == "jwk") return PublicFormat::Jwk;
  if (text == "ssh") return PublicFormat::Ssh;
  return refusal(Code::InvalidArgument, "format: must be pem, jwk or ssh");
}

Result<Answer> write_public_key(Result<core::PublicKey> result, PublicFormat format) {
  const core::PublicKey half = TRY(std::move(result));
  const Pkey key = TRY(parse(half.subject_public_key_info));
  Answer answer;
  switch (format) {
    case PublicFormat::Pem:
      answer.content_type = "application/x-pem-file";
      answer.body = TRY(pem_of(half.subject_public_key_info));
      return answer;
    case PublicFormat::Jwk:
      answer.content_type = "application/jwk+json";
      answer.body = TRY(jwk_of(half, *key));
      return answer;
    case PublicFormat::Ssh:
      answer.content_type = "text/plain";
      answer.body = TRY(ssh_of(half, *key));
      return answer;
  }
  return Error(Code::Internal, "no such format");
}

}  // namespace kw::api
