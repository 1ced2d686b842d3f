// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/session.h"

#include <array>
#include <cstring>

#include "pkcs11/cryptoki.h"
#include "pkcs11/return_value.h"

namespace kw::pkcs11 {
namespace {

// More than any attribute that may stand in a template has.
constexpr CK_ULONG kMostNested = 256;

// PKCS#11 knows no const and, unlike us, may tell an empty string from a null one.
std::uint8_t* in(ByteView bytes) noexcept {
  static std::uint8_t nothing = 0;
  return bytes.empty() ? &nothing : const_cast<std::uint8_t*>(bytes.data());
}

std::vector<CK_ATTRIBUTE> to_cryptoki(const ObjectTemplate& object) {
  std::vector<CK_ATTRIBUTE> attributes;
  attributes.reserve(object.size());
  for (std::size_t i = 0; i < object.size(); ++i) {
    const ByteView value = object.value(i);
    attributes.push_back({object.type(i), in(value), value.size()});
  }
  return attributes;
}

CK_MECHANISM to_cryptoki(const Mechanism& mechanism) noexcept {
  const ByteView parameter = mechanism.parameter();
  return {static_cast<CK_MECHANISM_TYPE>(mechanism.type()),
          parameter.empty() ? nullptr : in(parameter), parameter.size()};
}

CK_OBJECT_HANDLE to_cryptoki(ObjectHandle handle) noexcept {
  return static_cast<CK_OBJECT_HANDLE>(handle);
}

// A length beyond the buffer's would make us read memory that the token never wrote.
Result<void> check_length(CK_ULONG size, std::size_t capacity, const char* function) {
  if (size > capacity) {
    return Error(Code::Internal, std::string(function) + " claims more than its buffer holds");
  }
  return {};
}

// The answers of C_GetAttributeValue that speak of single attributes, marked as unavailable.
bool answers_in_part(CK_RV rv) noexcept {
  return rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID;
}

}  // namespace

Session::Session(std::shared_ptr<const Module> module, unsigned long handle) noexcept
    : module_(std::move(module)), handle_(handle) {}

Session::Session(Session&& other) noexcept
    : module_(std::move(other.module_)),
      anchor_(std::move(other.anchor_)),
      handle_(other.handle_),
      usable_(std::exchange(other.usable_, false)) {}

Session& Session::operator=(Session&& other) noexcept {
  if (this != &other) {
    close();
    anchor_ = std::move(other.anchor_);
    module_ = std::move(other.module_);
    handle_ = other.handle_;
    usable_ = std::exchange(other.usable_, false);
  }
  return *this;
}

Session::~Session() { close(); }

void Session::close() noexcept {
  if (module_ != nullptr) {
    (void)module_->cryptoki().call->C_CloseSession(handle_);
  }
}

Result<Session> Session::open(std::shared_ptr<const Module> module, unsigned long slot) {
  CK_SESSION_HANDLE handle = 0;
  const Timing timing(module->meter().latency(CallKind::OpenSession));
  const CK_RV rv = module->cryptoki().call->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION,
                                                          nullptr, nullptr, &handle);
  if (rv != CKR_OK) {
    module->meter().count_failure(describe(rv).rv_class);
    return fail(rv, "C_OpenSession");
  }
  return Session(std::move(module), handle);
}

Result<void> Session::check(unsigned long rv, const char* function, Operation operation) {
  if (rv == CKR_OK) [[likely]] {
    return {};
  }
  const ReturnValue known = describe(rv);
  if (operation == Operation::Pending || known.fate == SessionFate::Drop) {
    usable_ = false;
  }
  module_->meter().count_failure(known.rv_class);
  return fail(rv, function);
}

Result<void> Session::login(const Secret& pin) {
  const Timing timing = time(CallKind::Login);
  const CK_RV rv =
      module_->cryptoki().call->C_Login(handle_, CKU_USER, in(pin.reveal()), pin.size());
  return check(rv == CKR_USER_ALREADY_LOGGED_IN ? CKR_OK : rv, "C_Login", Operation::None);
}

Result<std::vector<ObjectHandle>> Session::find_objects(const ObjectTemplate& wanted) {
  const Timing timing = time(CallKind::FindObjects);
  const CK_FUNCTION_LIST& call = *module_->cryptoki().call;
  std::vector<CK_ATTRIBUTE> attributes = to_cryptoki(wanted);
  TRY(check(call.C_FindObjectsInit(handle_, attributes.data(), attributes.size()),
            "C_FindObjectsInit", Operation::None));
  std::vector<ObjectHandle> found;
  std::array<CK_OBJECT_HANDLE, 64> page{};
  CK_ULONG count = 0;
  do {
    count = 0;
    TRY(check(call.C_FindObjects(handle_, page.data(), page.size(), &count), "C_FindObjects",
              Operation::Pending));
    TRY(check_length(count, page.size(), "C_FindObjects"));
    for (std::size_t i = 0; i < count; ++i) {
      found.push_back(ObjectHandle{page[i]});
    }
  } while (count > 0);
  TRY(check(call.C_FindObjectsFinal(handle_), "C_FindObjectsFinal", Operation::Pending));
  return found;
}

Result<ObjectHandle> Session::generate_key(const Mechanism& mechanism, const ObjectTemplate& key) {
  const Timing timing = time(CallKind::GenerateKey);
  CK_MECHANISM how = to_cryptoki(mechanism);
  std::vector<CK_ATTRIBUTE> attributes = to_cryptoki(key);
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  TRY(check(module_->cryptoki().call->C_GenerateKey(handle_, &how, attributes.data(),
                                                    attributes.size(), &made),
            "C_GenerateKey", Operation::None));
  return ObjectHandle{made};
}

Result<KeyPair> Session::generate_key_pair(const Mechanism& mechanism,
                                           const ObjectTemplate& public_key,
                                           const ObjectTemplate& private_key) {
  const Timing timing = time(CallKind::GenerateKeyPair);
  CK_MECHANISM how = to_cryptoki(mechanism);
  std::vector<CK_ATTRIBUTE> public_half = to_cryptoki(public_key);
  std::vector<CK_ATTRIBUTE> private_half = to_cryptoki(private_key);
  CK_OBJECT_HANDLE made_public = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE made_private = CK_INVALID_HANDLE;
  TRY(check(module_->cryptoki().call->C_GenerateKeyPair(
                handle_, &how, public_half.data(), public_half.size(), private_half.data(),
                private_half.size(), &made_public, &made_private),
            "C_GenerateKeyPair", Operation::None));
  return KeyPair{ObjectHandle{made_public}, ObjectHandle{made_private}};
}

Result<ObjectHandle> Session::derive_key(const Mechanism& mechanism, ObjectHandle base,
                                         const ObjectTemplate& key) {
  const Timing timing = time(CallKind::DeriveKey);
  CK_MECHANISM how = to_cryptoki(mechanism);
  std::vector<CK_ATTRIBUTE> attributes = to_cryptoki(key);
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  TRY(check(module_->cryptoki().call->C_DeriveKey(handle_, &how, to_cryptoki(base),
                                                  attributes.data(), attributes.size(), &made),
            "C_DeriveKey", Operation::None));
  return ObjectHandle{made};
}

Result<Bytes> Session::wrap_key(const Mechanism& mechanism, ObjectHandle kek, ObjectHandle key) {
  const Timing timing = time(CallKind::WrapKey);
  CK_MECHANISM how = to_cryptoki(mechanism);
  Bytes wrapped(mechanism.output_capacity(0));
  CK_ULONG size = wrapped.size();
  TRY(check(module_->cryptoki().call->C_WrapKey(handle_, &how, to_cryptoki(kek), to_cryptoki(key),
                                                wrapped.data(), &size),
            "C_WrapKey", Operation::None));
  TRY(check_length(size, wrapped.size(), "C_WrapKey"));
  wrapped.resize(size);
  return wrapped;
}

Result<ObjectHandle> Session::unwrap_key(const Mechanism& mechanism, ObjectHandle kek,
                                         ByteView wrapped, const ObjectTemplate& key) {
  const Timing timing = time(CallKind::UnwrapKey);
  CK_MECHANISM how = to_cryptoki(mechanism);
  std::vector<CK_ATTRIBUTE> attributes = to_cryptoki(key);
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  TRY(check(module_->cryptoki().call->C_UnwrapKey(handle_, &how, to_cryptoki(kek), in(wrapped),
                                                  wrapped.size(), attributes.data(),
                                                  attributes.size(), &made),
            "C_UnwrapKey", Operation::None));
  return ObjectHandle{made};
}

Result<ObjectHandle> Session::create_object(const ObjectTemplate& object) {
  const Timing timing = time(CallKind::CreateObject);
  std::vector<CK_ATTRIBUTE> attributes = to_cryptoki(object);
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  TRY(check(module_->cryptoki().call->C_CreateObject(handle_, attributes.data(), attributes.size(),
                                                     &made),
            "C_CreateObject", Operation::None));
  return ObjectHandle{made};
}

Result<void> Session::destroy_object(ObjectHandle object) {
  const Timing timing = time(CallKind::DestroyObject);
  return check(module_->cryptoki().call->C_DestroyObject(handle_, to_cryptoki(object)),
               "C_DestroyObject", Operation::None);
}

Result<std::vector<Attribute>> Session::get_attributes(ObjectHandle object,
                                                       std::span<const AttributeType> types) {
  const Timing timing = time(CallKind::GetAttributes);
  const CK_FUNCTION_LIST& call = *module_->cryptoki().call;
  std::vector<Attribute> answers;
  std::vector<CK_ATTRIBUTE> asked;
  for (const AttributeType type : types) {
    answers.push_back({type, std::nullopt});
    asked.push_back({type, nullptr, 0});
  }
  CK_RV rv = call.C_GetAttributeValue(handle_, to_cryptoki(object), asked.data(), asked.size());
  TRY(check(answers_in_part(rv) ? CKR_OK : rv, "C_GetAttributeValue", Operation::None));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].ulValueLen != CK_UNAVAILABLE_INFORMATION) {
      answers[i].value.emplace(asked[i].ulValueLen);
      asked[i].pValue = in(*answers[i].value);
    }
  }
  rv = call.C_GetAttributeValue(handle_, to_cryptoki(object), asked.data(), asked.size());
  TRY(check(answers_in_part(rv) ? CKR_OK : rv, "C_GetAttributeValue", Operation::None));
  for (std::size_t i = 0; i < asked.size(); ++i) {
    std::optional<Bytes>& value = answers[i].value;
    if (value && asked[i].ulValueLen <= value->size()) {
      value->resize(asked[i].ulValueLen);
    } else {
      value.reset();
    }
  }
  return answers;
}

Result<Bytes> Session::get_attribute(ObjectHandle object, AttributeType type) {
  std::vector<Attribute> answers = TRY(get_attributes(object, {&type, 1}));
  if (!answers.front().value) {
    return Error(Code::Internal, "C_GetAttributeValue: attribute missing or hidden");
  }
  return *std::move(answers.front().value);
}

Result<void> Session::set_attributes(ObjectHandle object, const ObjectTemplate& fresh) {
  const Timing timing = time(CallKind::SetAttributes);
  std::vector<CK_ATTRIBUTE> attributes = to_cryptoki(fresh);
  return check(module_->cryptoki().call->C_SetAttributeValue(handle_, to_cryptoki(object),
                                                             attributes.data(), attributes.size()),
               "C_SetAttributeValue", Operation::None);
}

Result<std::vector<Attribute>> Session::get_template(ObjectHandle object, AttributeType type) {
  // The first two calls tell how many there are, and which with what length.
  const Bytes outline = TRY(get_attribute(object, type));
  std::vector<CK_ATTRIBUTE> asked(outline.size() / sizeof(CK_ATTRIBUTE));
  if (!asked.empty()) std::memcpy(asked.data(), outline.data(), asked.size() * sizeof asked[0]);
  std::vector<Attribute> answers;
  answers.reserve(asked.size());
  for (CK_ATTRIBUTE& each : asked) {
    const bool sized = each.ulValueLen <= kMostNested;
    answers.push_back({each.type, sized ? std::optional(Bytes(each.ulValueLen)) : std::nullopt});
    each.pValue = sized ? in(*answers.back().value) : nullptr;
  }
  const Timing timing = time(CallKind::GetAttributes);
  CK_ATTRIBUTE whole{type, asked.data(), asked.size() * sizeof(CK_ATTRIBUTE)};
  TRY(check(module_->cryptoki().call->C_GetAttributeValue(handle_, to_cryptoki(object), &whole, 1),
            "C_GetAttributeValue", Operation::None));
  return answers;
}

Result<Bytes> Session::encrypt(const Mechanism& mechanism, ObjectHandle key, ByteView plaintext) {
  const Timing timing = time(CallKind::Encrypt);
  const CK_FUNCTION_LIST& call = *module_->cryptoki().call;
  CK_MECHANISM how = to_cryptoki(mechanism);
  TRY(check(call.C_EncryptInit(handle_, &how, to_cryptoki(key)), "C_EncryptInit", Operation::None));
  Bytes ciphertext(mechanism.output_capacity(plaintext.size()));
  CK_ULONG size = ciphertext.size();
  TRY(check(call.C_Encrypt(handle_, in(plaintext), plaintext.size(), ciphertext.data(), &size),
            "C_Encrypt", Operation::Pending));
  TRY(check_length(size, ciphertext.size(), "C_Encrypt"));
  ciphertext.resize(size);
  return ciphertext;
}

Result<Secret> Session::decrypt(const Mechanism& mechanism, ObjectHandle key, ByteView ciphertext) {
  const Timing timing = time(CallKind::Decrypt);
  const CK_FUNCTION_LIST& call = *module_->cryptoki().call;
  CK_MECHANISM how = to_cryptoki(mechanism);
  TRY(check(call.C_DecryptInit(handle_, &how, to_cryptoki(key)), "C_DecryptInit", Operation::None));
  Secret plaintext(ciphertext.size() + 1);  // never empty: a null pointer would ask for the length
  CK_ULONG size = plaintext.size();
  TRY(check(call.C_Decrypt(handle_, in(ciphertext), ciphertext.size(),
                           plaintext.reveal_for_writing().data(), &size),
            "C_Decrypt", Operation::Pending));
  TRY(check_length(size, plaintext.size(), "C_Decrypt"));
  plaintext.shrink(size);
  return plaintext;
}

Result<std::size_t> Session::sign_into(const Mechanism& mechanism, ObjectHandle key, ByteView data,
                                       std::span<std::uint8_t> out) {
  const Timing timing = time(CallKind::Sign);
  const CK_FUNCTION_LIST& call = *module_->cryptoki().call;
  CK_MECHANISM how = to_cryptoki(mechanism);
  TRY(check(call.C_SignInit(handle_, &how, to_cryptoki(key)), "C_SignInit", Operation::None));
  CK_ULONG size = out.size();
  TRY(check(call.C_Sign(handle_, in(data), data.size(), out.data(), &size), "C_Sign",
            Operation::Pending));
  TRY(check_length(size, out.size(), "C_Sign"));
  return std::size_t{size};
}

Result<Bytes> Session::sign(const Mechanism& mechanism, ObjectHandle key, ByteView data) {
  Bytes signature(mechanism.output_capacity(data.size()));
  signature.resize(TRY(sign_into(mechanism, key, data, signature)));
  return signature;
}

Result<Secret> Session::sign_secretly(const Mechanism& mechanism, ObjectHandle key, ByteView data) {
  Secret mac(mechanism.output_capacity(data.size()));
  mac.shrink(TRY(sign_into(mechanism, key, data, mac.reveal_for_writing())));
  return mac;
}

Result<void> Session::generate_random(std::span<std::uint8_t> out) {
  const Timing timing = time(CallKind::GenerateRandom);
  return check(module_->cryptoki().call->C_GenerateRandom(handle_, in(out), out.size()),
               "C_GenerateRandom", Operation::None);
}

SessionObject& SessionObject::operator=(SessionObject&& other) noexcept {
  if (this != &other) {
    destroy();
    session_ = std::exchange(other.session_, nullptr);
    handle_ = other.handle_;
  }
  return *this;
}

SessionObject::~SessionObject() { destroy(); }

void SessionObject::destroy() noexcept {
  if (session_ != nullptr) {
    (void)session_->destroy_object(handle_);
  }
}

}  // namespace kw::pkcs11
