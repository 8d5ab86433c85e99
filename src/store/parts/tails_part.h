#pragma once

#include <memory>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rowstore/batch_codec.h"
#include "rowstore/row_files.h"
#include "rowstore/row_store.h"
#include "store/parts/catalog_part.h"
#include "store/parts/part.h"

namespace rivulet::store {

// The recent rows of all tables: Transaction::appends. Its RowStore has the lock under which everything is published.
class TailsPart final : public Part {
 public:
  static constexpr ItemKind kAppend{3};

  using RowFilePtr = std::shared_ptr<const rowstore::RowFile>;
  // By table id.
  using Tails = std::vector<std::pair<catalog::TableId, rowstore::TailView>>;

  TailsPart(const CatalogPart& catalog, rowstore::RowFiles& row_files,
            const rowstore::SealThresholds& thresholds)
      : catalog_(catalog), row_files_(row_files), rows_(thresholds) {}

  const rowstore::RowStore& rows() const { return rows_; }
  // Rows of the sequences from `first` to `last` go.
  void cut(catalog::TableId table, Sequence first, Sequence last);
  // What a checkpoint did to the tail of a table: no reader sees a difference. See rowstore::RowStore.
  void spill(catalog::TableId table, rowstore::RunList runs, Sequence up_to);
  void replace_runs(catalog::TableId table, std::span<const rowstore::Run> replaced,
                    rowstore::RunList runs);
  // Adds the tails that got worth sealing with the last publication to `events`.
  void take_events(std::vector<rowstore::TailEvent>& events);

  std::vector<ItemKind> item_kinds() const override { return {kAppend}; }
  std::vector<rowstore::BlockKind> block_kinds() const override {
    return {rowstore::BlockKind::kNumberedRowFiles, rowstore::BlockKind::kNamedRowFiles,
            rowstore::BlockKind::kRuns};
  }
  void encode(const Transaction& transaction, BodyWriter& body) const override;
  void check(const Turn& turn) override;
  void apply(ItemKind kind, ByteReader& item, const RecordPlace& place) override;
  void clear_table(catalog::TableId table) override;
  bool publish() override;
  void free_garbage() override { old_.clear(); }
  // A base has the tails as they are after their chunks went to a row file, which takes its time: see save().
  Save freeze(Sequence /*sequence*/) const override { return nullptr; }
  void load(rowstore::BlockKind kind, std::string_view content) override;

  // The tails, which have no chunks, and the row files of their runs.
  static void save(rowstore::BlockFileWriter& file, const Tails& tails,
                   const std::set<RowFilePtr>& row_files);
  // The row files that the base named that was loaded: whoever takes them keeps them on the disk.
  std::set<RowFilePtr> take_loaded_files();

 private:
  const CatalogPart& catalog_;
  rowstore::RowFiles& row_files_;
  rowstore::RowStore rows_;
  rowstore::BatchDecoder decoder_;
  bool is_restructured_ = false;  // something else than new rows was applied
  std::vector<rowstore::TailEvent> events_;
  std::vector<rowstore::TailView> old_;
  std::unordered_map<uint64_t, RowFilePtr> loaded_files_;  // by number in the base
};

// Whether it has rows.
bool has_rows(const Append& append);

}  // namespace rivulet::store
