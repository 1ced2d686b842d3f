// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

struct x509_st;
struct evp_pkey_st;

namespace kw::test {

enum class KeyKind { P256, P192, Rsa1024, Rsa2048 };
enum class ExtendedUsage { Absent, Client, Server };
enum class Role { Leaf, Authority };

// LeafOptions says what a certificate shall hold; the defaults make a good client.
struct LeafOptions {
  std::string common_name = "app";  // may hold any bytes; empty: no common name
  std::vector<std::string> dns_names;
  std::vector<std::string> uris;
  std::vector<std::string> addresses;
  KeyKind key = KeyKind::P256;
  ExtendedUsage usage = ExtendedUsage::Client;
  Role role = Role::Leaf;
  std::string digest = "SHA256";
  long serial = 0;          // 0: a fresh one
  long not_before = -3600;  // seconds from now
  long not_after = 3600;
};

// Identity is a certificate and its key, both PEM.
struct Identity {
  std::string certificate;
  std::string key;
};

// Pki is a private CA, made by OpenSSL. A failing OpenSSL call ends the process.
class Pki {
 public:
  explicit Pki(const std::string& common_name = "keyward test CA");
  ~Pki();
  Pki(const Pki&) = delete;
  Pki& operator=(const Pki&) = delete;

  Identity issue(const LeafOptions& options) const;

  // A server's: serverAuth, DNS:localhost, IP:127.0.0.1.
  Identity issue_server() const;

  // A certificate with these contents that signs itself.
  static Identity self_sign(const LeafOptions& options);

  std::string certificate() const;

  // A revocation list, by this CA, of these serial numbers.
  std::string revoke(const std::vector<long>& serials, long next_update = 3600) const;

 private:
  struct Signer;
  std::unique_ptr<Signer> signer_;
};

// Makes a key that claims `identity`'s public half and signs with another private one.
std::string forge_key(const Identity& identity);

// Writes text to a file, readable by its owner only.
void write_pem(const std::filesystem::path& path, const std::string& text);

}  // namespace kw::test
