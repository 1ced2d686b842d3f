// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <iterator>
#include <thread>
#include <utility>

#include "cli/commands.h"
#include "cli/log_options.h"
#include "cli/server_command.h"
#include "service/audit_read/cef.h"
#include "service/audit_read/column.h"
#include "service/audit_read/ocsf.h"
#include "service/audit_read/statistics.h"
#include "service/audit_read/table.h"
#include "service/audit_verify/print.h"
#include "service/audit_verify/record_reader.h"

namespace kw::cli {
namespace {

using audit_read::Column;
using audit_read::Filter;
using audit_read::Statistics;
using audit_read::Table;
using audit_verify::DecodedRecord;
using audit_verify::RecordReader;

constexpr std::string_view kFilterHelp =
    "FILTER is terms NAME=VALUE with blanks between: any field of the log (op is short for\n"
    "operation), != for not, < <= > >= for numbers, since= and until= for times\n"
    "(2026-01-01T00:00:00Z) or ages (24h), * in a value for anything. Terms with = on one\n"
    "field are alternatives; all else must hold. docs/audit-reading.md has the whole of it.";

// Lines on their way to a descriptor, in pieces of a size that is worth a call.
class Lines {
 public:
  explicit Lines(int out) : out_(out) {}

  Result<void> add(std::string_view line) {
    constexpr std::size_t kPiece = 64u << 10;
    waiting_ += line;
    return waiting_.size() < kPiece ? Result<void>() : flush();
  }

  Result<void> flush() { return write_all(out_, std::exchange(waiting_, {})); }

 private:
  int out_;
  std::string waiting_;
};

// Format makes lines of records, as --json and --columns say.
class Format {
 public:
  Format(const Arguments& arguments, const Io& io)
      : json_(arguments.has("--json")),
        table_(::isatty(io.out) == 1 ? Table::Layout::Aligned : Table::Layout::Tabs) {
    if (!arguments.has("--columns")) return;
    auto columns = audit_read::parse_columns(arguments.get("--columns"));
    KW_ASSERT(columns.has_value());
    columns_ = *std::move(columns);
  }

  // What stands above all lines.
  std::string header() {
    std::vector<std::string> names;
    std::vector<std::string> widest;
    for (const Column& column : columns_) {
      names.push_back(column.name);
      const bool is_time = column.field.form == audit_verify::FieldForm::Time;
      widest.push_back(is_time ? audit_verify::utc(0) : column.name);
    }
    table_.expect(widest);
    return names.empty() ? std::string() : table_.line(names);
  }

  std::string operator()(const DecodedRecord& record) {
    if (columns_.empty()) {
      return (json_ ? audit_verify::to_json(record) : audit_verify::to_text(record)) + "\n";
    }
    std::vector<std::string> cells;
    cells.reserve(columns_.size());
    for (const Column& column : columns_) cells.push_back(audit_read::cell_of(record, column));
    return table_.line(cells);
  }

 private:
  bool json_;
  Table table_;
  std::vector<Column> columns_;
};

std::string check_columns(const std::string& text) {
  const auto columns = audit_read::parse_columns(text);
  return columns ? std::string() : columns.error().detail();
}

bool wants_two_formats(const Arguments& arguments) {
  return arguments.has("--json") && arguments.has("--columns");
}

int two_formats(const Io& io) { return usage_fault(io, "give --json or --columns, not both"); }

using LineMaker = std::function<std::string(const DecodedRecord&)>;

// Prints what passes the filter, from the record `first` on; yields the index to go on with.
Result<std::uint64_t> print_from(RecordReader& reader, std::uint64_t first, std::uint64_t most,
                                 const Arguments& arguments, const LineMaker& line_of,
                                 Lines& lines) {
  const Filter filter = log_filter(arguments);
  std::uint64_t next = first;
  std::uint64_t printed = 0;
  Result<void> written;
  const auto read = reader.read(first, [&](const DecodedRecord& record) {
    next = record.index + 1;
    if (!filter.matches(record)) return true;
    written = lines.add(line_of(record));
    return written.has_value() && ++printed < most;
  });
  // What is good before a fault is shown.
  TRY(lines.flush());
  if (!written) return std::move(written).error();
  if (!read) return read.error();
  return next;
}

Result<int> show(const Arguments& arguments, const Io& io) {
  if (wants_two_formats(arguments)) return two_formats(io);
  const std::uint64_t first = arguments.has("--from") ? number_of(arguments, "--from") : 0;
  const std::uint64_t most =
      arguments.has("--count") ? number_of(arguments, "--count") : ~std::uint64_t{0};
  Format format(arguments, io);
  Lines lines(io.out);
  TRY(lines.add(format.header()));
  RecordReader reader(log_folders(arguments));
  TRY(print_from(reader, first, most, arguments, std::ref(format), lines));
  return kExitOk;
}

// The last lines that are there now; `next` becomes the index to go on with.
Result<std::deque<std::string>> last_lines(RecordReader& reader, const Arguments& arguments,
                                           Format& format, std::uint64_t& next) {
  const std::uint64_t wanted = arguments.has("--lines") ? number_of(arguments, "--lines") : 10;
  const Filter filter = log_filter(arguments);
  std::deque<std::string> lines;
  TRY(reader.read(0, [&](const DecodedRecord& record) {
    next = record.index + 1;
    if (!filter.matches(record)) return true;
    lines.push_back(format(record));
    if (lines.size() > wanted) lines.pop_front();
    return true;
  }));
  return lines;
}

Result<int> tail(const Arguments& arguments, const Io& io) {
  if (wants_two_formats(arguments)) return two_formats(io);
  Format format(arguments, io);
  Lines lines(io.out);
  std::uint64_t next = 0;
  const std::string header = format.header();
  RecordReader reader(log_folders(arguments));
  const std::deque<std::string> last = TRY(last_lines(reader, arguments, format, next));
  TRY(lines.add(header));
  for (const std::string& line : last) TRY(lines.add(line));
  TRY(lines.flush());
  while (arguments.has("--follow")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    next = TRY(print_from(reader, next, ~std::uint64_t{0}, arguments, std::ref(format), lines));
  }
  return kExitOk;
}

Result<void> print_statistics(const Statistics& statistics, const Arguments& arguments,
                              const Io& io) {
  const std::vector<Statistics::Group> groups = statistics.groups();
  Lines lines(io.out);
  if (arguments.has("--json")) {
    for (const auto& group : groups) TRY(lines.add(to_json(group, statistics.by()) + "\n"));
    return lines.flush();
  }
  Table table(Table::Layout::Aligned);
  const auto header = audit_read::header_of(statistics.by());
  table.expect(header);
  for (const auto& group : groups) table.expect(cells_of(group, statistics.by()));
  TRY(lines.add(table.line(header)));
  for (const auto& group : groups) TRY(lines.add(table.line(cells_of(group, statistics.by()))));
  return lines.flush();
}

Result<int> stats(const Arguments& arguments, const Io& io) {
  const std::string by = arguments.has("--by") ? arguments.get("--by") : "caller,key";
  Statistics statistics(TRY(audit_read::parse_columns(by)));
  const Filter filter = log_filter(arguments);
  Result<void> counted;
  TRY(audit_verify::read_records(log_folders(arguments), 0, [&](const DecodedRecord& record) {
    if (filter.matches(record)) counted = statistics.add(record);
    return counted.has_value();
  }));
  if (!counted) return std::move(counted).error();
  TRY(print_statistics(statistics, arguments, io));
  return kExitOk;
}

using Writer = std::string (*)(const DecodedRecord&);

constexpr std::pair<std::string_view, Writer> kWriters[] = {{"jsonl", &audit_verify::to_json},
                                                            {"cef", &audit_read::to_cef},
                                                            {"ocsf", &audit_read::to_ocsf}};

std::vector<std::string> export_formats() {
  std::vector<std::string> names;
  for (const auto& [name, writer] : kWriters) names.emplace_back(name);
  return names;
}

Writer writer_of(const std::string& format) {
  const auto* found = std::find_if(std::begin(kWriters), std::end(kWriters),
                                   [&](const auto& named) { return named.first == format; });
  KW_ASSERT(found != std::end(kWriters));
  return found->second;
}

Result<int> export_log(const Arguments& arguments, const Io& io) {
  const std::uint64_t first = arguments.has("--from") ? number_of(arguments, "--from") : 0;
  const Writer write = writer_of(arguments.get("--format"));
  Lines lines(io.out);
  RecordReader reader(log_folders(arguments));
  TRY(print_from(
      reader, first, ~std::uint64_t{0}, arguments,
      [write](const DecodedRecord& record) { return write(record) + "\n"; }, lines));
  return kExitOk;
}

Option number_option(std::string name, std::string help, std::uint64_t least) {
  return {.name = std::move(name),
          .value = "N",
          .help = std::move(help),
          .check = check_number(least, ~std::uint64_t{0})};
}

Option columns_option(std::string name, std::string help) {
  return {
      .name = std::move(name), .value = "FIELDS", .help = std::move(help), .check = check_columns};
}

}  // namespace

std::vector<Command> audit_read_commands() {
  const Option folder = log_folder_option();
  const Option where = where_option();
  const Option json = json_lines_option();
  const Option columns =
      columns_option("--columns", "a table of these fields, such as time,caller,op,key,outcome");
  const Option follow{.name = "--follow",
                      .value = "",
                      .help = "go on with what is written from now on",
                      .letter = 'f'};
  Option lines = number_option("--lines", "how many, default 10", 0);
  lines.letter = 'n';
  return {
      {.path = "audit tail",
       .summary = "print the last records",
       .details = std::string(kFilterHelp),
       .options = {folder, follow, lines, where, columns, json},
       .run = tail},
      {.path = "audit show",
       .summary = "print records from the start",
       .details = std::string(kFilterHelp),
       .options = {folder, archive_option(), number_option("--from", "the first record's index", 0),
                   number_option("--count", "how many at most", 1), where, columns, json},
       .run = show},
      {.path = "audit stats",
       .summary = "count who used which key how often, and when first and last",
       .details = std::string(kFilterHelp),
       .options = {folder, archive_option(), where,
                   columns_option("--by", "count by these fields, default caller,key"), json},
       .run = stats},
      {.path = "audit export",
       .summary = "write the log for a SIEM: JSON lines, CEF or OCSF",
       .details = std::string(kFilterHelp),
       .options = {folder,
                   archive_option(),
                   {.name = "--format",
                    .value = "FORMAT",
                    .help = "one line a record in this format",
                    .need = Option::Need::Required,
                    .choices = export_formats()},
                   number_option("--from", "the first record's index", 0),
                   where},
       .run = export_log},
  };
}

}  // namespace kw::cli
