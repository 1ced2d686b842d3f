// SPDX-License-Identifier: Apache-2.0
#include "service/witness/cosigning_key.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include <array>

#include "base/file.h"
#include "service/audit_verify/cosignature.h"

namespace kw::witness {
namespace {

constexpr char kType = 4;
constexpr unsigned kKeyMode = 0600;
constexpr std::size_t kMostName = 255;

using BioPointer = Owned<BIO, BIO_free>;

Error unfit(const std::filesystem::path& file, const std::string& why) {
  return Error(Code::FailedPrecondition, file.string() + ": " + why);
}

// As C2SP signed-note wants a key's name.
Result<void> check_name(const std::string& name) {
  bool good = !name.empty() && name.size() <= kMostName;
  for (const char c : name) good = good && c > ' ' && c < 0x7f && c != '+';
  if (good) return {};
  return Error(Code::InvalidArgument,
               "a witness needs a name of visible ASCII without '+', such as witness.example/w1");
}

Result<Secret> to_pem(EVP_PKEY* key) {
  const BioPointer bio(BIO_new(BIO_s_secmem()));
  KW_ASSERT(bio != nullptr);
  KW_ASSERT(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) ==
            1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return Secret::copy_of(as_bytes({bytes, static_cast<std::size_t>(size)}));
}

// Without this, OpenSSL asks on the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }

EVP_PKEY* from_pem(const Secret& pem) {
  const ByteView bytes = pem.reveal();
  const BioPointer bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  return PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr);
}

Result<void> check_private(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return unfit(file, "cannot be looked at");
  if ((status.st_mode & 077u) == 0) return {};
  return unfit(file, "others may read it: its mode must be 0600");
}

std::string public_of(EVP_PKEY* key) {
  std::array<unsigned char, 32> raw{};
  std::size_t size = raw.size();
  KW_ASSERT(EVP_PKEY_get_raw_public_key(key, raw.data(), &size) == 1);
  return std::string(1, kType) + std::string(as_text(raw));
}

}  // namespace

CosigningKey::CosigningKey(std::string name, Pointer key)
    : name_(std::move(name)), key_(std::move(key)), public_(public_of(key_.get())) {
  const std::string hashed = name_ + "\n" + public_;
  const Sha256Digest digest = sha256(as_bytes(hashed));
  id_.assign(digest.begin(), digest.begin() + 4);
}

std::string CosigningKey::verifier_key() const {
  return name_ + "+" + to_hex(as_bytes(id_)) + "+" + to_base64(as_bytes(public_));
}

std::string CosigningKey::cosign(std::string_view text, std::uint64_t time) const {
  const std::string message =
      "cosignature/v1\ntime " + std::to_string(time) + "\n" + std::string(text);
  const ByteView bytes = as_bytes(message);
  std::array<unsigned char, 64> signature{};
  std::size_t size = signature.size();
  const Owned<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  KW_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  KW_ASSERT(EVP_DigestSign(context.get(), signature.data(), &size, bytes.data(), bytes.size()) ==
            1);
  Bytes line = to_bytes(as_bytes(id_));
  append_u64(line, time);
  append(line, signature);
  return "\u2014 " + name_ + " " + to_base64(line) + "\n";
}

// The key first: a vkey without its key would be a promise that nobody can keep.
Result<CosigningKey> CosigningKey::make(const std::filesystem::path& folder,
                                        const std::string& name) {
  TRY(check_name(name));
  Pointer key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  KW_ASSERT(key != nullptr);
  const Secret pem = TRY(to_pem(key.get()));
  TRY(write_file(folder / "key", as_text(pem.reveal()), kKeyMode));
  CosigningKey made(name, std::move(key));
  TRY(write_file(folder / "vkey", made.verifier_key() + "\n"));
  return made;
}

// A start that was cut short between its two files has shown nobody the key.
Result<CosigningKey> CosigningKey::load(const std::filesystem::path& folder,
                                        const std::string& name) {
  const std::filesystem::path file = folder / "key";
  TRY(check_private(file));
  const Secret pem = TRY(read_secret_file(file));
  Pointer key(from_pem(pem));
  if (!key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_ED25519) {
    return unfit(file, "no Ed25519 key (PKCS#8, PEM, not encrypted)");
  }
  const Result<std::string> kept = read_file(folder / "vkey");
  if (!kept && kept.error().code() != Code::NotFound) return kept.error();
  std::string own = name;
  if (kept) own = TRY(audit_verify::CosignerKey::parse(*kept)).name();
  TRY(check_name(own));
  if (!name.empty() && name != own) {
    return Error(Code::InvalidArgument, file.string() + " is the key of " + own +
                                            ": a witness of another name needs another folder");
  }
  CosigningKey loaded(own, std::move(key));
  if (!kept) TRY(write_file(folder / "vkey", loaded.verifier_key() + "\n"));
  if (kept && *kept != loaded.verifier_key() + "\n")
    return unfit(folder / "vkey", "of another key");
  return loaded;
}

Result<CosigningKey> CosigningKey::open(const std::filesystem::path& folder,
                                        const std::string& name) {
  std::error_code failure;
  const bool has_key = std::filesystem::exists(folder / "key", failure);
  if (failure) return Error(Code::Unavailable, folder.string() + ": " + failure.message());
  if (has_key) return load(folder, name);
  const bool has_vkey = std::filesystem::exists(folder / "vkey", failure);
  if (failure || has_vkey) return unfit(folder / "key", "is missing, but its vkey is there");
  return make(folder, name);
}

}  // namespace kw::witness
