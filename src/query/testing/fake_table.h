#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "extents/testing/fake_extent.h"
#include "store/store.h"
#include "types/column_batch.h"

// Tables and snapshots for tests of this room and those below it: rows are given as batches, whole.
namespace rivulet::query {

// One table: its rows stand in chunks of up to 2,048, as a row store would hold them.
class FakeTable : public store::TableSnapshot {
 public:
  explicit FakeTable(catalog::Table table) : table_(std::move(table)) {}

  const catalog::Table& table() const override { return table_; }
  const std::vector<std::shared_ptr<const store::StoredRun>>& runs() const override {
    return runs_;
  }
  const std::vector<store::ChunkView>& chunks() const override { return chunks_; }
  const std::vector<std::shared_ptr<const store::ExtentView>>& extents() const override {
    return extents_;
  }

  // Adds rows that have the columns `column_ids`, committed as `sequence` at `time`.
  void append(std::vector<uint32_t> column_ids, std::shared_ptr<const ColumnBatch> rows,
              int64_t sequence = 1, int64_t time = 0);
  void add_extent(extents::testing::FakeExtent extent) {
    extents_.push_back(std::make_shared<extents::testing::FakeExtent>(std::move(extent)));
  }

 private:
  struct Block {
    std::vector<uint32_t> column_ids;
    std::shared_ptr<const ColumnBatch> rows;
    std::vector<int64_t> times, sequences;
    std::vector<std::vector<ColumnView>> views;
  };

  catalog::Table table_;
  std::vector<std::unique_ptr<Block>> blocks_;
  std::vector<std::shared_ptr<const store::StoredRun>> runs_;
  std::vector<store::ChunkView> chunks_;
  std::vector<std::shared_ptr<const store::ExtentView>> extents_;
};

// Tables at a moment of the test's choice.
class FakeSnapshot : public store::Snapshot {
 public:
  explicit FakeSnapshot(store::Sequence sequence = 1,
                        std::shared_ptr<const catalog::Catalog> catalog = nullptr)
      : sequence_(sequence), catalog_(std::move(catalog)) {}

  void add(std::shared_ptr<const FakeTable> table) {
    tables_[table->table().id] = std::move(table);
  }
  const std::shared_ptr<const catalog::Catalog>& catalog() const override { return catalog_; }
  store::Sequence sequence() const override { return sequence_; }
  std::shared_ptr<const store::TableSnapshot> table(catalog::TableId id) const override {
    auto found = tables_.find(id);
    return found == tables_.end() ? nullptr : found->second;
  }

 private:
  store::Sequence sequence_;
  std::shared_ptr<const catalog::Catalog> catalog_;
  std::map<catalog::TableId, std::shared_ptr<const FakeTable>> tables_;
};

// A table of this schema; columns get the ids 1, 2, ….
catalog::Table make_table(catalog::TableId id, const std::string& name,
                          const std::vector<ResultColumn>& columns);

}  // namespace rivulet::query
