#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "catalog/catalog.h"
#include "rowstore/batch_codec.h"
#include "rowstore/row_store.h"
#include "store/store.h"
#include "store/transaction_codec.h"

namespace rivulet::store {

// Everything that the log's records fold into: the catalog, the tails, the manifest of extents. Recovery
// and then the committer change it, one record after the other, and publish; readers take snapshots of what
// is published.
class State {
 public:
  State();

  // ---- The writer: recovery, then the committer.

  // The newest catalog, with what is not published yet.
  const std::shared_ptr<const catalog::Catalog>& newest_catalog() const { return newest_catalog_; }
  // One catalog change; `after` is the catalog that it makes.
  void change(const catalog::Change& change, std::shared_ptr<const catalog::Catalog> after);
  void clear(catalog::TableId table);
  void append(const Append& append, Ticks time, Sequence sequence);
  // A record as the log gives it back. Throws std::runtime_error when it cannot be carried out.
  void replay(Sequence sequence, std::string_view payload);
  // Time of the newest transaction.
  Ticks newest_time() const { return newest_time_; }
  void set_newest_time(Ticks time) { newest_time_ = time; }
  // Makes all of that visible at once: everything up to `sequence`.
  void publish(Sequence sequence);

  // ---- Readers, any thread.

  std::shared_ptr<const catalog::Catalog> catalog() const;
  std::unique_ptr<Snapshot> snapshot(std::span<const catalog::TableId> tables) const;
  Sequence sequence() const;
  void fill(StoreStatistics& statistics) const;

 private:
  void drop_table(catalog::TableId table);

  rowstore::RowStore rows_;
  std::shared_ptr<const catalog::Catalog> newest_catalog_;
  Ticks newest_time_ = 0;
  rowstore::BatchDecoder decoder_;
  std::vector<ColumnView> columns_;
  std::vector<rowstore::TailView> garbage_;

  // Published, guarded by rows_.mutex().
  std::shared_ptr<const catalog::Catalog> catalog_;
  Sequence sequence_ = 0;
};

}  // namespace rivulet::store
