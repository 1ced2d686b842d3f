// SPDX-License-Identifier: Apache-2.0
#include <set>
#include <thread>

#include "base/file.h"
#include "pkcs11/profile.h"
#include "tests/unit/core/outage_fixture.h"
#include "tests/unit/store/fixture.h"

// Suite 2 at the door, on a token without the derivation of suite 1.
namespace kw::core {
namespace {

constexpr const char* kCounted = "aes-256-gcm-counted";
constexpr const char* kMask = "mask CKM_AES_ECB_ENCRYPT_DATA";

struct CountedFixture : DoorFixture {
  CountedFixture() : DoorFixture(Closed{}) {
    counts = {.block = 1000, .rotate_after = 1u << 31};
    hsm.rules(kMask);
    open();
    key = make_key("app/counted", kCounted);
  }
  void restart() {
    close();
    open();
  }
  void break_token(const std::string& rule) {
    hsm.clear();
    hsm.rules(std::string(kMask) + ";" + rule);
  }
  Result<Wrapped> try_wrap(const std::string& caller = "app") {
    const Wrap request{name("app/counted"), Secret::copy_of(as_bytes("text")), {}};
    return opened(door->wrap(call_as(caller), request));
  }
  Result<Unwrapped> unwrapped(const Bytes& blob) {
    return opened(door->unwrap(call_as("app"), {blob, {}, std::nullopt}));
  }
  Bytes wrapped() { return wrap("app/counted", "text", {}); }
  static Bytes nonce_of(const Bytes& blob) { return to_bytes(ByteView(blob).subspan(26, 12)); }
  static std::uint32_t number_of(const Bytes& blob) { return read_u32(ByteView(blob).subspan(34)); }
  std::vector<Line> upkeep_records() {
    // Nobody waits for the upkeep's records; what comes behind them is durable after them.
    (void)opened(door->show_key(call_as("app"), name("app/counted")));
    std::vector<Line> ours;
    for (Line& line : records()) {
      if (line["caller"] == "keyward/upkeep") ours.push_back(std::move(line));
    }
    return ours;
  }

  KeyView key;
};

// The same with a token that goes away, and keys of all kinds beside it.
struct CountedOutage : OutageFixture {
  CountedOutage() {
    counted = make_key("app/counted", kCounted);
    counted_blob = wrap("app/counted", "kept", {});
  }
  Result<Unwrapped> unwrap_counted() {
    return opened(door->unwrap(call_as("app"), {counted_blob, {}, std::nullopt}));
  }
  bool counted_works() {
    const Result<Unwrapped> plain = unwrap_counted();
    if (plain) return as_text(plain->plaintext.reveal()) == "kept";
    REQUIRE(plain.error().code() == Code::Unavailable);
    return false;
  }

  KeyView counted;
  Bytes counted_blob;
};

}  // namespace

TEST_CASE_METHOD(CountedFixture, "suite 2: where suite 1 is refused, every operation works",
                 "[core][suite2]") {
  const auto refused =
      opened(door->create_key(call_as("admin"), {name("app/one"), "xaes-256-gcm", {}}));
  CHECK_CODE(refused, Code::Unimplemented);
  CHECK(refused.error().advice() == "algorithm: this token cannot do xaes-256-gcm");
  const Bytes blob = wrap("app/counted", "attack at dawn", {});
  CHECK(blob[4] == 2);
  CHECK(last_record()["suite"] == "2");
  CHECK(as_text(REQUIRE_OK(unwrapped(blob)).plaintext.reveal()) == "attack at dawn");
  CHECK(last_record()["suite"] == "2");
  (void)REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/counted"))));
  const Wrapped moved =
      REQUIRE_OK(opened(door->rewrap(call_as("app"), {blob, {}, std::nullopt, std::nullopt})));
  CHECK(moved.version == Version{2});
  CHECK(number_of(moved.blob) == 1);
  CHECK(last_record()["suite"] == "2");
  const DataKey made =
      REQUIRE_OK(opened(door->data_key(call_as("app"), {name("app/counted"), 32, {}, true})));
  CHECK(number_of(made.blob) == 2);
  CHECK(REQUIRE_OK(unwrapped(made.blob)).plaintext.size() == 32);
  restart();
  CHECK(as_text(REQUIRE_OK(unwrapped(moved.blob)).plaintext.reveal()) == "attack at dawn");
}

TEST_CASE_METHOD(CountedFixture, "suite 2: who may not, may not; what is wrong is refused",
                 "[core][suite2]") {
  const Bytes blob = wrapped();
  CHECK_CODE(try_wrap("nobody"), Code::PermissionDenied);
  CHECK_CODE(opened(door->unwrap(call_as("nobody"), {blob, {}, std::nullopt})),
             Code::PermissionDenied);
  const ComputeMac mac{name("app/counted"), Secret::copy_of(as_bytes("text"))};
  CHECK_CODE(opened(door->mac(call_as("app"), mac)), Code::InvalidArgument);
  CHECK_CODE(opened(door->data_key(call_as("app"), {name("app/counted"), 33, {}, true})),
             Code::InvalidArgument);
  const CreateKey wrapped_key{name("app/w"), kCounted, {}, keys::Residency::Wrapped};
  const auto refused = opened(door->create_key(call_as("admin"), wrapped_key));
  CHECK_CODE(refused, Code::Unimplemented);
  CHECK(refused.error().advice().find("use token") != std::string::npos);
  Bytes bad = blob;
  bad.back() ^= 1;
  const auto changed = unwrapped(bad);
  const auto cut = unwrapped(Bytes(blob.begin(), blob.begin() + 40));
  CHECK_CODE(changed, Code::InvalidArgument);
  CHECK_CODE(cut, Code::InvalidArgument);
  CHECK(changed.error().advice() == cut.error().advice());
  (void)REQUIRE_OK(
      opened(door->disable_key(call_as("admin"), {name("app/counted"), std::nullopt})));
  CHECK_CODE(try_wrap(), Code::FailedPrecondition);
}

TEST_CASE_METHOD(CountedFixture, "suite 2: a policy can name the algorithm", "[core][suite2]") {
  close();
  write_policy_file(kPolicy +
                    "  - {id: no-counted, deny: [wrap], to: [app], keys: ['**'], when: {algorithm: "
                    "[aes-256-gcm-counted]}}\n");
  open();
  CHECK_CODE(try_wrap(), Code::PermissionDenied);
}

TEST_CASE_METHOD(CountedFixture, "suite 2: no nonce twice over three restarts and two threads",
                 "[core][suite2]") {
  std::set<Bytes> nonces;
  std::size_t made = 0;
  for (int life = 0; life < 4; ++life) {
    if (life > 0) restart();
    KeyService other(*backend);
    std::vector<Bytes> theirs;
    const auto work = [&](KeyService& service, std::vector<Bytes>& blobs) {
      for (int i = 0; i < 100; ++i) {
        const Wrap request{name("app/counted"), Secret::copy_of(as_bytes("text")), {}};
        auto answer = opened(service.wrap(call_as("app"), request));
        if (answer) blobs.push_back(std::move(answer->blob));
      }
    };
    std::thread thread([&] { work(other, theirs); });
    std::vector<Bytes> ours;
    work(*door, ours);
    thread.join();
    for (const auto* blobs : {&ours, &theirs}) {
      CHECK(blobs->size() == 100);
      for (const Bytes& blob : *blobs) nonces.insert(nonce_of(blob));
      made += blobs->size();
    }
    const std::uint32_t highest = number_of(ours.back());
    CHECK(highest > 1000u * static_cast<unsigned>(life));
  }
  CHECK(nonces.size() == made);
}

TEST_CASE_METHOD(CountedFixture, "suite 2: a catalog that was brought back repeats no nonce",
                 "[core][suite2]") {
  (void)wrapped();
  close();
  std::filesystem::copy_file(folder / "catalog.db", folder / "copy.db");
  open();
  const Bytes before = wrapped();
  close();
  std::filesystem::copy_file(folder / "copy.db", folder / "catalog.db",
                             std::filesystem::copy_options::overwrite_existing);
  open();
  const Bytes after = wrapped();
  CHECK(number_of(before) == number_of(after));
  CHECK(nonce_of(before) != nonce_of(after));
  CHECK(as_text(REQUIRE_OK(unwrapped(before)).plaintext.reveal()) == "text");
}

TEST_CASE_METHOD(CountedFixture, "suite 2: the hard stop, and a rotation after it",
                 "[core][suite2]") {
  counts = {.block = 1u << 30, .rotate_after = 1u << 31};
  restart();
  CHECK(number_of(wrapped()) == 1);
  restart();
  const Bytes blob = wrapped();
  CHECK(number_of(blob) == (1u << 30) + 1);
  restart();
  const auto refused = try_wrap();
  CHECK_CODE(refused, Code::FailedPrecondition);
  CHECK(refused.error().advice().find("rotate the key") != std::string::npos);
  CHECK(last_record()["reason"] == "limit reached");
  CHECK_CODE(opened(door->data_key(call_as("app"), {name("app/counted"), 32, {}, true})),
             Code::FailedPrecondition);
  CHECK_CODE(opened(door->rewrap(call_as("app"), {blob, {}, std::nullopt, std::nullopt})),
             Code::FailedPrecondition);
  CHECK(REQUIRE_OK(unwrapped(blob)).plaintext.size() == 4);
  door->maintain();  // the bound of the upkeep lies beyond
  CHECK_CODE(try_wrap(), Code::FailedPrecondition);
  (void)REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/counted"))));
  CHECK(number_of(wrapped()) == 1);
}

TEST_CASE_METHOD(CountedFixture, "suite 2: the upkeep rotates a key long before, on record",
                 "[core][suite2]") {
  counts = {.block = 1000, .rotate_after = 1500};
  restart();
  const Bytes old = wrapped();
  door->maintain();
  CHECK(upkeep_records().empty());
  restart();
  (void)wrapped();  // up to 2000
  door->maintain();
  const auto records = upkeep_records();
  REQUIRE(records.size() == 2);
  for (const char* const field : {"operation", "key", "version", "suite"}) {
    INFO(field);
    CHECK(records[0].at(field) == records[1].at(field));
  }
  CHECK(records[0].at("operation") == "rotate");
  CHECK(records[0].at("key") == "app/counted");
  CHECK(records[0].at("version") == "2");
  CHECK(records[0].at("phase") == "intent");
  CHECK(records[1].at("phase") == "outcome");
  CHECK(records[1].at("outcome") == "ok");
  const Wrapped fresh = REQUIRE_OK(try_wrap());
  CHECK(fresh.version == Version{2});
  CHECK(number_of(fresh.blob) == 1);
  CHECK(REQUIRE_OK(unwrapped(old)).plaintext.size() == 4);
  door->maintain();  // once is enough
  CHECK(upkeep_records().size() == 2);
}

TEST_CASE_METHOD(CountedFixture, "suite 2: somebody was faster than the upkeep", "[core][suite2]") {
  counts = {.block = 1000, .rotate_after = 500};
  restart();
  (void)wrapped();
  (void)REQUIRE_OK(opened(door->rotate_key(call_as("admin"), name("app/counted"))));
  door->maintain();
  CHECK(upkeep_records().empty());
  CHECK(REQUIRE_OK(try_wrap()).version == Version{2});
}

TEST_CASE_METHOD(CountedFixture, "suite 2: a rotation of the upkeep that fails stops nobody",
                 "[core][suite2][fault]") {
  counts = {.block = 1000, .rotate_after = 500};
  restart();
  (void)wrapped();
  break_token("fail C_GenerateKey 1 CKR_DEVICE_MEMORY");
  door->maintain();
  CHECK(upkeep_records().back().at("outcome") == "unavailable");
  CHECK(REQUIRE_OK(try_wrap()).version == Version{1});
  CHECK(metric("keyward_message_rotations_due") == 1);
  break_token("");
  restart();
  (void)wrapped();
  door->maintain();
  CHECK(metric("keyward_message_rotations_due") == 0);
  CHECK(upkeep_records().back().at("outcome") == "ok");
  CHECK(REQUIRE_OK(try_wrap()).version == Version{2});
}

TEST_CASE_METHOD(CountedFixture, "suite 2: a disk that takes no number lets nothing be sealed",
                 "[core][suite2][fault]") {
  hsm.clear();
  hsm.rules(kMask);
  {
    test::Raw other(folder / "catalog.db");
    other.run("BEGIN IMMEDIATE");
    CHECK_CODE(try_wrap(), Code::Unavailable);
    CHECK(last_record()["reason"] == "catalog unavailable");
  }
  CHECK(hsm.count("C_EncryptInit") == 0);
  CHECK(number_of(wrapped()) == 1);
  CHECK(backend->troubles().empty());  // the token is not to blame
}

TEST_CASE_METHOD(CountedFixture,
                 "suite 2: a token that fails in the middle costs a number, no more",
                 "[core][suite2][fault]") {
  const std::string rule =
      GENERATE("fail C_Encrypt 1 CKR_DEVICE_MEMORY", "fail C_Encrypt 1 CKR_DEVICE_MEMORY after",
               "fail C_EncryptInit 1 CKR_DEVICE_MEMORY");
  INFO(rule);
  CHECK(number_of(wrapped()) == 1);
  break_token(rule);
  CHECK_CODE(try_wrap(), Code::Unavailable);
  break_token("");
  CHECK(number_of(wrapped()) >= 3);  // 4 where SoftHSM still had the message in hand
}

TEST_CASE_METHOD(CountedFixture, "suite 2: work that is done again has another number",
                 "[core][suite2][fault]") {
  const Bytes first = wrapped();
  break_token("fail C_Encrypt 1 CKR_SESSION_HANDLE_INVALID after");
  const DataKey made =
      REQUIRE_OK(opened(door->data_key(call_as("app"), {name("app/counted"), 32, {}, true})));
  CHECK(number_of(made.blob) == number_of(first) + 2);
  break_token("");
  const Unwrapped plain = REQUIRE_OK(unwrapped(made.blob));
  CHECK(ct_equal(plain.plaintext.reveal(), made.plaintext->reveal()));
}

TEST_CASE_METHOD(CountedFixture, "suite 2: no numbers where the token draws nothing",
                 "[core][suite2][fault]") {
  break_token("fail C_GenerateRandom 1 CKR_DEVICE_MEMORY");
  CHECK_CODE(try_wrap(), Code::Unavailable);
  CHECK(hsm.count("C_EncryptInit") == 0);
  break_token("");
  CHECK(number_of(wrapped()) == 1);
}

TEST_CASE_METHOD(CountedFixture, "suite 2: another key under its name goes into quarantine, alone",
                 "[core][suite2]") {
  make_key("app/other", kCounted);
  const Bytes blob = wrapped();
  close();
  {
    const auto token = hsm.open();
    auto session = REQUIRE_OK(token->open_session());
    const Bytes id = pkcs11::object_id(key->id, Version{1});
    CHECK(REQUIRE_OK(pkcs11::destroy_all(session, id)) == 1);
    (void)REQUIRE_OK(pkcs11::generate(session, pkcs11::Profile::CountedAes, id,
                                      pkcs11::object_label(key->name, Version{1})));
  }
  open();
  CHECK_CODE(unwrapped(blob), Code::Unavailable);
  CHECK_CODE(try_wrap(), Code::Unavailable);
  CHECK(last_record()["reason"] == "quarantined");
  CHECK(last_record()["suite"] == "2");
  CHECK(number_of(wrap("app/other", "text", {})) == 1);
}

TEST_CASE_METHOD(CountedOutage, "suite 2: opens its blobs again in every epoch, and counts on",
                 "[core][suite2][healing][fault]") {
  move_away();
  await("out of service", [this] {
    door->maintain();
    (void)counted_works();
    return !is_ready();
  });
  CHECK_CODE(unwrap_counted(), Code::Unavailable);
  move_back();
  await_service();
  await("opened", [this] { return counted_works(); });
  CHECK(epochs() >= 2);
  CHECK(metric("keyward_quarantined_versions") == 0);
  const Bytes more = wrap("app/counted", "more", {});
  CHECK(read_u32(ByteView(more).subspan(34)) > 1);
}

}  // namespace kw::core
