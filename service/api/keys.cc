// SPDX-License-Identifier: Apache-2.0
#include "service/api/decode.h"
#include "service/api/json_writer.h"
#include "service/api/public_format.h"
#include "service/api/time_text.h"

namespace kw::api {
namespace {

constexpr std::size_t kMaxPage = 1000;
constexpr std::size_t kDefaultPage = 100;

std::string_view value_or(const Target& target, const std::string& name,
                          std::string_view fallback) {
  const std::string* const text = find_parameter(target, name);
  return text == nullptr ? fallback : std::string_view(*text);
}

void write_version(JsonWriter& json, const keys::KeyVersion& version) {
  json.begin_object().name("version").integer(to_number(version.number));
  json.name("state").string(name_of(version.state));
  json.name("created").string(time_text(version.created)).end_object();
}

void write_key(JsonWriter& json, const keys::Key& key, const std::optional<WallTime>& last_used) {
  json.begin_object().name("name").string(key.name.text()).name("id").string(key.id.text());
  json.name("algorithm").string(key.algorithm->name);
  json.name("purpose").string(name_of(key.algorithm->purpose));
  json.name("residency").string(name_of(key.residency));
  json.name("created").string(time_text(key.created));
  if (key.primary() != nullptr) {
    json.name("primary").integer(to_number(key.primary()->number));
  }
  if (last_used) json.name("last_used").string(time_text(*last_used));
  json.name("tags").begin_object();
  for (const auto& [name, value] : key.tags) json.name(name).string(value);
  json.end_object().name("versions").begin_array();
  for (const keys::KeyVersion& version : key.versions) write_version(json, version);
  json.end_array().end_object();
}

Result<Answer> write_view(int status, Result<core::KeyView> result) {
  const core::KeyView key = TRY(std::move(result));
  JsonWriter json;
  write_key(json, *key, std::nullopt);
  return Answer{.status = status, .body = json.finish()};
}

Result<Answer> write_created(Result<core::KeyView> result) {
  return write_view(201, std::move(result));
}
Result<Answer> write_changed(Result<core::KeyView> result) {
  return write_view(200, std::move(result));
}

Result<Answer> write_report(Result<core::KeyReport> result) {
  const core::KeyReport report = TRY(std::move(result));
  JsonWriter json;
  write_key(json, *report.key, report.last_used);
  return Answer{.body = json.finish()};
}

Result<Answer> write_page(Result<core::KeyPage> result) {
  const core::KeyPage page = TRY(std::move(result));
  JsonWriter json(4096);
  json.begin_object().name("keys").begin_array();
  for (const core::KeyView& key : page.keys) write_key(json, *key, std::nullopt);
  json.end_array();
  if (!page.next.empty()) json.name("next").string(page.next);
  json.end_object();
  return Answer{.body = json.finish()};
}

Result<std::map<std::string, std::string>> take_tags(JsonFields& fields) {
  std::map<std::string, std::string> tags;
  const std::optional<JsonValue> value = fields.take("tags");
  if (!value) return tags;
  for (const auto& [name, tag] : TRY(in_field("tags", value->as_members()))) {
    tags[name] = TRY(in_field("tags", tag.as_string()));
  }
  return tags;
}

Result<keys::Residency> take_residency(JsonFields& fields) {
  const std::string text = TRY(take_string_or(fields, "residency", "token"));
  const std::optional<keys::Residency> residency = keys::parse_residency(text);
  if (residency) return *residency;
  return refusal(Code::InvalidArgument, "residency: must be token or wrapped");
}

// In the contract and not in this release: said at once, not ignored.
Result<void> refuse_what_is_not_there(JsonFields& fields) {
  if (!fields.has("rotate_every")) return {};
  return refusal(Code::Unimplemented, "rotate_every: automatic rotation is not in this release");
}

using StateChange = core::Sealed<core::KeyView> (core::KeyService::*)(const core::Call&,
                                                                      const core::KeyTarget&);

Result<Act> decode_state_change(JsonFields& body, const Target& target, StateChange change) {
  const std::optional<Version> version = TRY(take_version(body));
  TRY(body.finish());
  core::KeyTarget request{*target.name, version};
  return Act(
      [request = std::move(request), change](core::KeyService& door, const core::Call& call) {
        return (door.*change)(call, request).map(write_changed);
      });
}

}  // namespace

Result<Act> decode_create_key(JsonFields body, const Target&) {
  const std::string name = TRY(take_string(body, "name"));
  TRY(refuse_what_is_not_there(body));
  core::CreateKey request{TRY(KeyName::parse(name)), {}, {}};
  request.algorithm = TRY(take_string(body, "algorithm"));
  request.tags = TRY(take_tags(body));
  request.residency = TRY(take_residency(body));
  TRY(body.finish());
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.create_key(call, request).map(write_created);
  });
}

Result<Act> decode_list_keys(JsonFields body, const Target& target) {
  TRY(body.finish());
  core::ListKeys request{std::string(value_or(target, "prefix", "")),
                         std::string(value_or(target, "after", "")), kDefaultPage};
  request.limit = TRY(take_number(target, "limit", 1, kMaxPage)).value_or(kDefaultPage);
  return Act([request = std::move(request)](core::KeyService& door, const core::Call& call) {
    return door.list_keys(call, request).map(write_page);
  });
}

Result<Act> decode_show_key(JsonFields body, const Target& target) {
  TRY(body.finish());
  return Act([name = *target.name](core::KeyService& door, const core::Call& call) {
    return door.show_key(call, name).map(write_report);
  });
}

Result<Act> decode_public_key(JsonFields body, const Target& target) {
  TRY(body.finish());
  core::KeyTarget request{*target.name, std::nullopt};
  const auto version = TRY(take_number(target, "version", 1, 0xFFFFFFFF));
  if (version) request.version = Version{static_cast<std::uint32_t>(*version)};
  const PublicFormat format = TRY(parse_public_format(value_or(target, "format", "pem")));
  return Act(
      [request = std::move(request), format](core::KeyService& door, const core::Call& call) {
        return door.public_key(call, request).map([format](Result<core::PublicKey> result) {
          return write_public_key(std::move(result), format);
        });
      });
}

Result<Act> decode_rotate_key(JsonFields body, const Target& target) {
  TRY(body.finish());
  return Act([name = *target.name](core::KeyService& door, const core::Call& call) {
    return door.rotate_key(call, name).map(write_changed);
  });
}

Result<Act> decode_disable_key(JsonFields body, const Target& target) {
  return decode_state_change(body, target, &core::KeyService::disable_key);
}

Result<Act> decode_enable_key(JsonFields body, const Target& target) {
  return decode_state_change(body, target, &core::KeyService::enable_key);
}

}  // namespace kw::api
