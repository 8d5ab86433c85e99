#include "store/parts/keys_part.h"

namespace rivulet::store {

std::optional<KeysPart::Earlier> KeysPart::find(const Hash128& name, Ticks now) const {
  if (auto committed = window_.find(name, now)) return Earlier{*committed, std::nullopt};
  auto found = staged_.find(name);
  return found == staged_.end() ? std::nullopt : std::optional(found->second);
}

void KeysPart::stage(const Turn& turn, std::string& record) {
  const std::optional<IdempotencyKey>& key = turn.transaction.key;
  if (!key) return;
  put_kind(record, kKey);
  ByteWriter writer(record);
  for (const Hash128& hash : {key->name, key->content}) {
    writer.fixed(hash.low);
    writer.fixed(hash.high);
  }
  staged_.emplace(key->name, Earlier{{key->content, 0, turn.time}, turn.record});
}

void KeysPart::apply(ItemKind kind, ByteReader& item, const RecordPlace& place) {
  auto read_hash = [&item] {
    Hash128 hash;
    hash.low = item.fixed<uint64_t>();
    hash.high = item.fixed<uint64_t>();
    return hash;
  };
  Hash128 name = read_hash();
  Hash128 content;
  if (kind == kKey) content = read_hash();
  window_.add(name, {content, place.sequence, place.time});
}

// Those that expired since need not be saved: so they are encoded when they are written, without the lock.
Part::Save KeysPart::freeze(Sequence sequence) const {
  return [this, sequence](rowstore::BlockFileWriter& file) {
    std::string keys;
    window_.encode(keys, sequence);
    if (!keys.empty()) file.put(rowstore::BlockKind::kKeys, 0, keys);
  };
}

void KeysPart::load(rowstore::BlockKind kind, std::string_view content) {
  window_.restore(content, kind == rowstore::BlockKind::kKeys);
}

}  // namespace rivulet::store
