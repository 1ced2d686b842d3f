// SPDX-License-Identifier: Apache-2.0
#include "tests/faults/load.h"

#include <algorithm>

#include "tests/support/signature_oracle.h"

namespace kw::faults {
namespace {

using core::Digest;
using core::Message;
using core::SignatureEncoding;

constexpr std::string_view kText = "attack at dawn";
constexpr std::size_t kKeptTexts = 40;
constexpr auto kHung = std::chrono::seconds(60);

struct Scheme {
  const char* kind;
  const char* algorithm;
};
constexpr Scheme kSchemes[] = {
    {"rsa", "rsa-2048-pkcs1-sha256"}, {"ec", "ecdsa-p256-sha256"}, {"ed", "ed25519"}};
constexpr const char* kCreated[] = {"xaes-256-gcm", "ecdsa-p256-sha256", "hmac-sha256", "ed25519",
                                    "aes-256-gcm-counted"};
constexpr Scheme kSealing[] = {{"wrap", "xaes-256-gcm"}, {"counted", "aes-256-gcm-counted"}};

Secret secret(std::string_view text) { return Secret::copy_of(as_bytes(text)); }

}  // namespace

void Ledger::note(const RequestId& id, bool succeeded, const std::string& outcome) {
  const std::lock_guard lock(mutex_);
  ++asked_;
  ++outcomes_[outcome];
  open_[id.text()] = succeeded;
}

void Ledger::breach(const std::string& what) {
  const std::lock_guard lock(mutex_);
  ++breaches_;
  if (texts_.size() < kKeptTexts) texts_.push_back(pair_ + ": " + what);
}

void Ledger::enter(const std::string& pair) {
  const std::lock_guard lock(mutex_);
  pair_ = pair;
}

void Ledger::compare(const std::vector<core::DoorFixture::Line>& records) {
  std::map<std::string, int> seen;
  const std::lock_guard lock(mutex_);
  for (const core::DoorFixture::Line& record : records) {
    const auto id = record.find("request_id");
    const auto outcome = record.find("outcome");
    if (id == record.end() || outcome == record.end()) continue;
    const auto asked = open_.find(id->second);
    if (asked == open_.end()) continue;
    ++seen[id->second];
    if (asked->second != (outcome->second == "ok")) {
      ++breaches_;
      texts_.push_back(id->second + " is on record as " + outcome->second);
    }
  }
  for (const auto& [id, succeeded] : open_) {
    if (seen[id] == 1) continue;
    ++breaches_;
    texts_.push_back(id + " is on record " + std::to_string(seen[id]) + " times");
  }
  open_.clear();
}

std::map<std::string, std::uint64_t> Ledger::outcomes() const {
  const std::lock_guard lock(mutex_);
  return outcomes_;
}

std::vector<std::string> Ledger::texts() const {
  const std::lock_guard lock(mutex_);
  return texts_;
}

Load::Load(core::DoorFixture& fixture, Ledger& ledger)
    : fixture_(fixture), ledger_(ledger), context_(fixture.context({{"tenant", "7"}})) {
  core::KeyService& door = *fixture_.door;
  for (const Scheme& scheme : kSealing) {
    fixture_.make_key(key(scheme.kind), scheme.algorithm);
    known_[scheme.kind] = {fixture_.wrap(key(scheme.kind), kText, context_), std::string(kText)};
  }
  fixture_.make_key(key("rot"), "xaes-256-gcm");
  fixture_.make_key(key("rotec"), "ecdsa-p256-sha256");
  fixture_.make_key(key("mac"), "hmac-sha256");
  for (const Scheme& scheme : kSchemes) {
    fixture_.make_key(key(scheme.kind), scheme.algorithm);
    const core::KeyTarget target{fixture_.name(key(scheme.kind)), std::nullopt};
    public_keys_[scheme.kind] =
        REQUIRE_OK(fixture_.opened(door.public_key(fixture_.call_as("app"), target)))
            .subject_public_key_info;
  }
  known_mac_ = REQUIRE_OK(fixture_.opened(door.mac(fixture_.call_as("app"),
                                                   {fixture_.name(key("mac")), secret(kText)})))
                   .mac;
}

// SoftHSM 2.6.1, asked by two threads, at times takes an object just made for another one. The
// service compares what it makes with what it wanted, refuses it, and the name stays free.
bool is_mistaken(const std::string& what, const Error& error) {
  if (error.code() != Code::Internal || (what != "create" && what != "rotate")) return false;
  return error.detail().find("CKR_TEMPLATE_INCONSISTENT") != std::string::npos ||
         error.detail().find("attribute 0x") != std::string::npos;
}

void Load::judge(const char* what, const Error& error, const std::optional<Excuse>& excuse) {
  const Code code = error.code();
  if (is_mistaken(what, error)) return ledger_.mistaken();
  if (!excuse) {
    unwell_ = unwell_ || code == Code::Unavailable;
    if (code == Code::Unavailable) return;
  } else if (code == Code::Unavailable || code == excuse->code) {
    return;
  }
  ledger_.breach(std::string(what) + " was answered " + std::string(name_of(code)) + ": " +
                 error.detail() + " (" + error.file() + ":" + std::to_string(error.line()) + ")");
}

template <typename T>
std::optional<T> Load::ask(const char* what, const std::optional<Excuse>& excuse,
                           const core::Call& call, core::Sealed<T> sealed) {
  Result<T> answer = fixture_.opened(std::move(sealed));
  if (Clock::now() - call.started > kHung) ledger_.breach(std::string(what) + " hung");
  ledger_.note(call.id, answer.has_value(),
               answer ? "ok" : std::string(name_of(answer.error().code())));
  if (answer) return std::move(answer).value();
  judge(what, answer.error(), excuse);
  return std::nullopt;
}

template <typename T>
void Load::expect(const char* what, Code code, const std::optional<Excuse>& excuse,
                  const core::Call& call, core::Sealed<T> sealed) {
  const Result<T> answer = fixture_.opened(std::move(sealed));
  ledger_.note(call.id, answer.has_value(),
               answer ? "ok" : std::string(name_of(answer.error().code())));
  if (answer) return ledger_.breach(std::string(what) + " was granted");
  if (answer.error().code() != code) judge(what, answer.error(), excuse);
}

void Load::run(core::KeyService& door, const std::optional<Excuse>& excuse) {
  ++rounds_;
  for (const Scheme& scheme : kSealing) blobs(door, scheme.kind, excuse);
  draw(door, excuse);
  signatures(door, excuse);
  macs(door, excuse);
  refusals(door, excuse);
}

void Load::blobs(core::KeyService& door, const std::string& kind,
                 const std::optional<Excuse>& excuse) {
  const KeyName name = fixture_.name(key(kind));
  const Kept& known = known_[kind];
  const std::string text = "text " + std::to_string(rounds_);
  core::Call call = fixture_.call_as("app");
  auto wrapped = ask("wrap", excuse, call, door.wrap(call, {name, secret(text), context_}));
  if (wrapped) kept_.push_back({std::move(wrapped->blob), text});

  call = fixture_.call_as("app");
  const auto opened =
      ask("unwrap", excuse, call, door.unwrap(call, {known.blob, context_, std::nullopt}));
  if (opened && as_text(opened->plaintext.reveal()) != known.plaintext) {
    ledger_.breach("unwrap gave another plaintext");
  }

  call = fixture_.call_as("app");
  auto again = ask("rewrap", excuse, call,
                   door.rewrap(call, {known.blob, context_, std::nullopt, std::nullopt}));
  if (again) kept_.push_back({std::move(again->blob), known.plaintext});

  call = fixture_.call_as("app");
  auto made = ask("data-key", excuse, call, door.data_key(call, {name, 32, context_, true}));
  if (made) {
    kept_.push_back({std::move(made->blob), std::string(as_text(made->plaintext->reveal()))});
  }
}

void Load::draw(core::KeyService& door, const std::optional<Excuse>& excuse) {
  const core::Call call = fixture_.call_as("app");
  const auto random = ask("random", excuse, call, door.random(call, 32));
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  if (random && (random->size() != 32 || std::ranges::all_of(random->reveal(), is_zero))) {
    ledger_.breach("random gave nothing random");
  }
}

void Load::signatures(core::KeyService& door, const std::optional<Excuse>& excuse) {
  for (const Scheme& scheme : kSchemes) {
    const core::Call call = fixture_.call_as("app");
    const auto made = ask(scheme.algorithm, excuse, call,
                          door.sign(call, {fixture_.name(key(scheme.kind)), Message{secret(kText)},
                                           SignatureEncoding::Der}));
    if (made && !test::signature_oracle::verifies(scheme.algorithm, public_keys_[scheme.kind],
                                                  as_bytes(kText), made->signature)) {
      ledger_.breach(std::string(scheme.algorithm) + ": OpenSSL refuses the signature");
    }
  }
}

void Load::macs(core::KeyService& door, const std::optional<Excuse>& excuse) {
  const KeyName name = fixture_.name(key("mac"));
  core::Call call = fixture_.call_as("app");
  const auto made = ask("mac", excuse, call, door.mac(call, {name, secret(kText)}));
  if (made && made->mac != known_mac_) ledger_.breach("mac gave another MAC");
  for (const bool genuine : {true, false}) {
    Bytes claimed = known_mac_;
    claimed.front() ^= genuine ? 0 : 1;
    call = fixture_.call_as("app");
    const auto verdict =
        ask("verify-mac", excuse, call,
            door.verify_mac(call, {name, std::nullopt, secret(kText), std::move(claimed)}));
    if (verdict && verdict->valid != genuine) ledger_.breach("verify-mac gave the wrong verdict");
  }
}

// A fault is no reason to be more generous, and a stranger learns nothing of it.
void Load::refusals(core::KeyService& door, const std::optional<Excuse>& excuse) {
  const Bytes& known = known_["wrap"].blob;
  Bytes garbage = known;
  garbage.back() ^= 1;
  core::Call call = fixture_.call_as("app");
  expect("unwrap of garbage", Code::InvalidArgument, excuse, call,
         door.unwrap(call, {garbage, context_, std::nullopt}));
  call = fixture_.call_as("app");
  expect("unwrap elsewhere", Code::InvalidArgument, excuse, call,
         door.unwrap(call, {known, Context(), std::nullopt}));
  call = fixture_.call_as("nobody");
  expect("wrap by nobody", Code::PermissionDenied, std::nullopt, call,
         door.wrap(call, {fixture_.name(key("wrap")), secret(kText), context_}));
  call = fixture_.call_as("app");
  expect("show of no key", Code::NotFound, std::nullopt, call,
         door.show_key(call, fixture_.name("app/none")));
}

void Load::change(core::KeyService& door, const std::optional<Excuse>& excuse) {
  const std::string algorithm = kCreated[rounds_ % std::size(kCreated)];
  const std::string name = key("made" + std::to_string(rounds_));
  core::Call call = fixture_.call_as("admin");
  const auto created =
      ask("create", excuse, call, door.create_key(call, {fixture_.name(name), algorithm, {}}));
  (created ? fresh_ : in_question_).emplace_back(name, algorithm);
  call = fixture_.call_as("admin");
  const std::string wrapped = key("wrapped" + std::to_string(rounds_));
  const auto wrapped_made = ask(
      "create", excuse, call,
      door.create_key(call, {fixture_.name(wrapped), "hmac-sha256", {}, keys::Residency::Wrapped}));
  (wrapped_made ? fresh_ : in_question_).emplace_back(wrapped, "hmac-sha256");
  for (const char* const kind : {"rot", "rotec"}) {
    call = fixture_.call_as("admin");
    (void)ask("rotate", excuse, call, door.rotate_key(call, fixture_.name(key(kind))));
  }
  call = fixture_.call_as("app");
  const auto shown =
      ask("show", std::nullopt, call, door.show_key(call, fixture_.name(key("rot"))));
  if (shown && shown->key->primary() == nullptr) ledger_.breach("a rotated key has no version");
  door.maintain();
}

// Each key does once what it is for.
bool Load::use(core::KeyService& door, const std::string& name, const std::string& algorithm) {
  core::Call call = fixture_.call_as("app");
  if (algorithm.find("aes-256-gcm") != std::string::npos) {
    auto made = ask("wrap", std::nullopt, call,
                    door.wrap(call, {fixture_.name(name), secret(kText), context_}));
    if (made) kept_.push_back({std::move(made->blob), std::string(kText)});
    return made.has_value();
  }
  if (algorithm == "hmac-sha256") {
    return ask("mac", std::nullopt, call, door.mac(call, {fixture_.name(name), secret(kText)}))
        .has_value();
  }
  const auto made =
      ask("sign", std::nullopt, call,
          door.sign(call, {fixture_.name(name), Message{secret(kText)}, SignatureEncoding::Der}));
  call = fixture_.call_as("app");
  const auto half = ask("public-key", std::nullopt, call,
                        door.public_key(call, {fixture_.name(name), std::nullopt}));
  if (!made || !half) return false;
  if (!test::signature_oracle::verifies(algorithm, half->subject_public_key_info, as_bytes(kText),
                                        made->signature)) {
    ledger_.breach(name + ": OpenSSL refuses the signature of a key made under a fault");
  }
  return true;
}

// A key whose making was answered with an error: its name is free, or it is whole.
bool Load::settle(core::KeyService& door, const std::string& name, const std::string& algorithm) {
  const core::Call call = fixture_.call_as("admin");
  const Result<core::KeyView> made =
      fixture_.opened(door.create_key(call, {fixture_.name(name), algorithm, {}}));
  ledger_.note(call.id, made.has_value(), made ? "ok" : std::string(name_of(made.error().code())));
  if (!made && made.error().code() == Code::Unavailable) {
    unwell_ = true;
    return false;
  }
  if (!made && is_mistaken("create", made.error())) {
    ledger_.mistaken();
    return settle(door, name, algorithm);
  }
  if (!made && made.error().code() != Code::AlreadyExists) judge("create", made.error(), {});
  return use(door, name, algorithm);
}

bool Load::open_kept(core::KeyService& door) {
  unwell_ = false;
  while (!kept_.empty()) {
    const Kept& last = kept_.back();
    const core::Call call = fixture_.call_as("app");
    const auto opened =
        ask("unwrap", std::nullopt, call, door.unwrap(call, {last.blob, context_, std::nullopt}));
    if (!opened && unwell_) return false;
    if (opened && as_text(opened->plaintext.reveal()) != last.plaintext) {
      ledger_.breach("a blob made under a fault holds another plaintext");
    }
    kept_.pop_back();
  }
  return true;
}

bool Load::recover(core::KeyService& door) {
  unwell_ = false;
  run(door, std::nullopt);
  if (unwell_ || !open_kept(door)) return false;
  for (auto* const keys : {&fresh_, &in_question_}) {
    while (!keys->empty()) {
      const auto [name, algorithm] = keys->back();
      const bool well =
          keys == &fresh_ ? use(door, name, algorithm) : settle(door, name, algorithm);
      if (!well && unwell_) return false;
      keys->pop_back();
    }
  }
  return open_kept(door);
}

}  // namespace kw::faults
