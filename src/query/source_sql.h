#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kql/kql.h"
#include "query/scan.h"
#include "store/store.h"
#include "types/batch_chunks.h"

namespace rivulet::query {

// A ResultTable as row chunks, so that it is scanned like a table's tail.
class InputChunks {
 public:
  explicit InputChunks(std::shared_ptr<const ResultTable> table);
  const std::vector<store::ChunkView>& chunks() const { return chunks_.views(); }
  uint64_t row_count() const { return table_->rows.row_count(); }
  ScalarType type(uint32_t column) const { return table_->columns.at(column).type; }

 private:
  std::shared_ptr<const ResultTable> table_;
  BatchChunks chunks_;
};

// A statement with its sources in place.
struct ComposedStatement {
  std::string with;  // "WITH s0 AS …", to stand before the statement's SQL; empty without sources
  std::shared_ptr<const ScanSources> sources;
  uint64_t row_count = 0;  // of all that the sources will read, before SQL filters
  uint64_t extents_total = 0;
  // The extents that the SQL reads, with the ids of the columns, and the files that they are read from.
  struct Read {
    std::shared_ptr<const store::ExtentView> extent;
    std::shared_ptr<const std::vector<uint32_t>> columns;
  };
  std::vector<Read> extents;
  std::vector<objects::LocalCopy> copies;
};

// Defines the statement's sources: the tail by rv_scan, the extents that can hold a match
// by read_parquet. `registration` is the number that the sources will be registered under, `input` what a
// kInput source reads.
ComposedStatement compose(const kql::BoundStatement& statement, const store::Snapshot& snapshot,
                          const std::shared_ptr<const InputChunks>& input, uint64_t registration);

// Whether the extent may hold a row that meets all the bounds and the conditions on terms.
bool may_match(const store::ExtentView& extent, const std::vector<kql::ColumnBound>& bounds,
               const std::vector<kql::TermCondition>& terms = {});

}  // namespace rivulet::query
