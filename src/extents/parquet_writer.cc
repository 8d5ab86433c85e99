#include "extents/parquet_writer.h"

#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

#include "duckdb/logical_type.h"
#include "duckdb/sql_text.h"
#include "extents/column_statistics.h"
#include "extents/duckdb_engine.h"
#include "extents/extent.h"
#include "types/column.h"

namespace rivulet::extents {
namespace {

// What the table function of one COPY reads; its address travels through the SQL.
struct Source {
  std::span<const ParquetColumn> columns;
  RowSource& rows;
  std::exception_ptr error;
};

void add_column(duckdb_bind_info info, const std::string& name, ScalarType scalar_type) {
  duckdb_bind_add_result_column(info, name.c_str(), duckdb::logical_type(scalar_type).get());
}

void bind_rows(duckdb_bind_info info) {
  duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
  auto* source = reinterpret_cast<Source*>(duckdb_get_int64(parameter));
  duckdb_destroy_value(&parameter);
  for (const ParquetColumn& column : source->columns) {
    add_column(info, fmt::format("c{}", column.id), column.type);
  }
  if (source->rows.has_system_columns()) {
    add_column(info, "sys_time", ScalarType::kLong);
    add_column(info, "sys_seq", ScalarType::kLong);
  }
  duckdb_bind_set_bind_data(info, source, nullptr);
}

void init_rows(duckdb_init_info info) {
  duckdb_init_set_max_threads(info, 1);
}

void fill_vector(duckdb_vector vector, ScalarType type, const ColumnView* column, uint32_t rows) {
  size_t bytes = rows * cell_size(type);
  if (column != nullptr) {
    std::memcpy(duckdb_vector_get_data(vector), column->cells, bytes);
    if (column->validity == nullptr || type == ScalarType::kString) return;
    duckdb_vector_ensure_validity_writable(vector);
    std::memcpy(duckdb_vector_get_validity(vector), column->validity,
                (rows + 63) / 64 * sizeof(uint64_t));
    return;
  }
  std::memset(duckdb_vector_get_data(vector), 0, bytes);
  if (type == ScalarType::kString) return;
  duckdb_vector_ensure_validity_writable(vector);
  std::memset(duckdb_vector_get_validity(vector), 0, (rows + 63) / 64 * sizeof(uint64_t));
}

void fill_rows(duckdb_function_info info, duckdb_data_chunk output) {
  auto* source = static_cast<Source*>(duckdb_function_get_bind_data(info));
  const ChunkView* chunk = nullptr;
  try {
    chunk = source->rows.next();
  } catch (...) {
    source->error = std::current_exception();
    duckdb_function_set_error(info, "the rows could not be read");
  }
  if (chunk == nullptr) {
    duckdb_data_chunk_set_size(output, 0);
    return;
  }
  idx_t index = 0;
  for (const ParquetColumn& column : source->columns) {
    fill_vector(duckdb_data_chunk_get_vector(output, index++), column.type,
                find_column(*chunk, column.id), chunk->row_count);
  }
  for (const int64_t* cells : {chunk->ingestion_times, chunk->sequences}) {
    if (cells == nullptr) continue;
    ColumnView column{ScalarType::kLong, cells, nullptr};
    fill_vector(duckdb_data_chunk_get_vector(output, index++), ScalarType::kLong, &column,
                chunk->row_count);
  }
  duckdb_data_chunk_set_size(output, chunk->row_count);
}

}  // namespace

struct ParquetWriter::Engine : DuckDbEngine {
  explicit Engine(uint64_t memory_bytes) : DuckDbEngine(memory_bytes) {
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_table_function_set_name(function, "rivulet_rows");
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    duckdb_table_function_add_parameter(function, type);
    duckdb_destroy_logical_type(&type);
    duckdb_table_function_set_bind(function, bind_rows);
    duckdb_table_function_set_init(function, init_rows);
    duckdb_table_function_set_function(function, fill_rows);
    duckdb_state registered = duckdb_register_table_function(connection, function);
    duckdb_destroy_table_function(&function);
    if (registered == DuckDBError) throw std::runtime_error("DuckDB took no table function");
  }
  ~Engine() { duckdb_destroy_result(&result); }

  // The engine's words where it failed; its answer is `result` until the next call.
  std::string run(const std::string& sql) {
    duckdb_destroy_result(&result);
    if (duckdb_query(connection, sql.c_str(), &result) == DuckDBSuccess) return "";
    const char* message = duckdb_result_error(&result);
    return message == nullptr ? "unknown error" : message;
  }

  duckdb_result result{};
};

ParquetWriter::ParquetWriter(uint64_t memory_bytes) : memory_bytes_(memory_bytes) {}
ParquetWriter::~ParquetWriter() = default;

std::vector<ExtentLayout::Pages> ParquetWriter::write(const std::filesystem::path& path,
                                                      std::span<const ParquetColumn> columns,
                                                      RowSource& rows,
                                                      std::span<const catalog::SortColumn> order) {
  std::lock_guard lock(mutex_);
  if (!engine_) engine_ = std::make_unique<Engine>(memory_bytes_);
  Source source{columns, rows, nullptr};
  std::string field_ids;
  for (const ParquetColumn& column : columns) {
    fmt::format_to(std::back_inserter(field_ids), "c{0}: {0}, ", column.id);
  }
  if (rows.has_system_columns()) {
    fmt::format_to(std::back_inserter(field_ids), "sys_time: {}, sys_seq: {}", kTimeColumn,
                   kSequenceColumn);
  }
  std::string sorted;
  for (const catalog::SortColumn& column : order) {
    fmt::format_to(std::back_inserter(sorted), "{}c{} {}", sorted.empty() ? " ORDER BY " : ", ",
                   column.column_id, column.is_descending ? "DESC NULLS LAST" : "ASC NULLS FIRST");
  }
  std::string sql = fmt::format(
      "COPY (SELECT * FROM rivulet_rows({}){}) TO {} (FORMAT parquet, COMPRESSION zstd, "
      "PARQUET_VERSION V2, FIELD_IDS {{{}}})",
      reinterpret_cast<int64_t>(&source), sorted, duckdb::string_literal(path.string()), field_ids);
  std::string error = engine_->run(sql);
  if (source.error) std::rethrow_exception(source.error);
  if (error.empty()) {
    // A file without rows has none.
    error = engine_->run(fmt::format(
        "SELECT column_id, coalesce(nullif(dictionary_page_offset, 0), data_page_offset), "
        "total_compressed_size FROM parquet_metadata({}) ORDER BY column_id, row_group_id",
        duckdb::string_literal(path.string())));
  }
  if (!error.empty()) throw_engine_error(path, "write", error);
  std::vector<ExtentLayout::Pages> pages(duckdb_row_count(&engine_->result));
  for (idx_t i = 0; i < pages.size(); ++i) {
    auto column = static_cast<size_t>(duckdb_value_int64(&engine_->result, 0, i));
    pages[i].column_id = column < columns.size()    ? columns[column].id
                         : column == columns.size() ? kTimeColumn
                                                    : kSequenceColumn;
    pages[i].first = static_cast<uint64_t>(duckdb_value_int64(&engine_->result, 1, i));
    pages[i].end =
        pages[i].first + static_cast<uint64_t>(duckdb_value_int64(&engine_->result, 2, i));
  }
  return pages;
}

}  // namespace rivulet::extents
