// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/record_reader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "service/audit_verify/walk.h"

namespace kw::audit_verify {
namespace {

constexpr std::size_t kMostPlaces = 16;  // two of each reader of now

}  // namespace

RecordReader::RecordReader(Folders folders) : folders_(std::move(folders)) {}
RecordReader::~RecordReader() = default;

Result<void> RecordReader::read(std::uint64_t first, const OnRecord& callback) {
  const std::vector<Segment> segments = TRY(list_segments(folders_));
  const OnRecord from_first = [&](const DecodedRecord& record) {
    return record.index < first || callback(record);
  };
  Walk walk(from_first);
  const auto behind =
      std::find_if(segments.begin(), segments.end(),
                   [first](const Segment& segment) { return segment.first_index > first; });
  const std::size_t from =
      static_cast<std::size_t>(behind - segments.begin()) - (behind == segments.begin() ? 0 : 1);
  if (from < segments.size()) {
    const std::optional<Place> place = place_of(first);
    const bool is_here = place && place->segment == segments[from].first_index;
    if (is_here) walk.begin_at(*place);
    if (!is_here) walk.begin_within(segments[from].first_index);
  }
  TRY(walk.go(folders_, segments, from));
  const Verdict verdict = walk.verdict();
  if (verdict.finding != Finding::Good && verdict.finding != Finding::TornTail) {
    return fault_of(verdict);
  }
  // The callback may want the last record once more.
  if (verdict.records > 0) remember(walk.place_before());
  if (walk.place().offset > 0) remember(walk.place());
  return {};
}

std::optional<Place> RecordReader::place_of(std::uint64_t record) const {
  const MutexLock lock(mutex_);
  const auto at = std::find_if(places_.begin(), places_.end(),
                               [record](const Place& place) { return place.next == record; });
  return at == places_.end() ? std::nullopt : std::optional(*at);
}

void RecordReader::remember(const Place& place) {
  const MutexLock lock(mutex_);
  std::erase_if(places_, [&place](const Place& each) { return each.next == place.next; });
  places_.push_front(place);
  if (places_.size() > kMostPlaces) places_.pop_back();
}

Result<void> read_records(const Folders& folders, std::uint64_t first, const OnRecord& callback) {
  return RecordReader(folders).read(first, callback);
}

}  // namespace kw::audit_verify
