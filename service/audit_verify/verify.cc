// SPDX-License-Identifier: Apache-2.0
#include "service/audit_verify/verify.h"

#include <algorithm>
#include <span>
#include <system_error>
#include <vector>

#include "service/audit_verify/segment_reader.h"
#include "service/audit_verify/tree_hasher.h"
#include "service/audit_verify/tree_root.h"

namespace kw::audit_verify {
namespace {

using Callback = std::function<bool(const DecodedRecord&)>;

// Walk goes through segments in order. Its verdict is Good until a fault ends the walk.
class Walk {
 public:
  explicit Walk(const Callback& callback, std::span<const SignedHead> heads = {})
      : callback_(callback), heads_(heads) {}

  // Where the walk begins, if not at the first record of all.
  void begin_within(std::uint64_t first_index) {
    next_index_ = first_index;
    knows_previous_ = false;
  }

  Result<void> segment(const Segment& segment, bool is_last) {
    verdict_.file = segment.path;
    Result<SegmentReader> opened = SegmentReader::open(segment);
    if (!opened) return wrong_or_error(opened.error(), 0);
    SegmentReader reader = std::move(opened).value();
    const Result<Header> header = reader.read_header();
    if (!header) return wrong_or_error(header.error(), 0);
    check_header(*header, segment);
    sealed_ = false;
    while (goes_on()) {
      const Result<Frame> looked = reader.look();
      if (!looked) return wrong_or_error(looked.error(), reader.offset());
      const Frame frame = *looked;
      if (frame.kind == Frame::Kind::Good) {
        record(frame.payload, reader.offset());
        reader.skip(frame);
      } else if (frame.kind == Frame::Kind::Bad) {
        // No crash tears a segment that was compressed.
        const bool torn = is_last && !segment.is_compressed && !TRY(reader.has_good_frame_behind());
        fault(torn ? Finding::TornTail : Finding::Tampered, reader.offset(),
              std::string(frame.what));
      } else {
        return end_of_segment(reader, is_last);
      }
    }
    return {};
  }

  void fault(Finding finding, std::uint64_t offset, std::string what) {
    verdict_.finding = finding;
    verdict_.offset = offset;
    verdict_.index = next_index_;
    verdict_.what = std::move(what);
  }

  // A signed record was durable: no crash takes it away.
  void compare_with_end() {
    if (verdict_.finding != Finding::Good && verdict_.finding != Finding::TornTail) return;
    for (const SignedHead& head : heads_) {
      if (head.checkpoint.size <= next_index_) continue;
      return fault(
          Finding::Truncated, verdict_.offset,
          head.source.string() + " is of " + std::to_string(head.checkpoint.size) + " records");
    }
  }

  bool goes_on() const { return verdict_.finding == Finding::Good && !stopped_; }
  bool ended_sealed() const { return goes_on() && sealed_; }
  std::uint64_t next_index() const { return next_index_; }

  Verdict verdict() const {
    Verdict verdict = verdict_;
    verdict.last_leaf = previous_;
    if (verdict.finding == Finding::Good) verdict.file.clear();
    return verdict;
  }

 private:
  Result<void> wrong_or_error(const Error& error, std::uint64_t offset) {
    if (error.code() != Code::InvalidArgument) return error;
    fault(Finding::Tampered, offset, error.detail());
    return {};
  }

  void check_header(const Header& header, const Segment& segment) {
    if (header.first_index != segment.first_index) {
      fault(Finding::Tampered, 8, "a header with another index than its file's name");
    } else if (header.first_index != next_index_) {
      fault(Finding::Tampered, 8,
            "a segment from record " + std::to_string(header.first_index) + " where record " +
                std::to_string(next_index_) + " should follow");
    } else if (knows_previous_ && header.previous_leaf != previous_) {
      fault(Finding::Tampered, 16, "a header that does not continue the record before");
    }
    previous_ = header.previous_leaf;
    knows_previous_ = true;
  }

  void record(ByteView payload, std::uint64_t offset) {
    const Result<void> decoded = decode_payload(payload, record_);
    if (!decoded) return fault(Finding::Tampered, offset, decoded.error().detail());
    if (sealed_) return fault(Finding::Tampered, offset, "a record behind the seal");
    if (record_.index != next_index_) {
      return fault(Finding::Tampered, offset,
                   "record " + std::to_string(record_.index) + " in the place of " +
                       std::to_string(next_index_));
    }
    if (!std::equal(previous_.begin(), previous_.end(), record_.previous_leaf.begin())) {
      return fault(Finding::Tampered, offset, "a record that does not continue the one before");
    }
    previous_ = record_.leaf = hasher_.leaf(payload);
    sealed_ = record_.kind == "seal";
    ++next_index_;
    ++verdict_.records;
    const Field* event = record_.find("event");
    if (event != nullptr && event->word == "answers withheld") {
      const Field* count = record_.find("count");
      verdict_.withheld += count == nullptr ? 0 : count->number;
    }
    if (!heads_.empty()) compare_with_heads(offset);
    stopped_ = callback_ && !callback_(record_);
  }

  void compare_with_heads(std::uint64_t offset) {
    tree_.add(previous_);
    for (const SignedHead& head : heads_) {
      if (head.checkpoint.size != next_index_) continue;
      if (head.checkpoint.root != tree_.root()) {
        fault(Finding::Tampered, offset,
              "not the records that were signed: " + head.source.string());
        verdict_.index = next_index_ - 1;
        return;
      }
      verdict_.signed_records = next_index_;
    }
  }

  Result<void> end_of_segment(SegmentReader& reader, bool is_last) {
    if (is_last) return {};
    if (!sealed_) {
      fault(Finding::Truncated, reader.offset(), "a segment that ends before its seal");
    } else if (!TRY(reader.is_at_end_of_file())) {
      fault(Finding::Tampered, reader.offset(), "bytes behind the seal");
    }
    return {};
  }

  const Callback& callback_;
  const std::span<const SignedHead> heads_;
  TreeHasher hasher_;
  TreeRoot tree_;
  DecodedRecord record_;
  Verdict verdict_;
  std::uint64_t next_index_ = 0;
  Sha256Digest previous_{};
  bool knows_previous_ = true;
  bool sealed_ = false;
  bool stopped_ = false;
};

// Walks from the segment at `from` on, and into segments that a running writer adds meanwhile.
Result<void> walk_from(Walk& walk, const Folders& folders, std::vector<Segment> segments,
                       std::size_t from) {
  for (std::size_t i = from; i < segments.size() && walk.goes_on(); ++i) {
    TRY(walk.segment(segments[i], i + 1 == segments.size()));
    if (!walk.ended_sealed() || i + 1 != segments.size()) continue;
    const auto next = folders.log / name_of_segment(walk.next_index());
    std::error_code failure;
    if (std::filesystem::exists(next, failure)) segments.push_back({next, walk.next_index()});
  }
  return {};
}

Error internal_fault(const Verdict& verdict) {
  return Error(Code::Internal, verdict.file.string() + ", byte " + std::to_string(verdict.offset) +
                                   ": " + verdict.what);
}

}  // namespace

Result<Verdict> verify(const Folders& folders, const std::vector<SignedHead>& heads) {
  const std::vector<Segment> segments = TRY(list_segments(folders));
  const Callback no_callback;
  Walk walk(no_callback, heads);
  if (segments.empty()) {
    walk.fault(Finding::Truncated, 0, "no segment at all");
  } else if (segments[0].first_index != 0) {
    walk.fault(Finding::Truncated, 0, "the log begins with " + segments[0].path.string());
  }
  TRY(walk_from(walk, folders, segments, 0));
  if (walk.ended_sealed()) walk.fault(Finding::Truncated, 0, "no segment after the last seal");
  walk.compare_with_end();
  return walk.verdict();
}

Result<void> read_records(const Folders& folders, std::uint64_t first,
                          const std::function<bool(const DecodedRecord&)>& callback) {
  const std::vector<Segment> segments = TRY(list_segments(folders));
  const Callback from_first = [&](const DecodedRecord& record) {
    return record.index < first || callback(record);
  };
  Walk walk(from_first);
  const auto behind =
      std::find_if(segments.begin(), segments.end(),
                   [first](const Segment& segment) { return segment.first_index > first; });
  const std::size_t from =
      static_cast<std::size_t>(behind - segments.begin()) - (behind == segments.begin() ? 0 : 1);
  if (from < segments.size()) walk.begin_within(segments[from].first_index);
  TRY(walk_from(walk, folders, segments, from));
  const Verdict verdict = walk.verdict();
  if (verdict.finding == Finding::Good || verdict.finding == Finding::TornTail) return {};
  return internal_fault(verdict);
}

Result<SealedSegment> check_sealed(const Segment& segment) {
  SealedSegment sealed;
  const Callback note = [&](const DecodedRecord& record) {
    const Field* time = record.find("time");
    if (time != nullptr) sealed.latest_time = std::max(sealed.latest_time, time->number);
    if (record.index == segment.first_index) {
      std::copy(record.previous_leaf.begin(), record.previous_leaf.end(),
                sealed.previous_leaf.begin());
    }
    return true;
  };
  Walk walk(note);
  walk.begin_within(segment.first_index);
  TRY(walk.segment(segment, false));
  const Verdict verdict = walk.verdict();
  if (verdict.finding != Finding::Good) return internal_fault(verdict);
  sealed.next_index = walk.next_index();
  sealed.last_leaf = verdict.last_leaf;
  return sealed;
}

}  // namespace kw::audit_verify
