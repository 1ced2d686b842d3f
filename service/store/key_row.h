// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/names.h"
#include "base/result.h"
#include "service/keys/key.h"
#include "service/store/ledger.h"

namespace kw::store {

// A key's own row, without its versions. Errors: InvalidArgument (advised; tags too many, too large
// or not UTF-8).
Result<Row> make_key_row(const keys::Key& key);
// In the table of the key's residency.
Row make_version_row(const keys::Key& key, const keys::KeyVersion& version);
Row make_setting_row(std::string_view name, ByteView value);

// VersionRow is a version with the key it belongs to.
struct VersionRow {
  KeyId key;
  const keys::Algorithm* algorithm;  // of a wrapped version, its row says it too; else null
  keys::KeyVersion version;
};

// The reverse, for rows whose MAC is right. Errors: Internal (a word or a length that this program
// does not know; the detail names the row).
Result<keys::Key> decode_key_row(const Row& row);
Result<VersionRow> decode_version_row(const Row& row);

}  // namespace kw::store
