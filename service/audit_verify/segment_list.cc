// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/segment_list.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace kw::audit_verify {
namespace {

constexpr std::size_t kDigits = 20;
constexpr std::string_view kPlain = ".kwa";
constexpr std::string_view kCompressed = ".kwa.gz";

std::optional<Segment> segment_at(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  if (name.size() < kDigits) return std::nullopt;
  const std::string_view suffix = std::string_view(name).substr(kDigits);
  if (suffix != kPlain && suffix != kCompressed) return std::nullopt;
  Segment segment{path, 0, suffix == kCompressed};
  const char* const end = name.data() + kDigits;
  const auto parsed = std::from_chars(name.data(), end, segment.first_index);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return segment;
}

Result<void> add_folder(const std::filesystem::path& folder, std::vector<Segment>& segments) {
  std::error_code failure;
  for (std::filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
       at.increment(failure)) {
    const auto segment = segment_at(at->path());
    if (segment) segments.push_back(*segment);
  }
  if (!failure) return {};
  const bool missing = failure == std::errc::no_such_file_or_directory;
  return Error(missing ? Code::NotFound : Code::Unavailable,
               folder.string() + ": " + failure.message());
}

}  // namespace

// The log's own folder comes first: a segment that is moved meanwhile is then seen twice at worst,
// never not at all.
Result<std::vector<Segment>> list_segments(const Folders& folders) {
  std::vector<Segment> segments;
  TRY(add_folder(folders.log, segments));
  for (const std::filesystem::path& archive : folders.archives) TRY(add_folder(archive, segments));
  std::sort(segments.begin(), segments.end(),
            [](const Segment& a, const Segment& b) { return a.first_index < b.first_index; });
  const auto twice = std::adjacent_find(
      segments.begin(), segments.end(),
      [](const Segment& a, const Segment& b) { return a.first_index == b.first_index; });
  if (twice == segments.end()) return segments;
  return Error(Code::FailedPrecondition,
               "one segment twice: " + twice->path.string() + " and " +
                   std::next(twice)->path.string() +
                   " (an archive that was cut short? run `keyward audit archive` again)");
}

std::string name_of_segment(std::uint64_t first_index) {
  const std::string digits = std::to_string(first_index);
  return std::string(kDigits - digits.size(), '0') + digits + std::string(kPlain);
}

}  // namespace kw::audit_verify
