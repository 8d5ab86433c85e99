#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "types/chunk_view.h"
#include "types/column_batch.h"

namespace rivulet {

// A batch as chunks of rows without times and sequences, which refer to the batch's memory.
class BatchChunks {
 public:
  // `column_ids[i]` is the id of the batch's column i.
  BatchChunks(std::vector<uint32_t> column_ids, std::shared_ptr<const ColumnBatch> batch);
  BatchChunks(const BatchChunks&) = delete;
  BatchChunks& operator=(const BatchChunks&) = delete;

  const std::vector<ChunkView>& views() const { return views_; }

 private:
  std::vector<uint32_t> column_ids_;
  std::shared_ptr<const ColumnBatch> batch_;
  std::vector<std::vector<ColumnView>> columns_;
  std::vector<ChunkView> views_;
};

}  // namespace rivulet
