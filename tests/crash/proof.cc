// SPDX-License-Identifier: Apache-2.0
#include "proof.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include "base/bytes.h"
#include "tests/support/expect.h"
#include "tests/support/signature_oracle.h"

namespace kw::crash {

namespace oracle = test::signature_oracle;
using whole::Client;

namespace {

constexpr std::size_t kSample = 20;  // of each kind of product, kept for later rounds

bool signature_holds(Client& client, const Product& made, const std::string& algorithm) {
  const Reply pem = client.get("/v1/keys/" + made.key +
                               ":public?format=pem&version=" + std::to_string(made.version));
  if (pem.status != 200) return false;
  return oracle::verifies(algorithm, whole::der_of(pem.text),
                          as_bytes(whole::from_base64(made.plaintext)),
                          as_bytes(whole::from_base64(made.result)));
}

std::vector<json> listed_keys(Client& client) {
  std::vector<json> keys;
  std::string after;
  do {
    const Reply page = client.get("/v1/keys?limit=1000&after=" + after);
    REQUIRE(page.status == 200);
    for (const json& key : page.body["keys"]) keys.push_back(key);
    after = page.body.value("next", "");
  } while (!after.empty());
  return keys;
}

// What pkcs11-tool lists: "Secret Key Object NAME#VERSION" and so on, with "" for no label.
std::vector<std::string> objects_in(const std::string& listing) {
  constexpr std::string_view kLabel = "  label:";
  std::vector<std::string> objects;
  std::istringstream lines(listing);
  for (std::string line; std::getline(lines, line);) {
    const bool begins = line.find("bject") != std::string::npos && line[0] != ' ';
    if (begins) objects.push_back(line.substr(0, line.find(' ')));
    if (!line.starts_with(kLabel) || objects.empty()) continue;
    const std::size_t at = line.find_first_not_of(' ', kLabel.size());
    const bool is_named = at != std::string::npos && line.substr(at) != "<empty>";
    if (is_named) objects.back() += " " + line.substr(at);
  }
  std::sort(objects.begin(), objects.end());
  return objects;
}

// The lines of a service's log that are not of good days: alert to error.
std::string failures_in(const std::string& log) {
  std::string failures;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("<1>") || line.starts_with("<3>")) failures += line + "\n";
  }
  return failures;
}

}  // namespace

std::string Tally::text() const {
  std::ostringstream out;
  out << crashes << " crashes, " << answers << " answered requests, " << refused << " refused, "
      << receipts << " receipts found, " << versions << " key versions checked, " << blobs
      << " blobs opened, " << signatures << " signatures and " << macs << " MACs verified, "
      << torn_tails << " torn tails, " << damaged << " damaged tails, " << debris
      << " unnamed objects left in the token";
  return out.str();
}

int Proof::verify_code() const {
  return whole::run({whole::keyward(), "audit", "verify", sandbox_.path("audit")}).exit;
}

int Proof::log_before() {
  ++tally_.crashes;
  last_words_ = failures_in(sandbox_.log());
  const int code = verify_code();
  if (code == 3) ++tally_.torn_tails;
  return code;
}

void Proof::all_after() {
  for (const std::string& complaint : promises_.complaints) {
    FAIL_CHECK(complaint << "\nthe service said:\n" << last_words_);
  }
  promises_.complaints.clear();
  CHECK(sandbox_.log().find("quarantine") == std::string::npos);
  CHECK(verify_code() == 0);
  tally_.answers += promises_.answers() - counted_answers_;
  counted_answers_ = promises_.answers();
  receipts();
  keys();
  products();
}

void Proof::receipts() {
  std::map<std::uint64_t, json> records;
  for (json& record : sandbox_.records(first_unread_)) {
    const std::uint64_t index = record["index"];
    first_unread_ = index + 1;
    records[index] = std::move(record);
  }
  for (const Receipt& receipt : promises_.receipts) {
    const auto found = records.find(std::stoull(receipt.text));
    INFO("receipt " << receipt.text);
    if (found == records.end()) {
      FAIL_CHECK("no such record");
      continue;
    }
    const json& record = found->second;
    const std::string expected =
        std::to_string(found->first) + ":" + record["leaf"].get<std::string>();
    CHECK(receipt.text == expected);
    CHECK(record.value("request_id", "") == receipt.request_id);
    ++tally_.receipts;
  }
  promises_.receipts.clear();
  tally_.refused += promises_.refusals.size();
  for (const Receipt& refusal : promises_.refusals) {
    const auto found = std::find_if(records.begin(), records.end(), [&](const auto& record) {
      return record.second.contains("outcome") &&
             record.second.value("request_id", "") == refusal.request_id;
    });
    std::cout << "refused: " << (found == records.end() ? refusal.request_id : found->second.dump())
              << std::endl;
  }
  promises_.refusals.clear();
}

void Proof::keys() {
  Client app = sandbox_.client("app");
  std::map<std::string, std::uint32_t> there;
  for (const json& key : listed_keys(app)) {
    const std::string name = key["name"];
    INFO(name);
    const auto versions = static_cast<std::uint32_t>(key["versions"].size());
    there[name] = versions;
    if (key["residency"] == "wrapped") wrapped_.insert(name);
    const auto asked = promises_.keys.find(name);
    REQUIRE(asked != promises_.keys.end());
    CHECK(versions <= asked->second.asked);
    CHECK(key["primary"] == versions);
    for (const json& version : key["versions"]) CHECK(version["state"] == "enabled");
    if (seen_[name] == versions) continue;
    tally_.versions += versions - std::min(versions, seen_[name]);
    use(app, name, versions);
  }
  for (const auto& [name, promise] : promises_.keys) {
    INFO(name << " #" << promise.answered);
    CHECK(there[name] >= promise.answered);
    CHECK(there[name] >= seen_[name]);
  }
  seen_ = std::move(there);
}

// What it makes here is checked with the other products.
void Proof::use(Client& app, const std::string& name, std::uint32_t newest) {
  const std::string purpose = purpose_of(promises_.keys[name].algorithm);
  const std::string text = whole::base64("of " + name);
  const bool wraps = purpose == "wrap";
  const Reply made =
      app.post("/v1/" + purpose, {{"key", name}, {wraps ? "plaintext" : "message", text}});
  REQUIRE(made.status == 200);
  CHECK(made.body["version"] == newest);
  if (wraps) promises_.note_nonce(made.body["blob"]);
  const char* const field = wraps ? "blob" : purpose == "sign" ? "signature" : "mac";
  product(app, {name, newest, text, made.body[field]}, purpose);
}

void Proof::product(Client& app, const Product& product, const std::string& purpose) {
  INFO(purpose << " by " << product.key << " #" << product.version);
  if (purpose == "wrap") {
    const Reply opened = app.post("/v1/unwrap", {{"blob", product.result}});
    CHECK(opened.status == 200);
    CHECK(opened.body.value("plaintext", "") == product.plaintext);
    ++tally_.blobs;
  } else if (purpose == "sign") {
    CHECK(signature_holds(app, product, promises_.keys[product.key].algorithm));
    ++tally_.signatures;
  } else {
    const Reply verdict = app.post("/v1/verify-mac", {{"key", product.key},
                                                      {"version", product.version},
                                                      {"message", product.plaintext},
                                                      {"mac", product.result}});
    INFO(verdict.status << " " << verdict.body.dump() << "\n" << failures_in(sandbox_.log()));
    CHECK(verdict.body.value("valid", false));
    ++tally_.macs;
  }
}

void Proof::products() {
  Client app = sandbox_.client("app");
  const auto all_of = [&](std::vector<Product>& made, const std::string& purpose) {
    for (const Product& each : made) product(app, each, purpose);
    if (made.size() <= kSample) return;
    // Old ones and new ones, spread over all.
    std::vector<Product> sample;
    for (std::size_t i = 0; i < kSample; ++i) {
      sample.push_back(std::move(made[i * made.size() / kSample]));
    }
    made = std::move(sample);
  };
  all_of(promises_.blobs, "wrap");
  all_of(promises_.signatures, "sign");
  all_of(promises_.macs, "mac");
}

void Proof::token_objects() {
  const std::string pin = REQUIRE_OK(read_file(sandbox_ / "token/pin"));
  const whole::Outcome shown =
      whole::run({"pkcs11-tool", "--module", "/usr/lib/softhsm/libsofthsm2.so", "--token-label",
                  "keyward", "--login", "--pin", pin.substr(0, pin.find('\n')), "--list-objects"},
                 {{"SOFTHSM2_CONF", sandbox_.path("token/softhsm2.conf")}});
  CHECK(shown.exit == 0);
  std::vector<std::string> wanted = {"Secret keyward/service#1", "Private keyward/audit#1",
                                     "Public keyward/audit#1"};
  for (const auto& [name, versions] : seen_) {
    if (wrapped_.contains(name)) continue;
    const bool signs = purpose_of(promises_.keys[name].algorithm) == "sign";
    for (std::uint32_t version = 1; version <= versions; ++version) {
      const std::string label = name + "#" + std::to_string(version);
      wanted.push_back((signs ? "Private " : "Secret ") + label);
      if (signs) wanted.push_back("Public " + label);
    }
  }
  std::sort(wanted.begin(), wanted.end());
  std::vector<std::string> found = objects_in(shown.out);
  tally_.debris += std::erase_if(
      found, [](const std::string& object) { return object.find(' ') == std::string::npos; });
  // A kill between a KEK's making and its first key leaves a KEK that waits for another.
  for (const char* kind : {"aes", "hmac", "ec"}) {
    const std::string kek = "Secret keyward/kek-" + std::string(kind) + "#1";
    CHECK(std::erase(found, kek) <= 1);
  }
  CHECK(found == wanted);
}

}  // namespace kw::crash
