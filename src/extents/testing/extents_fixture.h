#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "common/testing/temporary_directory.h"
#include "extents/extent_files.h"
#include "objects/directory_objects.h"
#include "types/chunk_view.h"
#include "types/column.h"

namespace rivulet::extents::testing {

// Rows as chunks, with times and sequences that go up.
class Chunks {
 public:
  explicit Chunks(const std::vector<ScalarType>& types) {
    for (ScalarType type : types) {
      columns_.emplace_back(type);
      ids_.push_back(static_cast<uint32_t>(ids_.size() + 1));
    }
  }
  Column& column(size_t i) { return columns_[i]; }
  const std::vector<uint32_t>& ids() const { return ids_; }

  std::vector<ChunkView> views() {
    size_t rows = columns_[0].size();
    times_.clear();
    sequences_.clear();
    for (size_t row = 0; row < rows; ++row) {
      times_.push_back(static_cast<int64_t>(1000 + row / 10));
      sequences_.push_back(static_cast<int64_t>(1 + row / 10));
    }
    views_.clear();
    for (const Column& column : columns_) views_.push_back(column.view());
    return {{static_cast<uint32_t>(rows), ids_, views_, times_.data(), sequences_.data()}};
  }

 private:
  std::vector<Column> columns_;
  std::vector<uint32_t> ids_;
  std::vector<ColumnView> views_;
  std::vector<int64_t> times_, sequences_;
};

catalog::Table table_of(const std::vector<ScalarType>& types);

// Answers of a query of the engine, as text; "NULL" for null.
std::vector<std::vector<std::string>> query(const std::string& sql);

class ExtentsTest : public ::testing::Test {
 protected:
  // Where the extent's file is.
  static std::string path_of(const ExtentView& extent) { return extent.local_copy()->string(); }

  TemporaryDirectory directory_;
  objects::DirectoryObjects objects_{posix_file_system(), directory_.path() / "it's data"};
  ExtentFiles files_{objects_};
};

}  // namespace rivulet::extents::testing
