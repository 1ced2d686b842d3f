// SPDX-License-Identifier: Apache-2.0
#include "service/store/ledger.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace kw::store {
namespace {

constexpr std::int64_t kFirstSchema = 1;  // had no wrapped versions
constexpr std::int64_t kSchema = 2;
constexpr char kHeadLetter = 'H';

struct TableText {
  char letter;
  std::size_t key_columns;
  const char* name;
  const char* select;
  const char* put;
  const char* remove;
};

constexpr TableText kKeys{
    'K',
    1,
    "keys",
    "SELECT id, name, algorithm, residency, tags, created, rotate_every, mac FROM keys ORDER BY id",
    "INSERT INTO keys VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET "
    "name = ?2, algorithm = ?3, residency = ?4, tags = ?5, created = ?6, rotate_every = ?7, "
    "mac = ?8",
    "DELETE FROM keys WHERE id = ?1"};
constexpr TableText kVersions{
    'V',
    2,
    "versions",
    "SELECT key, number, state, created, public_key, check_value, mac FROM versions "
    "ORDER BY key, number",
    "INSERT INTO versions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (key, number) DO UPDATE "
    "SET state = ?3, created = ?4, public_key = ?5, check_value = ?6, mac = ?7",
    "DELETE FROM versions WHERE key = ?1 AND number = ?2"};
constexpr TableText kWrappedVersions{
    'W',
    2,
    "wrapped_versions",
    "SELECT key, number, algorithm, state, created, public_key, check_value, kek, material, mac "
    "FROM wrapped_versions ORDER BY key, number",
    "INSERT INTO wrapped_versions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) "
    "ON CONFLICT (key, number) DO UPDATE SET algorithm = ?3, state = ?4, created = ?5, "
    "public_key = ?6, check_value = ?7, kek = ?8, material = ?9, mac = ?10",
    "DELETE FROM wrapped_versions WHERE key = ?1 AND number = ?2"};
constexpr TableText kSettings{
    'S',
    1,
    "settings",
    "SELECT name, value, mac FROM settings ORDER BY name",
    "INSERT INTO settings VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET value = ?2, "
    "mac = ?3",
    "DELETE FROM settings WHERE name = ?1"};

const TableText& text_of(Table table) noexcept {
  switch (table) {
    case Table::Keys:
      return kKeys;
    case Table::Versions:
      return kVersions;
    case Table::WrappedVersions:
      return kWrappedVersions;
    case Table::Settings:
      return kSettings;
  }
  KW_ASSERT(false);
}

// In the order of their names; the file holds exactly these texts.
constexpr std::array kTables{
    "CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), schema INTEGER NOT NULL, "
    "epoch INTEGER NOT NULL, rows INTEGER NOT NULL, sum BLOB NOT NULL, mac BLOB NOT NULL) STRICT",
    "CREATE TABLE keys (id BLOB NOT NULL PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
    "algorithm TEXT NOT NULL, residency TEXT NOT NULL, tags BLOB NOT NULL, "
    "created INTEGER NOT NULL, rotate_every INTEGER, mac BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE settings (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL, "
    "mac BLOB NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE versions (key BLOB NOT NULL REFERENCES keys (id), number INTEGER NOT NULL, "
    "state TEXT NOT NULL, created INTEGER NOT NULL, public_key BLOB NOT NULL, "
    "check_value BLOB NOT NULL, mac BLOB NOT NULL, PRIMARY KEY (key, number)) STRICT, "
    "WITHOUT ROWID",
    "CREATE TABLE wrapped_versions (key BLOB NOT NULL REFERENCES keys (id), "
    "number INTEGER NOT NULL, algorithm TEXT NOT NULL, state TEXT NOT NULL, "
    "created INTEGER NOT NULL, public_key BLOB NOT NULL, check_value BLOB NOT NULL, "
    "kek INTEGER NOT NULL, material BLOB NOT NULL, mac BLOB NOT NULL, "
    "PRIMARY KEY (key, number)) STRICT, WITHOUT ROWID",
};

Error tampered(const std::string& what) {
  return Error(Code::Internal, "catalog: " + what + ": the file was changed by somebody else");
}

Error system_error(std::string_view step, const std::filesystem::path& path) {
  return Error(Code::Unavailable, std::string(step) + " " + path.string() + ": " +
                                      std::generic_category().message(errno));
}

// A file of its own: closing any descriptor of the database drops SQLite's locks on it.
Result<FileDescriptor> lock_beside(const std::filesystem::path& path) {
  std::filesystem::path beside = path;
  beside += ".lock";
  FileDescriptor file(::open(beside.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return system_error("open", beside);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock", beside);
    return Error(Code::FailedPrecondition, path.string() + ": in use by another process");
  }
  return file;
}

Result<void> make_private_file(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.is_open()) return system_error("open", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error("stat", path);
  if ((status.st_mode & 0077) != 0) {
    return Error(Code::FailedPrecondition,
                 path.string() + ": open to other users: chmod 600 " + path.string());
  }
  return sync_directory(path.has_parent_path() ? path.parent_path() : ".");
}

std::optional<RowMac> as_mac(const Value& value) {
  const auto* const bytes = std::get_if<Bytes>(&value);
  RowMac mac{};
  if (bytes == nullptr || bytes->size() != mac.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), mac.begin());
  return mac;
}

std::span<const Value> key_of(const TableText& text, const Columns& columns) {
  return std::span<const Value>(columns).first(text.key_columns);
}

Sha256Digest digest_of_key(const TableText& text, const Columns& columns) {
  return sha256(encode_row(text.letter, key_of(text, columns)));
}

std::string describe_difference(std::uint64_t expected, std::uint64_t found) {
  if (found < expected) return std::to_string(expected - found) + " row(s) missing";
  if (found > expected) return std::to_string(found - expected) + " row(s) too many";
  return "a row or the head is an older copy of itself";
}

}  // namespace

Result<std::unique_ptr<Ledger>> Ledger::open(const std::filesystem::path& path, MacFunction mac,
                                             const Reader& reader) {
  FileDescriptor lock = TRY(lock_beside(path));
  TRY(make_private_file(path));
  Database database = TRY(Database::open(path));
  std::unique_ptr<Ledger> ledger(new Ledger(std::move(lock), std::move(database), std::move(mac)));
  TRY(ledger->make_schema());
  TRY(ledger->check_schema());
  TRY(ledger->read_head());
  TRY(ledger->read_rows(reader));
  if (ledger->schema_ != kSchema) TRY(ledger->upgrade());
  return ledger;
}

Result<void> Ledger::make_schema() {
  Transaction transaction = TRY(Transaction::begin(database_));
  {
    Statement any = TRY(database_.prepare("SELECT 1 FROM sqlite_schema LIMIT 1"));
    const bool has_tables = TRY(any.step());
    if (has_tables) return {};
  }
  for (const char* table : kTables) TRY(database_.execute(table));
  const Columns head = TRY(sealed_head(Head{}));
  TRY(database_.change("INSERT INTO head VALUES (1, ?, ?, ?, ?, ?)", head));
  return transaction.commit();
}

Result<void> Ledger::check_schema() {
  Statement objects =
      TRY(database_.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"));
  std::size_t found = 0;
  while (TRY(objects.step())) {
    const Columns object = TRY(objects.row());
    if (found == kTables.size() || object.front() != Value{std::string(kTables[found])}) {
      return tampered("its tables are not those of schema 1 or 2");
    }
    ++found;
  }
  if (found + 1 < kTables.size()) return tampered("a table is missing");
  schema_ = found == kTables.size() ? kSchema : kFirstSchema;
  return {};
}

Result<void> Ledger::read_head() {
  Statement statement = TRY(database_.prepare("SELECT schema, epoch, rows, sum, mac FROM head"));
  if (!TRY(statement.step())) return tampered("the head row is missing");
  const Columns columns = TRY(statement.row());
  const std::optional<RowMac> stored = as_mac(columns.back());
  const RowMac right = TRY(mac_of(kHeadLetter, std::span<const Value>(columns).first(4)));
  if (!stored || !ct_equal(*stored, right)) return tampered("head row: wrong MAC");
  const std::optional<RowMac> sum = as_mac(columns[3]);
  if (columns[0] != Value{schema_} || !sum) {
    return tampered("head row: not of schema " + std::to_string(schema_));
  }
  head_.epoch = static_cast<std::uint64_t>(std::get<std::int64_t>(columns[1]));
  head_.rows = static_cast<std::uint64_t>(std::get<std::int64_t>(columns[2]));
  head_.sum = RowSum(*sum);
  return {};
}

Result<void> Ledger::read_table(Table table, const Reader& reader, Head& found) {
  const TableText& text = text_of(table);
  Statement statement = TRY(database_.prepare(text.select));
  while (TRY(statement.step())) {
    Columns columns = TRY(statement.row());
    const std::optional<RowMac> stored = as_mac(columns.back());
    columns.pop_back();
    const RowMac right = TRY(mac_of(text.letter, columns));
    if (!stored || !ct_equal(*stored, right)) {
      return tampered(describe_row(text.name, key_of(text, columns)) + ": wrong MAC");
    }
    found.sum.add(right);
    ++found.rows;
    macs_.emplace(digest_of_key(text, columns), right);
    TRY(reader({table, std::move(columns)}));
  }
  return {};
}

Result<void> Ledger::read_rows(const Reader& reader) {
  Head found;
  macs_.reserve(head_.rows);
  TRY(read_table(Table::Keys, reader, found));
  TRY(read_table(Table::Versions, reader, found));
  if (schema_ == kSchema) TRY(read_table(Table::WrappedVersions, reader, found));
  TRY(read_table(Table::Settings, reader, found));
  if (found.rows != head_.rows || !ct_equal(found.sum.value(), head_.sum.value())) {
    return tampered(describe_difference(head_.rows, found.rows));
  }
  return {};
}

// What was read is right, so only the head changes.
Result<void> Ledger::upgrade() {
  Head next = head_;
  ++next.epoch;
  Columns sealed = TRY(sealed_head(next));
  Transaction transaction = TRY(Transaction::begin(database_));
  TRY(database_.execute(kTables.back()));
  TRY(write_head(std::move(sealed)));
  TRY(transaction.commit());
  head_ = next;
  schema_ = kSchema;
  return {};
}

Result<RowMac> Ledger::mac_of(char table, std::span<const Value> columns) const {
  Bytes mac = TRY(mac_(encode_row(table, columns)));
  const std::optional<RowMac> sized = as_mac(Value{std::move(mac)});
  if (!sized) return Error(Code::Internal, "catalog: the MAC function must yield 32 bytes");
  return *sized;
}

Result<Columns> Ledger::sealed_head(const Head& head) const {
  Columns columns{Value{kSchema}, Value{static_cast<std::int64_t>(head.epoch)},
                  Value{static_cast<std::int64_t>(head.rows)}, Value{to_bytes(head.sum.value())}};
  const RowMac mac = TRY(mac_of(kHeadLetter, columns));
  columns.emplace_back(to_bytes(mac));
  return columns;
}

Result<Ledger::Outcome> Ledger::foresee(const Change& change) const {
  Outcome outcome{head_, {}, {}};
  ++outcome.head.epoch;
  const auto take_off = [&](const Sha256Digest& key) {
    const auto old = macs_.find(key);
    if (old == macs_.end()) return;
    outcome.head.sum.subtract(old->second);
    --outcome.head.rows;
  };
  for (const Row& row : change.put) {
    const TableText& text = text_of(row.table);
    const Sha256Digest key = digest_of_key(text, row.columns);
    const RowMac mac = TRY(mac_of(text.letter, row.columns));
    take_off(key);
    outcome.head.sum.add(mac);
    ++outcome.head.rows;
    outcome.put.emplace_back(key, mac);
  }
  for (const Row& row : change.remove) {
    outcome.removed.push_back(digest_of_key(text_of(row.table), row.columns));
    take_off(outcome.removed.back());
  }
  return outcome;
}

Result<void> Ledger::write(const Change& change, const Outcome& outcome) {
  Columns head = TRY(sealed_head(outcome.head));
  Transaction transaction = TRY(Transaction::begin(database_));
  for (std::size_t i = 0; i < change.put.size(); ++i) {
    Columns columns = change.put[i].columns;
    columns.emplace_back(to_bytes(outcome.put[i].second));
    TRY(database_.change(text_of(change.put[i].table).put, columns));
  }
  for (const Row& row : change.remove) {
    const TableText& text = text_of(row.table);
    const std::int64_t count = TRY(database_.change(text.remove, key_of(text, row.columns)));
    if (count != 1) return tampered("a row to be removed is missing");
  }
  TRY(write_head(std::move(head)));
  Result<void> done = transaction.commit();
  in_doubt_ = in_doubt_ || !done;
  return done;
}

Result<void> Ledger::write_head(Columns sealed) {
  sealed.emplace_back(static_cast<std::int64_t>(head_.epoch));
  const std::int64_t heads =
      TRY(database_.change("UPDATE head SET schema = ?1, epoch = ?2, rows = ?3, sum = ?4, mac = ?5 "
                           "WHERE id = 1 AND epoch = ?6",
                           sealed));
  if (heads != 1) return tampered("the head row is not the one last written");
  return {};
}

Result<void> Ledger::commit(const Change& change) {
  Outcome outcome = TRY(foresee(change));
  TRY(write(change, outcome));
  head_ = outcome.head;
  for (const auto& [key, mac] : outcome.put) macs_.insert_or_assign(key, mac);
  for (const Sha256Digest& key : outcome.removed) macs_.erase(key);
  return {};
}

}  // namespace kw::store
