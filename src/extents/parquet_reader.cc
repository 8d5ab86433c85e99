#include "extents/parquet_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "duckdb/sql_text.h"
#include "extents/duckdb_engine.h"

namespace rivulet::extents {

struct ParquetReader::Engine : DuckDbEngine {
  duckdb_prepared_statement statement = nullptr;
  duckdb_result result{};
  bool is_open = false;
  duckdb_data_chunk chunk = nullptr;

  explicit Engine(uint64_t memory_bytes) : DuckDbEngine(memory_bytes) {}
  ~Engine() { close(); }

  void open(const std::filesystem::path& path, const std::string& sql) {
    if (duckdb_prepare(connection, sql.c_str(), &statement) == DuckDBError) {
      std::string message = duckdb_prepare_error(statement);
      duckdb_destroy_prepare(&statement);
      throw_engine_error(path, "read", message);
    }
    duckdb_pending_result pending = nullptr;
    duckdb_state state = duckdb_pending_prepared_streaming(statement, &pending);
    if (state != DuckDBError) state = duckdb_execute_pending(pending, &result);
    is_open = state != DuckDBError;
    std::string message;
    if (!is_open) {
      const char* error = duckdb_pending_error(pending);
      message = error == nullptr ? "unknown error" : error;
    }
    duckdb_destroy_pending(&pending);
    if (!is_open) throw_engine_error(path, "read", message);
  }
  void close() {
    duckdb_destroy_data_chunk(&chunk);
    if (is_open) duckdb_destroy_result(&result);
    is_open = false;
    duckdb_destroy_prepare(&statement);
  }
};

ParquetReader::ParquetReader(std::span<const ExtentRows> extents,
                             std::span<const ParquetColumn> columns, uint64_t memory_bytes,
                             const std::atomic<bool>& is_stopped)
    : extents_(extents),
      columns_(columns),
      is_stopped_(is_stopped),
      engine_(std::make_unique<Engine>(memory_bytes)) {
  for (const ParquetColumn& column : columns) column_ids_.push_back(column.id);
}

ParquetReader::~ParquetReader() = default;

std::string ParquetReader::select(const ExtentRows& rows) const {
  const ExtentView& extent = *rows.extent;
  std::string sql = "SELECT ";
  for (const ParquetColumn& column : columns_) {
    const auto& present = extent.column_ids;
    std::optional<uint32_t> id = column.id;
    if (rows.sources) {
      auto found = rows.sources->find(column.id);
      id = found == rows.sources->end() ? std::nullopt : std::optional(found->second);
    }
    if (id && std::find(present.begin(), present.end(), *id) != present.end()) {
      sql += fmt::format("c{}, ", *id);
    } else if (column.type == ScalarType::kString) {
      sql += "'', ";
    } else {
      sql += fmt::format("NULL::{}, ", duckdb::sql_type(column.type));
    }
  }
  sql += extent.has_system_columns
             ? "sys_time, sys_seq"
             : fmt::format("{}::BIGINT, {}::BIGINT", extent.min_time, extent.min_sequence);
  sql += fmt::format(
      ", file_row_number FROM read_parquet({}, hive_partitioning = false, file_row_number = true)",
      duckdb::string_literal(copy_->string()));
  return sql;
}

bool ParquetReader::open_next() {
  if (next_extent_ == extents_.size()) return false;
  const ExtentRows& rows = extents_[next_extent_++];
  copy_ = rows.extent->local_copy();
  engine_->open(*copy_, select(rows));
  return true;
}

void ParquetReader::drop_deleted() {
  const std::vector<int64_t>& deleted = extents_[next_extent_ - 1].deleted;
  const auto* numbers = static_cast<const int64_t*>(
      duckdb_vector_get_data(duckdb_data_chunk_get_vector(engine_->chunk, columns_.size() + 2)));
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < chunk_.row_count; ++row) {
    if (!std::binary_search(deleted.begin(), deleted.end(), numbers[row])) rows.push_back(row);
  }
  if (rows.size() == chunk_.row_count) return;
  std::vector<ColumnView> sources = views_;
  sources.push_back({ScalarType::kLong, chunk_.ingestion_times, nullptr});
  sources.push_back({ScalarType::kLong, chunk_.sequences, nullptr});
  kept_.clear();
  for (const ColumnView& source : sources) {
    Column& column = kept_.emplace_back(source.type);
    for (uint32_t row : rows) column.append_from(source, row, 1);
  }
  for (size_t i = 0; i < views_.size(); ++i) views_[i] = kept_[i].view();
  chunk_.row_count = static_cast<uint32_t>(rows.size());
  chunk_.ingestion_times = static_cast<const int64_t*>(kept_[views_.size()].view().cells);
  chunk_.sequences = static_cast<const int64_t*>(kept_[views_.size() + 1].view().cells);
}

const ChunkView* ParquetReader::next() {
  for (;;) {
    if (is_stopped_) throw std::runtime_error("the store is closing");
    if (!engine_->is_open && !open_next()) return nullptr;
    duckdb_destroy_data_chunk(&engine_->chunk);
    engine_->chunk = duckdb_fetch_chunk(engine_->result);
    if (engine_->chunk == nullptr) {
      const char* error = duckdb_result_error(&engine_->result);
      std::string message = error == nullptr ? "" : error;
      engine_->close();
      if (!message.empty()) {
        throw_engine_error(*copy_, "read", message);
      }
      continue;
    }
    chunk_ = {};
    chunk_.row_count = static_cast<uint32_t>(duckdb_data_chunk_get_size(engine_->chunk));
    if (chunk_.row_count == 0) continue;
    views_.clear();
    for (size_t i = 0; i < columns_.size(); ++i) {
      duckdb_vector vector = duckdb_data_chunk_get_vector(engine_->chunk, i);
      views_.push_back(
          {columns_[i].type, duckdb_vector_get_data(vector), duckdb_vector_get_validity(vector)});
    }
    auto system = [&](size_t i) {
      duckdb_vector vector = duckdb_data_chunk_get_vector(engine_->chunk, columns_.size() + i);
      return static_cast<const int64_t*>(duckdb_vector_get_data(vector));
    };
    chunk_.column_ids = column_ids_;
    chunk_.columns = views_;
    chunk_.ingestion_times = system(0);
    chunk_.sequences = system(1);
    if (!extents_[next_extent_ - 1].deleted.empty()) drop_deleted();
    if (chunk_.row_count > 0) return &chunk_;
  }
}

}  // namespace rivulet::extents
