// SPDX-License-Identifier: Apache-2.0
#include "mutation.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "service/audit/segment.h"
#include "tests/support/expect.h"

namespace kw::crash {
namespace {

using test::ends_of_records;

// A piece of a file.
struct Piece {
  std::size_t at = 0;
  std::size_t size = 0;

  std::string of(const std::string& file) const { return file.substr(at, size); }
};

// Mutator makes one mutation of one log.
class Mutator {
 public:
  Mutator(LogFiles& log, std::mt19937_64& random) : log_(log), random_(random) {}

  void flip() {
    std::string& file = any_file();
    char& byte = file[below(file.size())];
    byte = static_cast<char>(byte ^ (1 << below(8)));
  }

  void cut() {
    std::string& file = any_file();
    const Piece piece = any_piece(file);
    if (below(3) == 0) {
      file.resize(piece.at);
    } else {
      file.erase(piece.at, piece.size);
    }
  }

  void insert() {
    std::string& file = any_file();
    std::string bytes(1 + below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    file.insert(below(file.size() + 1), bytes);
  }

  // Two whole records, of one segment or of two.
  void swap() {
    std::string& a = any_file();
    std::string& b = any_file();
    Piece first = one_record(a);
    Piece second = one_record(b);
    if (&a == &b && first.at > second.at) std::swap(first, second);
    if (&a == &b && first.at == second.at) return;
    const std::string moved = first.of(a);
    a.replace(first.at, first.size, second.of(b));
    if (&a == &b) second.at = second.at - first.size + second.size;
    b.replace(second.at, second.size, moved);
  }

  void duplicate() {
    std::string& file = any_file();
    const Piece piece = any_piece(file);
    file.insert(piece.at + (below(2) == 0 ? 0 : piece.size), piece.of(file));
  }

  // In the place of something, or between.
  void splice(const LogFiles& other) {
    const auto any = static_cast<std::ptrdiff_t>(below(other.size()));
    const std::string& from = std::next(other.begin(), any)->second;
    const std::string bytes = any_piece(from).of(from);
    std::string& file = any_file();
    const Piece piece = any_piece(file);
    file.replace(piece.at, below(2) == 0 ? piece.size : 0, bytes);
  }

  // To what stood there when the log was younger: behind its end of then, zeros.
  void roll_back() {
    std::string& file = any_file();
    const auto ends = ends_of_records(file);
    const std::size_t young = ends[below(ends.size())];
    const Piece piece = any_piece(file);
    for (std::size_t at = std::max(young, piece.at); at < piece.at + piece.size; ++at) {
      file[at] = '\0';
    }
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  std::string& any_file() {
    return std::next(log_.begin(), static_cast<std::ptrdiff_t>(below(log_.size())))->second;
  }

  Piece one_record(const std::string& file) { return records(file, 1); }

  Piece records(const std::string& file, std::size_t most) {
    const auto ends = ends_of_records(file);
    const std::size_t from = below(ends.size() - 1);
    const std::size_t to = from + 1 + below(std::min(ends.size() - 1 - from, most));
    return {ends[from], ends[to] - ends[from]};
  }

  // Whole records, or any bytes, and now and then all to the end.
  Piece any_piece(const std::string& file) {
    if (below(2) == 0) return records(file, 4);
    const std::size_t at = below(file.size());
    const std::size_t rest = file.size() - at;
    return {at, below(8) == 0 ? rest : 1 + below(std::min<std::size_t>(rest, 900))};
  }

  LogFiles& log_;
  std::mt19937_64& random_;
};

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::Flip:
      return "flip a bit";
    case Kind::Cut:
      return "cut";
    case Kind::Insert:
      return "insert";
    case Kind::Swap:
      return "swap two records";
    case Kind::Duplicate:
      return "duplicate";
    case Kind::Splice:
      return "splice from another log";
    case Kind::RollBack:
      return "roll back a range";
  }
  KW_ASSERT(false);
}

void mutate(Kind kind, LogFiles& log, const LogFiles& other, std::mt19937_64& random) {
  Mutator mutator(log, random);
  switch (kind) {
    case Kind::Flip:
      return mutator.flip();
    case Kind::Cut:
      return mutator.cut();
    case Kind::Insert:
      return mutator.insert();
    case Kind::Swap:
      return mutator.swap();
    case Kind::Duplicate:
      return mutator.duplicate();
    case Kind::Splice:
      return mutator.splice(other);
    case Kind::RollBack:
      return mutator.roll_back();
  }
}

Place first_difference(const LogFiles& original, const LogFiles& mutant) {
  std::uint64_t index = 0;
  for (const auto& [name, before] : original) {
    const std::string& after = mutant.at(name);
    const auto ends = ends_of_records(before);
    if (before == after) {
      index += ends.size() - 1;
      continue;
    }
    const auto [at, same] = std::mismatch(before.begin(), before.end(), after.begin(), after.end());
    const auto differs = static_cast<std::size_t>(at - before.begin());
    if (differs < audit::kSegmentHeader) return {name, 0, index, true};
    const auto end = std::upper_bound(ends.begin(), ends.end(), differs);
    const auto records = static_cast<std::size_t>(end - ends.begin()) - 1;
    return {name, ends[records], index + records, false};
  }
  FAIL("no difference");
  return {};
}

}  // namespace kw::crash
