// SPDX-License-Identifier: Apache-2.0
#include "service/audit_sinks/cursor.h"

#include <charconv>
#include <system_error>

#include "base/file.h"
#include "base/log.h"

namespace kw::audit_sinks {
namespace {

constexpr std::size_t kLongestCursor = 64;
constexpr std::chrono::seconds kSaveEvery{1};
constexpr unsigned kCursorMode = 0640;

Result<std::uint64_t> parse_cursor(std::string_view text, const std::filesystem::path& path) {
  std::uint64_t index = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), index);
  const bool is_whole =
      end != text.data() && std::string_view(end, text.data() + text.size()) == "\n";
  if (failure == std::errc() && is_whole) return index;
  return Error(Code::InvalidArgument,
               path.string() + ": not a cursor; remove it, and the sink begins with what is new");
}

}  // namespace

Result<Cursor> Cursor::open(const std::filesystem::path& folder, const std::string& name,
                            std::uint64_t end) {
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) return Error(Code::Unavailable, folder.string() + ": " + failure.message());
  const std::filesystem::path path = folder / (name + ".cursor");
  const Result<std::string> text = read_file(path, kLongestCursor);
  if (!text && text.error().code() != Code::NotFound) return text.error();
  if (text) {
    const std::uint64_t index = TRY(parse_cursor(*text, path));
    if (index <= end) return Cursor(path, index);
    log_line(Severity::Warning, path.string() + ": beyond the log's end; begins with what is new");
  }
  Cursor cursor(path, end);
  TRY(write_file(path, std::to_string(end) + "\n", kCursorMode));
  return cursor;
}

Result<void> Cursor::move_to(std::uint64_t index, When when) {
  if (index == index_ || (when == When::Due && !has_passed(due_))) return {};
  due_ = deadline_in(kSaveEvery);
  TRY(write_file(path_, std::to_string(index) + "\n", kCursorMode));
  index_ = index;
  return {};
}

}  // namespace kw::audit_sinks
