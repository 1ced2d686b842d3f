// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"
#include "service/store/row.h"

struct sqlite3;
struct sqlite3_stmt;

namespace kw::store {

// Statement is one prepared statement. Not thread-safe; must not outlive its Database.
class Statement {
 public:
  // Binds all parameters, in order. Errors: Internal, Unavailable.
  Result<void> bind(std::span<const Value> values);

  // Whether there is a row (now readable) or the statement is done. Errors: Unavailable (busy,
  // disk), Internal (the file is corrupt, a constraint failed).
  Result<bool> step();

  // The current row. Errors: Internal (a type that no table here has).
  Result<Columns> row() const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const noexcept;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
};

// Database is one connection to an SQLite file: WAL, every commit synced, foreign keys on, nothing
// that lies in the file is run, a lock held by others is an error at once. Not thread-safe.
class Database {
 public:
  // Opens a file that exists. Errors: Unavailable, Internal (not an SQLite file).
  static Result<Database> open(const std::filesystem::path& path);

  Result<void> execute(const std::string& sql);
  Result<Statement> prepare(const std::string& sql);

  // Runs one statement that yields no rows; yields how many rows it changed.
  Result<std::int64_t> change(const std::string& sql, std::span<const Value> values);

 private:
  struct Closer {
    void operator()(sqlite3* connection) const noexcept;
  };
  explicit Database(sqlite3* connection) : connection_(connection) {}

  std::unique_ptr<sqlite3, Closer> connection_;
};

// Transaction writes all of its changes or, unless committed, none. Must not outlive its Database.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);

  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;  // null: over
};

}  // namespace kw::store
