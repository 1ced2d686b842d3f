// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/walk.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace kw::audit_verify {

void Walk::begin_within(std::uint64_t first_index) {
  place_.next = first_index;
  knows_previous_ = false;
}

void Walk::begin_at(const Place& place) {
  begin_within(place.segment);
  wanted_ = place;
}

Result<void> Walk::go(const Folders& folders, std::vector<Segment> segments, std::size_t from) {
  for (std::size_t i = from; i < segments.size() && goes_on(); ++i) {
    TRY(segment(segments[i], i + 1 == segments.size()));
    if (!ended_sealed() || i + 1 != segments.size()) continue;
    const auto next = folders.log / name_of_segment(place_.next);
    std::error_code failure;
    if (std::filesystem::exists(next, failure)) segments.push_back({next, place_.next});
  }
  return {};
}

Result<void> Walk::segment(const Segment& segment, bool is_last) {
  verdict_.file = segment.path;
  Result<SegmentReader> opened = SegmentReader::open(segment);
  if (!opened) return wrong_or_error(opened.error(), 0);
  SegmentReader reader = std::move(opened).value();
  const Result<void> entered = enter(reader, segment);
  if (!entered) return wrong_or_error(entered.error(), 0);
  while (goes_on()) {
    const Result<Frame> looked = reader.look();
    if (!looked) return wrong_or_error(looked.error(), reader.offset());
    const Frame frame = *looked;
    place_.offset = reader.offset();
    if (frame.kind == Frame::Kind::Good) {
      record(frame.payload);
      reader.skip(frame);
      place_.offset = reader.offset();
    } else if (frame.kind == Frame::Kind::Bad) {
      // No crash tears a segment that was compressed.
      const bool torn = is_last && !segment.is_compressed && !TRY(reader.has_good_frame_behind());
      fault(torn ? Finding::TornTail : Finding::Tampered, place_.offset, std::string(frame.what));
    } else {
      return end_of_segment(reader, is_last);
    }
  }
  return {};
}

// Behind the header, or where another walk stood in this segment.
Result<void> Walk::enter(SegmentReader& reader, const Segment& segment) {
  const Header header = TRY(reader.read_header());
  check_header(header, segment);
  place_.segment = segment.first_index;
  place_.offset = reader.offset();
  place_.is_sealed = false;
  const std::optional<Place> wanted = std::exchange(wanted_, std::nullopt);
  if (!wanted || wanted->segment != segment.first_index) return {};
  place_ = *wanted;
  return reader.go_to(place_.offset);
}

void Walk::fault(Finding finding, std::uint64_t offset, std::string what) {
  verdict_.finding = finding;
  verdict_.offset = offset;
  verdict_.index = place_.next;
  verdict_.what = std::move(what);
}

void Walk::compare_with_end() {
  if (verdict_.finding != Finding::Good && verdict_.finding != Finding::TornTail) return;
  for (const SignedHead& head : heads_) {
    if (head.checkpoint.size <= place_.next) continue;
    return fault(
        Finding::Truncated, verdict_.offset,
        head.source.string() + " is of " + std::to_string(head.checkpoint.size) + " records");
  }
}

Verdict Walk::verdict() const {
  Verdict verdict = verdict_;
  verdict.last_leaf = place_.previous_leaf;
  if (verdict.finding == Finding::Good) verdict.file.clear();
  return verdict;
}

Result<void> Walk::wrong_or_error(const Error& error, std::uint64_t offset) {
  if (error.code() != Code::InvalidArgument) return error;
  fault(Finding::Tampered, offset, error.detail());
  return {};
}

void Walk::check_header(const Header& header, const Segment& segment) {
  if (header.first_index != segment.first_index) {
    fault(Finding::Tampered, 8, "a header with another index than its file's name");
  } else if (header.first_index != place_.next) {
    fault(Finding::Tampered, 8,
          "a segment from record " + std::to_string(header.first_index) + " where record " +
              std::to_string(place_.next) + " should follow");
  } else if (knows_previous_ && header.previous_leaf != place_.previous_leaf) {
    fault(Finding::Tampered, 16, "a header that does not continue the record before");
  }
  place_.previous_leaf = header.previous_leaf;
  knows_previous_ = true;
}

void Walk::record(ByteView payload) {
  const std::uint64_t offset = place_.offset;
  const Result<void> decoded = decode_payload(payload, record_);
  if (!decoded) return fault(Finding::Tampered, offset, decoded.error().detail());
  if (place_.is_sealed) return fault(Finding::Tampered, offset, "a record behind the seal");
  if (record_.index != place_.next) {
    return fault(Finding::Tampered, offset,
                 "record " + std::to_string(record_.index) + " in the place of " +
                     std::to_string(place_.next));
  }
  const Sha256Digest& previous = place_.previous_leaf;
  if (!std::equal(previous.begin(), previous.end(), record_.previous_leaf.begin())) {
    return fault(Finding::Tampered, offset, "a record that does not continue the one before");
  }
  before_ = place_;
  place_.previous_leaf = record_.leaf = hasher_.leaf(payload);
  place_.is_sealed = record_.kind == "seal";
  ++place_.next;
  ++verdict_.records;
  const Field* event = record_.find("event");
  if (event != nullptr && event->word == "answers withheld") {
    const Field* count = record_.find("count");
    verdict_.withheld += count == nullptr ? 0 : count->number;
  }
  if (!heads_.empty()) compare_with_heads();
  stopped_ = callback_ && !callback_(record_);
}

void Walk::compare_with_heads() {
  tree_.add(place_.previous_leaf);
  for (const SignedHead& head : heads_) {
    if (head.checkpoint.size != place_.next) continue;
    if (head.checkpoint.root != tree_.root()) {
      fault(Finding::Tampered, place_.offset,
            "not the records that were signed: " + head.source.string());
      verdict_.index = place_.next - 1;
      return;
    }
    verdict_.signed_records = place_.next;
  }
}

Result<void> Walk::end_of_segment(SegmentReader& reader, bool is_last) {
  if (is_last) return {};
  if (!place_.is_sealed) {
    fault(Finding::Truncated, reader.offset(), "a segment that ends before its seal");
  } else if (!TRY(reader.is_at_end_of_file())) {
    fault(Finding::Tampered, reader.offset(), "bytes behind the seal");
  }
  return {};
}

}  // namespace kw::audit_verify
