// SPDX-License-Identifier: Apache-2.0
#include "service/audit_read/moment.h"

#include <charconv>
#include <chrono>

namespace kw::audit_read {
namespace {

using std::chrono::microseconds;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reader takes a date and time apart from its front. Once something is not as it should be, it is
// bad for good, so that a caller need ask only at the end.
class DateReader {
 public:
  explicit DateReader(std::string_view text) : rest_(text) {}

  int number(std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest_.empty() || !is_digit(rest_.front())) return fail();
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }

  // One of the characters; yields which.
  char one_of(std::string_view wanted) {
    if (rest_.empty() || wanted.find(rest_.front()) == std::string_view::npos) {
      fail();
      return 0;
    }
    const char found = rest_.front();
    rest_.remove_prefix(1);
    return found;
  }

  // ".5" and the like, where there is one.
  microseconds fraction() {
    if (rest_.empty() || rest_.front() != '.') return {};
    rest_.remove_prefix(1);
    if (rest_.empty() || !is_digit(rest_.front())) fail();
    std::int64_t value = 0;
    for (std::int64_t unit = 100'000; !rest_.empty() && is_digit(rest_.front()); unit /= 10) {
      value += unit * (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return microseconds(value);
  }

  bool is_good_end() const { return good_ && rest_.empty(); }

 private:
  int fail() {
    good_ = false;
    return 0;
  }

  std::string_view rest_;
  bool good_ = true;
};

// "Z" or "+01:00": how far the clock that showed the time is ahead of UTC.
std::optional<std::chrono::minutes> read_offset(DateReader& reader) {
  const char sign = reader.one_of("Zz+-");
  if (sign == 'Z' || sign == 'z') return std::chrono::minutes(0);
  const int hours = reader.number(2);
  reader.one_of(":");
  const int minutes = reader.number(2);
  if (hours > 23 || minutes > 59) return std::nullopt;
  const std::chrono::minutes ahead(hours * 60 + minutes);
  return sign == '-' ? -ahead : ahead;
}

std::optional<std::uint64_t> parse_date(std::string_view text) {
  DateReader reader(text);
  const std::chrono::year year(reader.number(4));
  reader.one_of("-");
  const std::chrono::month month(static_cast<unsigned>(reader.number(2)));
  reader.one_of("-");
  const std::chrono::day day(static_cast<unsigned>(reader.number(2)));
  reader.one_of("Tt");
  const int hour = reader.number(2);
  reader.one_of(":");
  const int minute = reader.number(2);
  reader.one_of(":");
  const int second = reader.number(2);
  const microseconds fraction = reader.fraction();
  const auto ahead = read_offset(reader);
  const std::chrono::year_month_day date(year, month, day);
  if (!reader.is_good_end() || !ahead || !date.ok()) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const microseconds time = std::chrono::sys_days(date).time_since_epoch() +
                            std::chrono::hours(hour) + std::chrono::minutes(minute) +
                            std::chrono::seconds(second) + fraction - *ahead;
  return time.count() < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(time.count()));
}

std::uint64_t seconds_of(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 86'400;
    case 'w':
      return 604'800;
    default:
      return 0;
  }
}

std::optional<std::uint64_t> parse_age(std::string_view text, WallTime now) {
  constexpr std::uint64_t kMostSeconds = 10'000'000'000'000;  // as microseconds still 64 bits
  if (text.size() < 2) return std::nullopt;
  const std::uint64_t unit = seconds_of(text.back());
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data(), end, count);
  if (unit == 0 || parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  if (count > kMostSeconds / unit) return std::nullopt;
  const std::uint64_t age = count * unit * 1'000'000;
  const auto present = static_cast<std::uint64_t>(now.time_since_epoch().count());
  return age > present ? 0 : present - age;
}

}  // namespace

std::optional<std::uint64_t> parse_moment(std::string_view text, WallTime now) {
  const auto date = parse_date(text);
  return date ? date : parse_age(text, now);
}

}  // namespace kw::audit_read
