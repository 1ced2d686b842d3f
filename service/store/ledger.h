// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"
#include "service/store/database.h"
#include "service/store/row.h"

namespace kw::store {

enum class Table { Keys, Versions, Settings };

struct Row {
  Table table;
  Columns columns;  // without the MAC; the table's key columns first
};

// Change is what one transaction does: rows put (new, or in place of the one with their key), then
// rows removed.
struct Change {
  std::vector<Row> put;
  std::vector<Row> remove;
};

// Ledger keeps authenticated rows in an SQLite file (docs/catalog-format.md) and knows nothing of
// what they mean. Not thread-safe.
class Ledger {
 public:
  using MacFunction = std::function<Result<Bytes>(ByteView)>;

  // Errors: those of Catalog::open.
  static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& path, MacFunction mac);

  // Gives the rows that were verified at open away: keys, then versions by key and number, then
  // settings.
  std::vector<Row> take_rows() { return std::exchange(rows_, {}); }

  // Writes a change and the new head in one durable transaction. Errors: Unavailable (nothing
  // changed here, on disk perhaps), Internal (the file is not what this ledger last wrote).
  Result<void> commit(const Change& change);

  std::uint64_t epoch() const noexcept { return head_.epoch; }

 private:
  struct Head {
    std::uint64_t epoch = 0;
    std::uint64_t rows = 0;
    RowSum sum;
  };

  // Outcome is what this ledger will hold once a change is committed.
  struct Outcome {
    Head head;
    std::vector<std::pair<Bytes, RowMac>> put;
    std::vector<Bytes> removed;
  };

  Ledger(FileDescriptor lock, Database database, MacFunction mac)
      : lock_(std::move(lock)), database_(std::move(database)), mac_(std::move(mac)) {}

  Result<void> make_schema();
  Result<void> check_schema();
  Result<void> read_head();
  Result<void> read_table(Table table, RowSum& sum);
  Result<void> read_rows();
  Result<RowMac> mac_of(char table, std::span<const Value> columns) const;
  Result<Columns> sealed_head(const Head& head) const;
  Result<Outcome> foresee(const Change& change) const;
  Result<void> write(const Change& change, const Outcome& outcome);

  FileDescriptor lock_;  // goes last
  Database database_;
  MacFunction mac_;
  Head head_;
  std::map<Bytes, RowMac> macs_;  // by the encoding of the key columns
  std::vector<Row> rows_;
};

}  // namespace kw::store
