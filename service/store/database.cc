// SPDX-License-Identifier: Apache-2.0
#include "service/store/database.h"

#include <sqlite3.h>

#include <utility>

namespace kw::store {
namespace {

Code code_of(int status) noexcept {
  switch (status & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_MISUSE:
    case SQLITE_RANGE:
    case SQLITE_ERROR:
      return Code::Internal;
    default:
      return Code::Unavailable;
  }
}

Error sqlite_error(sqlite3* connection, std::string_view step) {
  const int status = sqlite3_extended_errcode(connection);
  return Error(code_of(status), "catalog: " + std::string(step) + ": " +
                                    sqlite3_errmsg(connection) + " (" + std::to_string(status) +
                                    ")");
}

struct Binder {
  sqlite3_stmt* statement;
  int index;

  int operator()(std::monostate) const { return sqlite3_bind_null(statement, index); }
  int operator()(std::int64_t number) const { return sqlite3_bind_int64(statement, index, number); }
  int operator()(const std::string& text) const {
    return sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  }
  int operator()(const Bytes& blob) const {
    // A null pointer would bind NULL.
    if (blob.empty()) return sqlite3_bind_zeroblob(statement, index, 0);
    return sqlite3_bind_blob64(statement, index, blob.data(), blob.size(), SQLITE_TRANSIENT);
  }
};

Result<Value> column(sqlite3_stmt* statement, int index) {
  switch (sqlite3_column_type(statement, index)) {
    case SQLITE_NULL:
      return Value{};
    case SQLITE_INTEGER:
      return Value{std::int64_t{sqlite3_column_int64(statement, index)}};
    case SQLITE_TEXT: {
      const auto* const text = reinterpret_cast<const char*>(sqlite3_column_text(statement, index));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
      return Value{std::string(text, size)};
    }
    case SQLITE_BLOB: {
      const auto* const blob =
          static_cast<const std::uint8_t*>(sqlite3_column_blob(statement, index));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, index));
      return Value{to_bytes(ByteView(blob, size))};
    }
    default:
      return Error(Code::Internal, "catalog: a column holds a type that the catalog never writes");
  }
}

Result<void> configure(Database& database) {
  Statement journal = TRY(database.prepare("PRAGMA journal_mode = WAL"));
  TRY(journal.step());
  const Columns mode = TRY(journal.row());
  if (mode != Columns{Value{std::string("wal")}}) {
    return Error(Code::Unavailable, "catalog: this file system cannot do WAL");
  }
  TRY(database.execute("PRAGMA synchronous = FULL"));
  TRY(database.execute("PRAGMA foreign_keys = ON"));
  return database.execute("PRAGMA cell_size_check = ON");
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const noexcept {
  sqlite3_finalize(statement);
}

Result<void> Statement::bind(std::span<const Value> values) {
  int index = 0;
  for (const Value& value : values) {
    const int status = std::visit(Binder{statement_.get(), ++index}, value);
    if (status != SQLITE_OK) return sqlite_error(sqlite3_db_handle(statement_.get()), "bind");
  }
  return {};
}

Result<bool> Statement::step() {
  const int status = sqlite3_step(statement_.get());
  if (status == SQLITE_ROW) return true;
  if (status == SQLITE_DONE) return false;
  return sqlite_error(sqlite3_db_handle(statement_.get()), "step");
}

Result<Columns> Statement::row() const {
  Columns columns;
  const int count = sqlite3_data_count(statement_.get());
  for (int index = 0; index < count; ++index) {
    columns.push_back(TRY(column(statement_.get(), index)));
  }
  return columns;
}

void Database::Closer::operator()(sqlite3* connection) const noexcept { sqlite3_close(connection); }

Result<Database> Database::open(const std::filesystem::path& path) {
  sqlite3* connection = nullptr;
  const int status =
      sqlite3_open_v2(path.c_str(), &connection,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  KW_ASSERT(connection != nullptr);
  Database database(connection);
  if (status != SQLITE_OK) return sqlite_error(connection, "open " + path.string());
  sqlite3_busy_timeout(connection, 0);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  TRY(configure(database));
  return database;
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return sqlite_error(connection_.get(), sql.substr(0, 24));
  }
  return {};
}

Result<Statement> Database::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int size = static_cast<int>(sql.size());
  if (sqlite3_prepare_v2(connection_.get(), sql.data(), size, &statement, nullptr) != SQLITE_OK) {
    return sqlite_error(connection_.get(), "prepare");
  }
  return Statement(statement);
}

Result<std::int64_t> Database::change(const std::string& sql, std::span<const Value> values) {
  Statement statement = TRY(prepare(sql));
  TRY(statement.bind(values));
  TRY(statement.step());
  return std::int64_t{sqlite3_changes64(connection_.get())};
}

Result<Transaction> Transaction::begin(Database& database) {
  TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) static_cast<void>(database_->execute("ROLLBACK"));
}

Result<void> Transaction::commit() {
  TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace kw::store
