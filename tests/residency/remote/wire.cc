// SPDX-License-Identifier: Apache-2.0
#include "tests/residency/remote/wire.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace kw::remote {
namespace {

enum class Values { Sent, Unsent };

bool has_nested(const CK_ATTRIBUTE& attribute) {
  return (attribute.type == CKA_WRAP_TEMPLATE || attribute.type == CKA_UNWRAP_TEMPLATE) &&
         attribute.pValue != nullptr;
}

std::span<CK_ATTRIBUTE> nested(const CK_ATTRIBUTE& attribute) {
  return {static_cast<CK_ATTRIBUTE*>(attribute.pValue),
          attribute.ulValueLen / sizeof(CK_ATTRIBUTE)};
}

void pass_attributes(Frame& frame, std::span<CK_ATTRIBUTE> attributes, Values values) {
  for (CK_ATTRIBUTE& each : attributes) {
    frame.pass(each.type);
    frame.pass(each.ulValueLen);
    frame.pass_place(each.pValue, each.ulValueLen);
    if (has_nested(each)) {
      pass_attributes(frame, nested(each), values);
    } else if (values == Values::Sent) {
      frame.pass_content(each.pValue, each.ulValueLen);
    }
  }
}

// A module says of a value that it did not give that its length is not available. Of what is
// nested it gives the types, too.
void pass_values(Frame& frame, std::span<CK_ATTRIBUTE> attributes) {
  for (CK_ATTRIBUTE& each : attributes) {
    frame.pass(each.type);
    frame.pass(each.ulValueLen);
    if (each.ulValueLen == CK_UNAVAILABLE_INFORMATION) continue;
    if (has_nested(each)) {
      pass_values(frame, nested(each));
    } else {
      frame.pass_content(each.pValue, each.ulValueLen);
    }
  }
}

void pass_mechanism(Frame& frame, CK_MECHANISM& mechanism) {
  frame.pass(mechanism.mechanism);
  frame.pass(mechanism.ulParameterLen);
  frame.pass_place(mechanism.pParameter, mechanism.ulParameterLen);
  frame.pass_content(mechanism.pParameter, mechanism.ulParameterLen);
  if (mechanism.mechanism == CKM_AES_GCM) {
    auto& gcm = *static_cast<CK_GCM_PARAMS*>(mechanism.pParameter);
    frame.pass_place(gcm.pIv, gcm.ulIvLen);
    frame.pass_content(gcm.pIv, gcm.ulIvLen);
    frame.pass_place(gcm.pAAD, gcm.ulAADLen);
    frame.pass_content(gcm.pAAD, gcm.ulAADLen);
  } else if (mechanism.mechanism == CKM_AES_ECB_ENCRYPT_DATA) {
    auto& data = *static_cast<CK_KEY_DERIVATION_STRING_DATA*>(mechanism.pParameter);
    frame.pass_place(data.pData, data.ulLen);
    frame.pass_content(data.pData, data.ulLen);
  }
}

bool has_parameter(const CK_MECHANISM& mechanism, std::size_t size) {
  return mechanism.pParameter != nullptr && mechanism.ulParameterLen == size;
}

CK_ULONG number_at(Word address) { return address == 0 ? 0 : *from_word<const CK_ULONG*>(address); }

void pass_items(Frame& frame, Word* words, Values values) {
  frame.pass(words[1]);
  frame.pass_place(words[0], words[1] * sizeof(CK_ATTRIBUTE));
  if (words[0] == 0) return;
  pass_attributes(frame, {from_word<CK_ATTRIBUTE*>(words[0]), words[1]}, values);
}

// One parameter of a question; how many arguments it is.
std::size_t pass_parameter(Frame& frame, const Parameter& parameter, Word* words) {
  switch (parameter.shape) {
    case Shape::Number:
      frame.pass(words[0]);
      return 1;
    case Shape::Unsent:
      return 1;
    case Shape::Out:
      frame.pass_place(words[0], parameter.size);
      return 1;
    case Shape::Bytes:
      frame.pass(words[1]);
      frame.pass_place(words[0], words[1]);
      frame.pass_content(words[0], words[1]);
      return 2;
    case Shape::Filled:
      frame.pass(words[1]);
      frame.pass_place(words[0], words[1]);
      return 2;
    case Shape::Room:
      frame.pass_place(words[1], sizeof(CK_ULONG));
      frame.pass_content(words[1], sizeof(CK_ULONG));
      frame.pass_place(words[0], number_at(words[1]) * parameter.size);
      return 2;
    case Shape::Found:
      frame.pass(words[1]);
      frame.pass_place(words[0], words[1] * sizeof(CK_OBJECT_HANDLE));
      frame.pass_place(words[2], sizeof(CK_ULONG));
      return 3;
    case Shape::Template:
      pass_items(frame, words, Values::Sent);
      return 2;
    case Shape::Asked:
      pass_items(frame, words, Values::Unsent);
      return 2;
    case Shape::Mechanism:
      frame.pass_place(words[0], sizeof(CK_MECHANISM));
      if (words[0] != 0) pass_mechanism(frame, *from_word<CK_MECHANISM*>(words[0]));
      return 1;
  }
  return 0;
}

// The same of an answer.
std::size_t pass_result(Frame& frame, const Parameter& parameter, const Word* words, CK_RV rv) {
  const bool is_done = rv == CKR_OK;
  switch (parameter.shape) {
    case Shape::Number:
    case Shape::Unsent:
    case Shape::Mechanism:
      return 1;
    case Shape::Out:
      if (is_done) frame.pass_content(words[0], parameter.size);
      return 1;
    case Shape::Bytes:
    case Shape::Template:
      return 2;
    case Shape::Filled:
      if (is_done) frame.pass_content(words[0], words[1]);
      return 2;
    case Shape::Room:
      frame.pass_content(words[1], sizeof(CK_ULONG));
      if (is_done) frame.pass_content(words[0], number_at(words[1]) * parameter.size);
      return 2;
    case Shape::Found:
      if (!is_done) return 3;
      frame.pass_content(words[2], sizeof(CK_ULONG));
      frame.pass_content(words[0], number_at(words[2]) * sizeof(CK_OBJECT_HANDLE));
      return 3;
    case Shape::Asked:
      if (words[0] != 0) pass_values(frame, {from_word<CK_ATTRIBUTE*>(words[0]), words[1]});
      return 2;
  }
  return 0;
}

}  // namespace

void Frame::pass(void* bytes, std::size_t size) {
  if (!reads_) {
    text_.append(static_cast<const char*>(bytes), size);
  } else if (is_broken_ || size > text_.size() - at_) {
    is_broken_ = true;
  } else if (size > 0) {
    std::memcpy(bytes, text_.data() + at_, size);
    at_ += size;
  }
}

Word Frame::make_place(std::size_t size) {
  places_.push_back(std::make_unique<std::byte[]>(is_broken_ ? 0 : size));
  return to_word(places_.back().get());
}

void pass_question(Frame& frame, Function function, std::span<Word> arguments) {
  Word* words = arguments.data();
  for (const Parameter& each : parameters_of(function)) {
    words += pass_parameter(frame, each, words);
  }
}

void pass_answer(Frame& frame, Function function, std::span<const Word> arguments, CK_RV rv) {
  const Word* words = arguments.data();
  for (const Parameter& each : parameters_of(function)) {
    words += pass_result(frame, each, words, rv);
  }
}

bool can_pass(const CK_MECHANISM& mechanism) noexcept {
  switch (mechanism.mechanism) {
    case CKM_AES_GCM:
      return has_parameter(mechanism, sizeof(CK_GCM_PARAMS));
    case CKM_AES_ECB_ENCRYPT_DATA:
      return has_parameter(mechanism, sizeof(CK_KEY_DERIVATION_STRING_DATA));
    case CKM_RSA_PKCS_PSS:
      return has_parameter(mechanism, sizeof(CK_RSA_PKCS_PSS_PARAMS));
    default:
      return mechanism.pParameter == nullptr;
  }
}

bool send_frame(int socket, const std::string& text) {
  const std::uint64_t size = text.size();
  std::string message(reinterpret_cast<const char*>(&size), sizeof size);
  message += text;
  for (std::size_t at = 0; at < message.size();) {
    const ssize_t sent = ::send(socket, message.data() + at, message.size() - at, MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) return false;
    if (sent > 0) at += static_cast<std::size_t>(sent);
  }
  return true;
}

namespace {

bool receive_all(int socket, void* bytes, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const ssize_t got = ::recv(socket, static_cast<char*>(bytes) + at, size - at, 0);
    if (got == 0 || (got < 0 && errno != EINTR)) return false;
    if (got > 0) at += static_cast<std::size_t>(got);
  }
  return true;
}

}  // namespace

bool receive_frame(int socket, std::string& text) {
  std::uint64_t size = 0;
  if (!receive_all(socket, &size, sizeof size)) return false;
  text.resize(size);
  return receive_all(socket, text.data(), size);
}

}  // namespace kw::remote
