// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "journal.h"

namespace kw::crash {

// Disk is what a disk would hold of one folder if the power went now. It starts with everything
// durable and then hears what was done (journal.h). What was synced is durable. Of the rest, a cut
// keeps or loses, each on its own:
//   - the pages (4 KiB) of a file: a page has any of the states that it had since the last sync,
//   for
//     the cache writes it back at any moment;
//   - a file's truncations, in their order; no page is newer than a truncation that was lost;
//   - a file's size, where pages that would extend it were lost: then it has zeros there;
//   - the names in a folder, one by one in any choice, a rename as one. That a file was synced
//   makes
//     its name no more durable.
class Disk {
 public:
  // The folder as it stands.
  explicit Disk(const std::filesystem::path& folder);

  // Hears a journal of this folder, or so many of its entries; yields how many there were. One that
  // is cut short is the end. Ends the test if the journal speaks of a file that cannot be.
  std::size_t replay(std::string_view journal, std::size_t most = ~std::size_t{0});

  // The power goes. Replaces the folder's contents by what is left: of what was not synced nothing,
  // or each with the probability `kept` of 0 to 1.
  void cut(double kept, std::mt19937_64& random) const;

 private:
  struct Node;
  using Entries = std::map<std::string, std::shared_ptr<Node>>;

  // One change of a name, or a rename's two.
  struct NameChange {
    std::string removed;
    std::string added;
    std::shared_ptr<Node> node;
  };
  struct Change {
    bool truncates = false;
    std::uint64_t offset = 0;  // or the size
    std::string bytes;
  };
  struct Node {
    bool is_folder = false;
    std::string content;  // of a file: now, and durable
    std::string durable;
    std::vector<Change> changes;
    Entries entries;  // of a folder, the same
    Entries durable_entries;
    std::vector<NameChange> name_changes;
  };

  struct Place {
    Node* folder;
    std::string name;
  };
  Place place_of(std::string_view path) const;
  void load(const std::filesystem::path& folder, Node& node);
  void hear(const EntryHead& head, std::string_view path, std::string_view rest);
  void open(std::string_view path, std::uint64_t handle);
  void name(std::string_view path, std::shared_ptr<Node> node);
  void rename(std::string_view from, std::string_view to);
  static void change(Node& file, Change change);
  static void apply(std::string& content, const Change& change);
  static std::string left_of(const Node& file, double kept, std::mt19937_64& random);
  static void lay_out(const Node& folder, const std::filesystem::path& path, double kept,
                      std::mt19937_64& random);

  std::filesystem::path folder_;
  std::shared_ptr<Node> root_;
  std::map<std::uint64_t, std::shared_ptr<Node>> handles_;
};

}  // namespace kw::crash
