// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/core/door_fixture.h"

#include <openssl/pem.h>

#include "base/file.h"
#include "service/audit_verify/record_reader.h"
#include "service/telemetry/page.h"

namespace kw::core {
namespace {

std::shared_ptr<const identity::Caller> caller_of(const test::Pki& pki, const std::string& name) {
  test::LeafOptions options;
  options.common_name = name;
  options.uris = {"spiffe://keyward.test/" + name};
  const std::string pem = pki.issue(options).certificate;
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509* const certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  auto caller = REQUIRE_OK(identity::from_certificate(certificate));
  X509_free(certificate);
  return caller;
}

std::string text_of(const audit_verify::Field& field) {
  switch (field.form) {
    case audit_verify::FieldForm::Word:
      return std::string(field.word);
    case audit_verify::FieldForm::Text:
      return std::string(as_text(field.bytes));
    case audit_verify::FieldForm::Hex:
      return to_hex(field.bytes);
    default:
      return std::to_string(field.number);
  }
}

}  // namespace

const std::string DoorFixture::kPolicy = R"(version: keyward-policy/1
principals:
  admin: {spiffe: "spiffe://keyward.test/admin"}
  app: {spiffe: "spiffe://keyward.test/app"}
rules:
  - {id: manage, allow: [admin, read-policy, write-policy], to: [admin], keys: ["**"]}
  - {id: work, allow: [use, read], to: [app], keys: ["app/**"]}
  - {id: tenant, allow: [wrap, unwrap], to: [app], keys: ["tenant/*"], when: {context: {tenant: "7"}}}
  - {id: look, allow: [read-audit], to: [admin]}
  - {id: frozen, deny: [wrap, unwrap, sign], to: ["*"], keys: ["app/frozen"]}
)";

DoorFixture::DoorFixture(Closed) {
  for (const char* const name : {"admin", "app", "nobody"}) callers[name] = caller_of(pki, name);
  write_policy_file(kPolicy);
}

Result<std::unique_ptr<Backend>> DoorFixture::try_open() {
  return Backend::open({.module = hsm.module_path(),
                        .token_uri = "pkcs11:token=keyward",
                        .pin = Secret::copy_of(as_bytes(pin)),
                        .profile = profile,
                        .token_directory = hsm.token_directory(),
                        .allow_suite_3 = allow_suite_3,
                        .catalog = folder / "catalog.db",
                        .audit_directory = folder / "audit",
                        .checkpoint_every = checkpoint_every,
                        .sinks = {},
                        .witnesses = witnesses,
                        .policy = folder / "policy.yaml",
                        .healer = healer,
                        .counts = counts});
}

void DoorFixture::open() {
  backend = REQUIRE_OK(try_open());
  door = std::make_unique<KeyService>(*backend);
}

void DoorFixture::close() {
  door.reset();
  backend.reset();
}

Call DoorFixture::call_as(const std::string& name, Deadline deadline) {
  return {.caller = callers.at(name),
          .id = RequestId::random(),
          .source = "192.0.2.7",
          .started = Clock::now(),
          .deadline = deadline};
}

KeyView DoorFixture::make_key(const std::string& text, const std::string& algorithm) {
  return REQUIRE_OK(opened(door->create_key(call_as("admin"), {name(text), algorithm, {}})));
}

Bytes DoorFixture::wrap(const std::string& key, std::string_view plaintext,
                        const Context& context) {
  const Wrap request{name(key), Secret::copy_of(as_bytes(plaintext)), context};
  return REQUIRE_OK(opened(door->wrap(call_as("app"), request))).blob;
}

void DoorFixture::write_policy_file(const std::string& text) {
  REQUIRE_OK(write_file(folder / "policy.yaml", text));
}

double DoorFixture::metric(const std::string& series) const {
  telemetry::Page page;
  backend->describe(page);
  const std::string text = "\n" + page.text();
  const std::size_t at = text.find("\n" + series + " ");
  REQUIRE(at != std::string::npos);
  return std::stod(text.substr(at + series.size() + 2));
}

std::vector<DoorFixture::Line> DoorFixture::records() {
  std::vector<Line> lines;
  REQUIRE_OK(audit_verify::read_records(folder / "audit", 0,
                                        [&lines](const audit_verify::DecodedRecord& record) {
                                          Line line;
                                          for (const audit_verify::Field& field : record.fields) {
                                            line[std::string(field.name)] = text_of(field);
                                          }
                                          lines.push_back(std::move(line));
                                          return true;
                                        }));
  return lines;
}

DoorFixture::Line DoorFixture::last_record() { return records().back(); }

}  // namespace kw::core
