// SPDX-License-Identifier: Apache-2.0
#include "service/witness/add_checkpoint.h"

#include <algorithm>
#include <charconv>

namespace kw::witness {
namespace {

constexpr std::string_view kOld = "old ";
constexpr std::size_t kMostProofLines = 63;

Error malformed(const std::string& why) { return refusal(Code::InvalidArgument, why); }

Result<std::uint64_t> read_old_size(std::string_view line) {
  std::uint64_t size = 0;
  if (line.starts_with(kOld)) {
    line.remove_prefix(kOld.size());
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), size);
    if (error == std::errc() && std::to_string(size) == line) return size;
  }
  return malformed("the first line is \"old SIZE\"");
}

Result<Sha256Digest> read_hash(std::string_view line) {
  Sha256Digest hash{};
  const Result<Bytes> bytes = decode_base64(line);
  if (!bytes || bytes->size() != hash.size()) return malformed("a proof line is no hash in base64");
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

}  // namespace

Result<AddCheckpoint> parse_add_checkpoint(std::string_view body) {
  const std::size_t gap = body.find("\n\n");
  if (gap == std::string_view::npos) return malformed("an empty line stands before the checkpoint");
  const auto lines = audit_verify::lines_of(body.substr(0, gap));
  if (lines.empty()) return malformed("the first line is \"old SIZE\"");
  if (lines.size() > 1 + kMostProofLines) return malformed("a proof has at most 63 lines");
  AddCheckpoint request;
  request.old_size = TRY(read_old_size(lines.front()));
  for (auto line = lines.begin() + 1; line != lines.end(); ++line) {
    request.proof.push_back(TRY(read_hash(*line)));
  }
  auto note = audit_verify::split_note(body.substr(gap + 2));
  if (!note) return malformed(note.error().detail());
  request.note = *std::move(note);
  const auto checkpoint = audit_verify::read_checkpoint_text(request.note.text);
  if (!checkpoint) return malformed(checkpoint.error().detail());
  request.checkpoint = *checkpoint;
  return request;
}

}  // namespace kw::witness
