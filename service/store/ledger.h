// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"
#include "base/result.h"
#include "service/store/database.h"
#include "service/store/row.h"

namespace kw::store {

enum class Table { Keys, Versions, WrappedVersions, Settings };

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
  using Reader = std::function<Result<void>(const Row&)>;

  // Shows `reader` each row once its MAC was found right: keys, then versions by key and number,
  // wrapped ones after the others, then settings. What it saw counts only if open succeeds: a row
  // that is missing, or an older copy, is noticed at the end. A file of schema 1 becomes one of
  // schema 2. Errors: those of Catalog::open, and those of `reader`.
  static Result<std::unique_ptr<Ledger>> open(const std::filesystem::path& path, MacFunction mac,
                                              const Reader& reader);

  // Writes a change and the new head in one durable transaction. Errors: Unavailable (nothing
  // changed here, on disk perhaps), Internal (the file is not what this ledger last wrote).
  Result<void> commit(const Change& change);

  // Whether a change may be on disk that is not here: its transaction's end failed.
  bool is_in_doubt() const noexcept { return in_doubt_; }

  std::uint64_t epoch() const noexcept { return head_.epoch; }

 private:
  struct FirstBytes {
    std::size_t operator()(const Sha256Digest& digest) const noexcept {
      std::size_t first = 0;
      std::memcpy(&first, digest.data(), sizeof first);
      return first;
    }
  };
  struct Head {
    std::uint64_t epoch = 0;
    std::uint64_t rows = 0;
    RowSum sum;
  };

  // Outcome is what this ledger will hold once a change is committed.
  struct Outcome {
    Head head;
    std::vector<std::pair<Sha256Digest, RowMac>> put;
    std::vector<Sha256Digest> removed;
  };

  Ledger(FileDescriptor lock, Database database, MacFunction mac)
      : lock_(std::move(lock)), database_(std::move(database)), mac_(std::move(mac)) {}

  Result<void> make_schema();
  Result<void> check_schema();
  Result<void> read_head();
  Result<void> read_table(Table table, const Reader& reader, Head& found);
  Result<void> read_rows(const Reader& reader);
  Result<void> upgrade();
  Result<RowMac> mac_of(char table, std::span<const Value> columns) const;
  Result<Columns> sealed_head(const Head& head) const;
  Result<Outcome> foresee(const Change& change) const;
  Result<void> write(const Change& change, const Outcome& outcome);
  Result<void> write_head(Columns sealed);

  FileDescriptor lock_;  // goes last
  Database database_;
  MacFunction mac_;
  std::int64_t schema_ = 0;
  Head head_;
  bool in_doubt_ = false;
  std::unordered_map<Sha256Digest, RowMac, FirstBytes> macs_;  // by the digest of the key columns
};

}  // namespace kw::store
