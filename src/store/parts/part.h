#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "common/binary.h"
#include "common/clock.h"
#include "common/guid.h"
#include "rowstore/block_file.h"
#include "store/store.h"

namespace rivulet::store {

// Where a record stands, and when its transaction was committed.
struct RecordPlace {
  Sequence sequence = 0;
  Ticks time = 0;
};

// A transaction whose turn it is. Its place in the log is not known before it is there.
struct Turn {
  const Transaction& transaction;
  Ticks time = 0;     // of the commit
  size_t record = 0;  // its number among the records that were staged since Part::begin_group
};

// The items of a transaction that are encoded on its caller's thread.
class BodyWriter {
 public:
  BodyWriter(std::string& bytes, uint64_t limit) : bytes_(bytes), limit_(limit) {}

  std::string& bytes() { return bytes_; }
  // Throws payload_too_large when there are more bytes than the limit.
  void end_item() const;

 private:
  std::string& bytes_;
  const uint64_t limit_;
};

// One kind of durable thing: what transactions do to it, the items of records that say so, its state, and its blocks
// in a base. The log's records, applied one after the other, are the only way in which its state changes; a commit
// and a replay of the log do the same with the same bytes. State has the list of all parts, and nothing else knows
// which there are: a new one is a class like this and its line there.
//
// A part has up to three states: what is *published*, which readers see, under the one lock of State; what is
// *applied*, and published with the rest of its group; and what is *staged* by transactions of the group that are on
// their way to the log. Unless said otherwise, functions are called by the one writer: recovery, then the committer.
class Part {
 public:
  virtual ~Part() = default;

  // The items and blocks that are this part's, and no other's.
  virtual std::vector<ItemKind> item_kinds() const = 0;
  virtual std::vector<rowstore::BlockKind> block_kinds() const = 0;

  // ---- A commit: on the caller's thread, then in its turn.

  // Appends the items that depend on nothing but the transaction. Any thread. Throws what refuses the transaction.
  virtual void encode(const Transaction& /*transaction*/, BodyWriter& /*body*/) const {}
  // A group begins, and none is under way: what was staged before is published, or never will be. Where the log takes
  // several groups at once, those that only append rows, with keys and progress, follow each other without a call
  // in between, so that some of what these stage may be published already.
  virtual void begin_group() {}
  // Throws what refuses the transaction, looking at what is applied and staged, and has then changed nothing. The parts
  // before this one have checked it.
  virtual void check(const Turn& /*turn*/) {}
  // After all parts have checked it: stages it, and appends the items that encode() did not. Refuses nothing.
  virtual void stage(const Turn& /*turn*/, std::string& /*record*/) {}

  // ---- A record: of a commit, when it is durable, or of a replay.

  // Takes one item, behind its kind, from the reader and carries it out. Throws std::runtime_error when it cannot be
  // carried out, which is damage.
  virtual void apply(ItemKind kind, ByteReader& item, const RecordPlace& place) = 0;
  // What items of another part bring with them: a table loses all its rows, and may be gone; an owner of progress is
  // not in the catalog any more; the clock went back to this time.
  virtual void clear_table(catalog::TableId /*table*/) {}
  virtual void drop_owner(const Guid& /*owner*/) {}
  virtual void set_back(Ticks /*time*/) {}
  // Makes visible what was applied; the caller holds the lock. True when something else than new rows came: a reader
  // who looks at one table after the other, letting go of the lock between them, then has to begin again.
  virtual bool publish() = 0;
  // After that, without the lock: frees what nobody uses any more.
  virtual void free_garbage() {}

  // ---- A base.

  // Writes blocks, on any thread, without the lock.
  using Save = std::function<void(rowstore::BlockFileWriter& file)>;
  // Takes what is published, as it is after `sequence`, to be saved later. The caller holds the lock, so it must be
  // quick. Null when there is nothing to save.
  virtual Save freeze(Sequence sequence) const = 0;
  // Takes a block of a base. What came in blocks of the parts before it is there. Throws std::runtime_error on damage.
  virtual void load(rowstore::BlockKind kind, std::string_view content) = 0;
};

// Gathers small items of one kind into blocks of a base.
class BlockGatherer {
 public:
  BlockGatherer(rowstore::BlockFileWriter& file, rowstore::BlockKind kind)
      : file_(file), kind_(kind) {}

  std::string& content() { return content_; }
  // After each item.
  void end_item();
  // After the last.
  void flush();

 private:
  rowstore::BlockFileWriter& file_;
  const rowstore::BlockKind kind_;
  std::string content_;
};

// Appends the kind of an item.
inline void put_kind(std::string& out, ItemKind kind) {
  out.push_back(static_cast<char>(kind));
}

}  // namespace rivulet::store
