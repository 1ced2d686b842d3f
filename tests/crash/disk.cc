// SPDX-License-Identifier: Apache-2.0
#include "disk.h"

#include <algorithm>
#include <cstring>

#include "base/file.h"
#include "journal.h"
#include "tests/support/expect.h"

namespace kw::crash {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kMostContent = std::size_t{1} << 30;

bool is_lucky(double kept, std::mt19937_64& random) {
  return std::uniform_real_distribution<double>(0, 1)(random) < kept;
}

}  // namespace

Disk::Disk(const std::filesystem::path& folder) : folder_(folder), root_(std::make_shared<Node>()) {
  load(folder, *root_);
}

void Disk::load(const std::filesystem::path& folder, Node& node) {
  node.is_folder = true;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    auto child = std::make_shared<Node>();
    if (entry.is_directory()) {
      load(entry.path(), *child);
    } else {
      child->content = child->durable = REQUIRE_OK(read_file(entry.path(), kMostContent));
    }
    node.entries[entry.path().filename().string()] = std::move(child);
  }
  node.durable_entries = node.entries;
}

Disk::Place Disk::place_of(std::string_view path) const {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::filesystem::path within =
      std::filesystem::path(path).lexically_normal().lexically_relative(folder_);
  Node* folder = root_.get();
  for (const auto& step : within.parent_path()) {
    const auto at = folder->entries.find(step.string());
    if (at == folder->entries.end()) FAIL("no folder for " << path);
    folder = at->second.get();
  }
  return {folder, within.filename().string()};
}

std::size_t Disk::replay(std::string_view journal, std::size_t most) {
  EntryHead head;
  std::size_t heard = 0;
  for (; heard < most && journal.size() >= sizeof head; ++heard) {
    std::memcpy(&head, journal.data(), sizeof head);
    journal.remove_prefix(sizeof head);
    const std::size_t rest = std::size_t{head.second} + head.data;
    if (journal.size() < head.path + rest) break;
    hear(head, journal.substr(0, head.path), journal.substr(head.path, rest));
    journal.remove_prefix(head.path + rest);
  }
  return heard;
}

// `rest` is the second path or the data: no entry has both.
void Disk::hear(const EntryHead& head, std::string_view path, std::string_view rest) {
  if (head.did == Did::Open) return open(path, head.handle);
  if (head.did == Did::Rename) return rename(path, rest);
  if (head.did == Did::Remove) return name(path, nullptr);
  if (head.did == Did::MakeFolder) {
    auto folder = std::make_shared<Node>();
    folder->is_folder = true;
    return name(path, std::move(folder));
  }
  const auto found = handles_.find(head.handle);
  if (found == handles_.end()) FAIL("a handle that was never opened");
  Node& node = *found->second;
  if (head.did != Did::Sync) {
    return change(node, {head.did == Did::Truncate, head.offset, std::string(rest)});
  }
  node.durable = node.content;
  node.durable_entries = node.entries;
  node.changes.clear();
  node.name_changes.clear();
}

void Disk::open(std::string_view path, std::uint64_t handle) {
  const Place place = place_of(path);
  if (place.name == ".") {
    handles_[handle] = root_;
    return;
  }
  if (!place.folder->entries.contains(place.name)) name(path, std::make_shared<Node>());
  handles_[handle] = place.folder->entries[place.name];
}

// Gives the path to `node`, or takes its name away where there is none.
void Disk::name(std::string_view path, std::shared_ptr<Node> node) {
  const Place place = place_of(path);
  if (place.name == ".") return;
  if (node) {
    place.folder->name_changes.push_back({{}, place.name, node});
    place.folder->entries[place.name] = std::move(node);
  } else {
    place.folder->name_changes.push_back({place.name, {}, nullptr});
    place.folder->entries.erase(place.name);
  }
}

void Disk::rename(std::string_view from, std::string_view to) {
  const Place source = place_of(from);
  const Place target = place_of(to);
  if (source.folder != target.folder) FAIL("a rename into another folder: " << from);
  const auto node = source.folder->entries.extract(source.name);
  if (node.empty()) FAIL("a rename of nothing: " << from);
  source.folder->name_changes.push_back({source.name, target.name, node.mapped()});
  target.folder->entries[target.name] = node.mapped();
}

void Disk::apply(std::string& content, const Change& change) {
  if (change.truncates) {
    content.resize(change.offset);
  } else {
    content.resize(std::max<std::size_t>(content.size(), change.offset + change.bytes.size()));
    content.replace(change.offset, change.bytes.size(), change.bytes);
  }
}

// Writes are kept by page, so that each page has its own history.
void Disk::change(Node& file, Change change) {
  std::string after = file.content;
  apply(after, change);
  if (after == file.content) return;
  file.content = std::move(after);
  if (change.truncates) {
    file.changes.push_back(std::move(change));
    return;
  }
  for (std::size_t at = 0; at < change.bytes.size();) {
    const std::uint64_t offset = change.offset + at;
    const std::size_t size =
        std::min<std::size_t>(kPage - offset % kPage, change.bytes.size() - at);
    file.changes.push_back({false, offset, change.bytes.substr(at, size)});
    at += size;
  }
}

std::string Disk::left_of(const Node& file, double kept, std::mt19937_64& random) {
  std::string content = file.durable;
  std::uint64_t full_size = content.size();
  std::map<std::uint64_t, bool> is_stale;  // pages of which a change was lost: no later one counts
  for (const Change& change : file.changes) {
    if (change.truncates) {
      // A lost truncation takes all that came after it along.
      if (!is_lucky(kept, random)) break;
      std::erase_if(is_stale,
                    [&](const auto& page) { return page.first * kPage >= change.offset; });
      full_size = change.offset;
      apply(content, change);
      continue;
    }
    full_size = std::max<std::uint64_t>(full_size, change.offset + change.bytes.size());
    bool& stale = is_stale[change.offset / kPage];
    stale = stale || !is_lucky(kept, random);
    if (!stale) apply(content, change);
  }
  if (is_lucky(kept / 4, random)) content.resize(std::max(content.size(), full_size));
  return content;
}

void Disk::lay_out(const Node& folder, const std::filesystem::path& path, double kept,
                   std::mt19937_64& random) {
  Entries left = folder.durable_entries;
  for (const NameChange& change : folder.name_changes) {
    if (!is_lucky(kept, random)) continue;
    if (!change.removed.empty()) left.erase(change.removed);
    if (!change.added.empty()) left[change.added] = change.node;
  }
  for (const auto& [name, node] : left) {
    if (node->is_folder) {
      std::filesystem::create_directory(path / name);
      lay_out(*node, path / name, kept, random);
    } else {
      REQUIRE_OK(write_file(path / name, left_of(*node, kept, random), 0600));
    }
  }
}

void Disk::cut(double kept, std::mt19937_64& random) const {
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    std::filesystem::remove_all(entry.path());
  }
  lay_out(*root_, folder_, kept, random);
}

}  // namespace kw::crash
