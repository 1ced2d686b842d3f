// SPDX-License-Identifier: Apache-2.0
#include "policy/time_window.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace kw::policy {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr std::string_view kClockForm = "HH:MM";

Error bad_window(std::string_view text, std::string_view what) {
  return refusal(Code::InvalidArgument, "time '" + std::string(text) + "': " + std::string(what));
}

std::optional<unsigned> day_of(std::string_view name) noexcept {
  const auto at = std::find(kDays.begin(), kDays.end(), name);
  if (at == kDays.end()) return std::nullopt;
  return static_cast<unsigned>(at - kDays.begin());
}

// A number that fills the whole text with digits.
std::optional<int> number_in(std::string_view text) noexcept {
  const bool all_digits = !text.empty() && std::all_of(text.begin(), text.end(),
                                                       [](char c) { return c >= '0' && c <= '9'; });
  int number = 0;
  if (!all_digits ||
      std::from_chars(text.data(), text.data() + text.size(), number).ec != std::errc()) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::chrono::minutes> clock_of(std::string_view text) noexcept {
  if (text.size() != kClockForm.size() || text[2] != ':') return std::nullopt;
  const auto hours = number_in(text.substr(0, 2));
  const auto minutes = number_in(text.substr(3));
  if (!hours || !minutes || *minutes > 59) return std::nullopt;
  const std::chrono::minutes clock = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  if (clock > std::chrono::hours(24)) return std::nullopt;
  return clock;
}

std::optional<std::chrono::year_month_day> date_of(std::string_view text) noexcept {
  const auto year = number_in(text.substr(0, 4));
  const auto month = number_in(text.substr(5, 2));
  const auto day = number_in(text.substr(8, 2));
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  return date;
}

}  // namespace

Result<TimeWindow> TimeWindow::parse(std::string_view text) {
  const std::size_t days_end = text.find(' ');
  const std::size_t zone_at = text.rfind(' ');
  if (days_end == zone_at || zone_at == std::string_view::npos) {
    return bad_window(text, "must look like 'Mon-Fri 08:00-18:00 UTC'");
  }
  if (text.substr(zone_at + 1) != "UTC") return bad_window(text, "only UTC is supported");
  const std::string_view days = text.substr(0, days_end);
  const std::string_view hours = text.substr(days_end + 1, zone_at - days_end - 1);
  const auto first_day = day_of(days.substr(0, days.find('-')));
  const auto last_day = day_of(days.substr(days.find('-') + 1));  // the same where there is no '-'
  if (!first_day || !last_day) return bad_window(text, "days are Mon, Tue … Sun");
  const auto from = clock_of(hours.substr(0, hours.find('-')));
  const auto until = clock_of(hours.substr(hours.find('-') + 1));
  if (!from || !until || *from >= *until) {
    return bad_window(text, "hours are HH:MM-HH:MM, the first before the second");
  }
  TimeWindow window;
  window.first_day_ = *first_day;
  window.last_day_ = *last_day;
  window.from_ = *from;
  window.until_ = *until;
  return window;
}

bool TimeWindow::contains(WallTime time) const noexcept {
  const auto midnight = std::chrono::floor<std::chrono::days>(time);
  const unsigned today = std::chrono::weekday(midnight).iso_encoding() - 1;
  const bool on_day = first_day_ <= last_day_ ? first_day_ <= today && today <= last_day_
                                              : first_day_ <= today || today <= last_day_;
  return on_day && time - midnight >= from_ && time - midnight < until_;
}

Result<WallTime> parse_time(std::string_view text) {
  constexpr std::string_view kForm = "YYYY-MM-DDTHH:MM:SSZ";
  if (text.size() == kForm.size() && text[10] == 'T' && text[16] == ':' && text.back() == 'Z') {
    const auto date = date_of(text);
    const auto clock = clock_of(text.substr(11, kClockForm.size()));
    const auto seconds = number_in(text.substr(17, 2));
    if (date && clock && *clock < std::chrono::hours(24) && seconds && *seconds < 60) {
      return WallTime(std::chrono::sys_days(*date) + *clock + std::chrono::seconds(*seconds));
    }
  }
  return bad_window(text, "must look like '2026-01-31T09:30:00Z'");
}

}  // namespace kw::policy
