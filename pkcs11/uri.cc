// SPDX-License-Identifier: Apache-2.0
#include "pkcs11/uri.h"

#include "pkcs11/cryptoki.h"

#include <p11-kit/uri.h>

#include <algorithm>
#include <memory>
#include <set>

#include "base/owned.h"

namespace kw::pkcs11 {
namespace {

using UriPtr = Owned<P11KitUri, p11_kit_uri_free>;

Error bad_uri(std::string_view why) {
  return refusal(Code::InvalidArgument, "token URI: " + std::string(why));
}

// p11-kit leaves the fields that a URI does not name all zero.
template <std::size_t N>
std::optional<std::string> named_field(const unsigned char (&field)[N]) {
  if (field[0] == 0) {
    return std::nullopt;
  }
  return padded_text(field);
}

bool agrees(const std::optional<std::string>& wanted, const std::string& found) noexcept {
  return !wanted || *wanted == found;
}

// What else the URI says beside the token, and must not: null if nothing.
const char* find_surplus(P11KitUri* uri) {
  CK_ULONG attributes = 0;
  (void)p11_kit_uri_get_attributes(uri, &attributes);
  const CK_INFO* module = p11_kit_uri_get_module_info(uri);
  const CK_SLOT_INFO* slot = p11_kit_uri_get_slot_info(uri);
  if (attributes != 0) {
    return "it names an object; name a token only";
  }
  if (p11_kit_uri_get_pin_value(uri) != nullptr || p11_kit_uri_get_pin_source(uri) != nullptr) {
    return "it carries a PIN; the PIN has a setting of its own";
  }
  if (p11_kit_uri_get_module_name(uri) != nullptr || p11_kit_uri_get_module_path(uri) != nullptr ||
      module->libraryDescription[0] != 0 || module->manufacturerID[0] != 0 ||
      module->libraryVersion.major != 0xff) {
    return "it names a module; the module has a setting of its own";
  }
  if (p11_kit_uri_get_slot_id(uri) != static_cast<CK_SLOT_ID>(-1) ||
      slot->slotDescription[0] != 0 || slot->manufacturerID[0] != 0) {
    return "it names a slot, and slots change; name the token";
  }
  if (p11_kit_uri_any_unrecognized(uri) != 0) {
    return "it has an attribute that is not known";
  }
  return nullptr;
}

// RFC 7512, section 2.3 forbids it; p11-kit lets the last one win.
bool names_attribute_twice(std::string_view text) {
  std::set<std::string_view> seen;
  text = text.substr(0, text.find('?'));
  text.remove_prefix(std::min(text.find(':') + 1, text.size()));
  while (!text.empty()) {
    const std::string_view attribute = text.substr(0, text.find(';'));
    text.remove_prefix(std::min(attribute.size() + 1, text.size()));
    if (!seen.insert(attribute.substr(0, attribute.find('='))).second) {
      return true;
    }
  }
  return false;
}

bool is_unreserved(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

Result<TokenUri> TokenUri::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return bad_uri("it holds a NUL");
  }
  TokenUri parsed;
  parsed.text_ = text;
  const UriPtr uri(p11_kit_uri_new());
  const int status = p11_kit_uri_parse(parsed.text_.c_str(), P11_KIT_URI_FOR_ANY, uri.get());
  if (status != P11_KIT_URI_OK) {
    return bad_uri("not a PKCS#11 URI (RFC 7512) such as pkcs11:token=keyward");
  }
  if (names_attribute_twice(text)) {
    return bad_uri("it names an attribute twice");
  }
  if (const char* surplus = find_surplus(uri.get()); surplus != nullptr) {
    return bad_uri(surplus);
  }
  const CK_TOKEN_INFO* token = p11_kit_uri_get_token_info(uri.get());
  parsed.label_ = named_field(token->label);
  parsed.manufacturer_ = named_field(token->manufacturerID);
  parsed.model_ = named_field(token->model);
  parsed.serial_ = named_field(token->serialNumber);
  if (!parsed.label_ && !parsed.manufacturer_ && !parsed.model_ && !parsed.serial_) {
    return bad_uri("it names no token");
  }
  return parsed;
}

TokenUri TokenUri::of_label(std::string_view label) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  TokenUri uri;
  uri.label_ = label;
  uri.text_ = "pkcs11:token=";
  for (const char c : label) {
    if (is_unreserved(c)) {
      uri.text_ += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      uri.text_.append({'%', kDigits[byte >> 4], kDigits[byte & 15]});
    }
  }
  return uri;
}

bool TokenUri::matches(const TokenIdentity& token) const noexcept {
  return agrees(label_, token.label) && agrees(manufacturer_, token.manufacturer) &&
         agrees(model_, token.model) && agrees(serial_, token.serial);
}

}  // namespace kw::pkcs11
