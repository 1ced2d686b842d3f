// SPDX-License-Identifier: Apache-2.0
#include "service/store/key_row.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace kw::store {
namespace {

constexpr std::size_t kMaxTags = 64;
constexpr std::size_t kMaxTagBytes = 8'192;

Value to_value(WallTime time) { return Value{std::int64_t{time.time_since_epoch().count()}}; }

Value to_value(const std::optional<std::chrono::seconds>& span) {
  return span ? Value{std::int64_t{span->count()}} : Value{};
}

Value to_value(std::string_view text) { return Value{std::string(text)}; }
Value to_value(ByteView bytes) { return Value{to_bytes(bytes)}; }

void append_text(Bytes& out, std::string_view text) {
  append_u16(out, static_cast<std::uint16_t>(text.size()));
  append(out, as_bytes(text));
}

Result<Bytes> encode_tags(const keys::Tags& tags) {
  std::size_t size = 2;
  for (const auto& [name, value] : tags) {
    if (!is_utf8(name) || !is_utf8(value)) {
      return refusal(Code::InvalidArgument, "tags: must be UTF-8");
    }
    size += 4 + name.size() + value.size();
  }
  if (tags.size() > kMaxTags || size > kMaxTagBytes) {
    return refusal(Code::InvalidArgument, "tags: at most 64 and 8,192 bytes");
  }
  Bytes out;
  append_u16(out, static_cast<std::uint16_t>(tags.size()));
  for (const auto& [name, value] : tags) {
    append_text(out, name);
    append_text(out, value);
  }
  return out;
}

std::optional<std::string> take_text(ByteView& rest) {
  if (rest.size() < 2) return std::nullopt;
  const std::size_t size = read_u16(rest);
  rest = rest.subspan(2);
  if (rest.size() < size) return std::nullopt;
  std::string text(as_text(rest.first(size)));
  rest = rest.subspan(size);
  return text;
}

std::optional<keys::Tags> decode_tags(ByteView rest) {
  if (rest.size() < 2) return std::nullopt;
  const std::size_t count = read_u16(rest);
  rest = rest.subspan(2);
  keys::Tags tags;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<std::string> name = take_text(rest);
    std::optional<std::string> value = name ? take_text(rest) : std::nullopt;
    if (!value) return std::nullopt;
    tags.insert_or_assign(*std::move(name), *std::move(value));
  }
  if (!rest.empty()) return std::nullopt;
  return tags;
}

Error unreadable(std::string_view table, const Row& row) {
  return Error(Code::Internal,
               "catalog: " + describe_row(table, std::span<const Value>(row.columns).first(1)) +
                   ": written by another version of this program");
}

WallTime to_wall_time(std::int64_t count) { return WallTime(std::chrono::microseconds(count)); }

std::optional<Version> to_version(std::int64_t number) {
  if (number < 0 || number > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return Version{static_cast<std::uint32_t>(number)};
}

// The rows' types are certain: their MAC is right, and only the make_ functions above make one.
template <typename T>
const T& at(const Row& row, std::size_t column) {
  return std::get<T>(row.columns.at(column));
}

}  // namespace

Result<Row> make_key_row(const keys::Key& key) {
  Bytes tags = TRY(encode_tags(key.tags));
  return Row{Table::Keys,
             {to_value(key.id.bytes()), to_value(key.name.text()), to_value(key.algorithm->name),
              to_value(name_of(key.residency)), Value{std::move(tags)}, to_value(key.created),
              to_value(key.rotate_every)}};
}

Row make_version_row(const keys::Key& key, const keys::KeyVersion& version) {
  const Value number{std::int64_t{to_number(version.number)}};
  if (key.residency == keys::Residency::Token) {
    return Row{Table::Versions,
               {to_value(key.id.bytes()), number, to_value(name_of(version.state)),
                to_value(version.created), to_value(version.public_key), to_value(version.check)}};
  }
  return Row{Table::WrappedVersions,
             {to_value(key.id.bytes()), number, to_value(key.algorithm->name),
              to_value(name_of(version.state)), to_value(version.created),
              to_value(version.public_key), to_value(version.check),
              Value{std::int64_t{to_number(version.kek)}}, to_value(version.wrapped)}};
}

Row make_setting_row(std::string_view name, ByteView value) {
  return Row{Table::Settings, {to_value(name), to_value(value)}};
}

Result<keys::Key> decode_key_row(const Row& row) {
  const Result<KeyId> id = KeyId::decode(at<Bytes>(row, 0));
  const Result<KeyName> name = KeyName::parse(at<std::string>(row, 1));
  const keys::Algorithm* algorithm = keys::find_algorithm(at<std::string>(row, 2));
  const auto residency = keys::parse_residency(at<std::string>(row, 3));
  std::optional<keys::Tags> tags = decode_tags(at<Bytes>(row, 4));
  if (!id || !name || algorithm == nullptr || !residency || !tags) return unreadable("keys", row);
  keys::Key key{*id, *name, algorithm, *residency, *std::move(tags), {}, {}, {}};
  key.created = to_wall_time(at<std::int64_t>(row, 5));
  if (const auto* seconds = std::get_if<std::int64_t>(&row.columns.at(6))) {
    key.rotate_every = std::chrono::seconds(*seconds);
  }
  return key;
}

Result<VersionRow> decode_version_row(const Row& row) {
  const bool is_wrapped = row.table == Table::WrappedVersions;
  const std::string_view table = is_wrapped ? "wrapped_versions" : "versions";
  const std::size_t state_at = is_wrapped ? 3 : 2;
  const Result<KeyId> id = KeyId::decode(at<Bytes>(row, 0));
  const auto number = to_version(at<std::int64_t>(row, 1));
  const auto state = keys::parse_state(at<std::string>(row, state_at));
  if (!id || !state || !number || *number == Version{0}) return unreadable(table, row);
  VersionRow decoded{*id, nullptr, {}};
  decoded.version.number = *number;
  decoded.version.state = *state;
  decoded.version.created = to_wall_time(at<std::int64_t>(row, state_at + 1));
  decoded.version.public_key = at<Bytes>(row, state_at + 2);
  decoded.version.check = at<Bytes>(row, state_at + 3);
  if (!is_wrapped) return decoded;
  decoded.algorithm = keys::find_algorithm(at<std::string>(row, 2));
  const auto kek = to_version(at<std::int64_t>(row, state_at + 4));
  if (decoded.algorithm == nullptr || !kek) return unreadable(table, row);
  decoded.version.kek = *kek;
  decoded.version.wrapped = at<Bytes>(row, state_at + 5);
  return decoded;
}

}  // namespace kw::store
