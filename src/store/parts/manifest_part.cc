#include "store/parts/manifest_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <unordered_set>

namespace rivulet::store {

void ManifestPart::check(const Turn& turn) {
  const Transaction& transaction = turn.transaction;
  // The committer begins a group with such a transaction, so that what is published is all there is.
  if (!std::ranges::all_of(transaction.if_empty, [&](auto table) { return is_empty(table); })) {
    throw TableNotEmpty();
  }
  std::set<Guid> removed;  // by this transaction
  for (const Replace& replace : transaction.replace) {
    if (!is_current(replace, transaction)) throw ReplaceOutdated();
    for (const Guid& extent : replace.removed) {
      if (!removed.insert(extent).second) throw ReplaceOutdated();
    }
    check_tags(replace);
  }
}

bool ManifestPart::is_current(const Replace& replace, const Transaction& transaction) const {
  if (catalog_.find_checked_table(replace.table) == nullptr) return false;
  bool cuts = replace.up_to > 0;
  if (!cuts && replace.removed.empty()) return true;
  const auto& clear = transaction.clear;
  if (staged_.cleared.contains(replace.table) ||
      std::find(clear.begin(), clear.end(), replace.table) != clear.end() ||
      (cuts && staged_.cut.contains(replace.table)) ||
      std::ranges::any_of(replace.removed,
                          [&](const Guid& extent) { return staged_.removed.contains(extent); })) {
    return false;
  }
  // A cut that would have to read is not for the committer's thread: it was made for the tail as it was before
  // a checkpoint, and is tried again.
  bool is_tail_current =
      !cuts || tails_.rows().can_cut(replace.table, replace.first_sequence, replace.up_to);
  return is_tail_current && manifest_.contains(replace.table, replace.removed);
}

void ManifestPart::check_tags(const Replace& replace) const {
  const auto& tags = replace.unless_tags;
  bool is_staged = std::any_of(tags.begin(), tags.end(), [&](const std::string& tag) {
    return staged_.tags.contains({replace.table, tag});
  });
  // What a transaction of the group before this one takes away does not count.
  bool is_cleared = staged_.cleared.contains(replace.table);
  if (is_staged || (!is_cleared && has_tag(replace.table, tags))) throw TagExists();
}

bool ManifestPart::has_tag(catalog::TableId table, const std::vector<std::string>& tags) const {
  auto extents = manifest_.view(table);
  std::unordered_set<std::string_view> wanted(tags.begin(), tags.end());
  auto is_wanted = [&wanted](const std::string& tag) { return wanted.contains(tag); };
  return extents && !wanted.empty() &&
         std::any_of(extents->begin(), extents->end(), [&](const auto& extent) {
           return !staged_.removed.contains(extent->id) &&
                  std::any_of(extent->tags.begin(), extent->tags.end(), is_wanted);
         });
}

bool ManifestPart::is_empty(catalog::TableId table) const {
  auto extents = manifest_.view(table);
  return tails_.rows().first_sequence(table) == 0 && (!extents || extents->empty());
}

void ManifestPart::stage(const Turn& turn, std::string& record) {
  const Transaction& transaction = turn.transaction;
  if (!transaction.clear.empty()) {
    staged_.cleared.insert(transaction.clear.begin(), transaction.clear.end());
    std::erase_if(staged_.tags, [&](const auto& tag) {
      return std::ranges::find(transaction.clear, tag.first) != transaction.clear.end();
    });
  }
  for (const Replace& replace : transaction.replace) {
    encode_replace(replace, turn.time, record);
    staged_.removed.insert(replace.removed.begin(), replace.removed.end());
    if (replace.up_to > 0) staged_.cut.insert(replace.table);
    for (const auto& extent : replace.added) {
      for (const std::string& tag : extent->tags) staged_.tags.emplace(replace.table, tag);
    }
  }
}

void ManifestPart::encode_replace(const Replace& replace, Ticks time, std::string& record) const {
  ByteWriter writer(record);
  // The rows of the tail that go are its first.
  bool is_cut_at_start = tails_.rows().first_sequence(replace.table) == replace.first_sequence;
  if (replace.up_to > 0 && !is_cut_at_start) {
    put_kind(record, kCut);
    writer.varint(replace.table);
    writer.varint(replace.first_sequence);
    writer.varint(replace.up_to);
  }
  put_kind(record, kReplace);
  writer.varint(replace.table);
  writer.varint(is_cut_at_start ? replace.up_to : 0);
  writer.varint(replace.removed.size());
  for (const Guid& extent : replace.removed) {
    writer.fixed(extent.hi);
    writer.fixed(extent.lo);
  }
  writer.varint(replace.added.size());
  for (const auto& draft : replace.added) {
    std::string bytes;
    if (draft->has_system_columns) {
      extents::encode_extent(bytes, *draft);
    } else {
      // Its rows are of this record, the sequence of which is not known yet.
      extents::ExtentDescription extent = *draft;
      extent.min_time = extent.max_time = time;
      if (extent.max_created == 0) extent.min_created = extent.max_created = time;
      extents::encode_extent(bytes, extent);
    }
    writer.string(bytes);
  }
}

void ManifestPart::apply(ItemKind kind, ByteReader& item, const RecordPlace& place) {
  catalog::TableId table = catalog_.existing_table(item.varint()).id;
  if (kind == kCut) {
    Sequence first = item.varint();
    tails_.cut(table, first, item.varint());
    return;
  }
  is_restructured_ = true;
  Sequence up_to = item.varint();
  std::vector<Guid> removed;
  for (uint64_t count = item.varint(); count > 0; --count) {
    Guid& extent = removed.emplace_back();
    extent.hi = item.fixed<uint64_t>();
    extent.lo = item.fixed<uint64_t>();
  }
  if (!manifest_.remove(table, removed)) {
    throw std::runtime_error(fmt::format("table {} lacks an extent to remove", table));
  }
  for (uint64_t count = item.varint(); count > 0; --count) {
    extents::ExtentDescription extent = extents::decode_extent(item.string());
    if (extent.is_of_its_record()) extent.min_sequence = extent.max_sequence = place.sequence;
    auto adopted = files_.adopt(std::move(extent));
    clock_.bound_age(*adopted);
    manifest_.add(table, std::move(adopted));
  }
  if (up_to > 0) tails_.cut(table, 0, up_to);
}

void ManifestPart::clear_table(catalog::TableId table) {
  is_restructured_ = true;
  manifest_.clear(table);
}

bool ManifestPart::publish() {
  manifest_.publish(old_);
  return std::exchange(is_restructured_, false);
}

Part::Save ManifestPart::freeze(Sequence /*sequence*/) const {
  std::vector<std::pair<catalog::TableId, std::shared_ptr<const extents::ExtentList>>> lists;
  manifest_.for_each(
      [&](catalog::TableId table, const auto& list) { lists.emplace_back(table, list); });
  return [lists = std::move(lists)](rowstore::BlockFileWriter& file) {
    BlockGatherer blocks(file, rowstore::BlockKind::kExtents);
    std::string encoded;
    for (const auto& [table, list] : lists) {
      for (const auto& extent : *list) {
        encoded.clear();
        extents::encode_extent(encoded, *extent);
        ByteWriter writer(blocks.content());
        writer.varint(table);
        writer.string(encoded);
        blocks.end_item();
      }
    }
    blocks.flush();
  };
}

void ManifestPart::load(rowstore::BlockKind /*kind*/, std::string_view content) {
  ByteReader reader(content);
  while (!reader.at_end()) {
    catalog::TableId table = catalog_.existing_table(reader.varint()).id;
    manifest_.add(table, files_.adopt(extents::decode_extent(reader.string())));
  }
}

}  // namespace rivulet::store
