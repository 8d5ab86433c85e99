#include "extents/parquet_writer.h"

#include <duckdb.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "common/file_system.h"
#include "extents/column_statistics.h"
#include "types/column.h"

namespace rivulet::extents {
namespace {

constexpr int kTimeFieldId = 2147483646;
constexpr int kSequenceFieldId = 2147483647;
constexpr const char* kMemoryLimit = "1GB";

// What the table function of one COPY reads; its address travels through the SQL.
struct Source {
  std::span<const ParquetColumn> columns;
  std::span<const ChunkView> chunks;
  size_t next = 0;

  bool has_system_columns() const { return chunks.front().sequences != nullptr; }
};

duckdb_logical_type logical_type(ScalarType type) {
  switch (type) {
    case ScalarType::kBool:
      return duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
    case ScalarType::kInt:
      return duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
    case ScalarType::kLong:
    case ScalarType::kDateTime:
    case ScalarType::kTimeSpan:
      return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
    case ScalarType::kReal:
      return duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
    case ScalarType::kDecimal:
      return duckdb_create_decimal_type(38, kDecimalScale);
    case ScalarType::kGuid:
      return duckdb_create_logical_type(DUCKDB_TYPE_UUID);
    case ScalarType::kString:
    case ScalarType::kDynamic:
      break;
  }
  return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
}

void add_column(duckdb_bind_info info, const std::string& name, ScalarType scalar_type) {
  duckdb_logical_type type = logical_type(scalar_type);
  duckdb_bind_add_result_column(info, name.c_str(), type);
  duckdb_destroy_logical_type(&type);
}

void bind_rows(duckdb_bind_info info) {
  duckdb_value parameter = duckdb_bind_get_parameter(info, 0);
  auto* source = reinterpret_cast<Source*>(duckdb_get_int64(parameter));
  duckdb_destroy_value(&parameter);
  for (const ParquetColumn& column : source->columns) {
    add_column(info, fmt::format("c{}", column.id), column.type);
  }
  if (source->has_system_columns()) {
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
  if (source->next == source->chunks.size()) {
    duckdb_data_chunk_set_size(output, 0);
    return;
  }
  const ChunkView& chunk = source->chunks[source->next++];
  idx_t index = 0;
  for (const ParquetColumn& column : source->columns) {
    fill_vector(duckdb_data_chunk_get_vector(output, index++), column.type,
                find_column(chunk, column.id), chunk.row_count);
  }
  for (const int64_t* cells : {chunk.ingestion_times, chunk.sequences}) {
    if (cells == nullptr) continue;
    ColumnView column{ScalarType::kLong, cells, nullptr};
    fill_vector(duckdb_data_chunk_get_vector(output, index++), ScalarType::kLong, &column,
                chunk.row_count);
  }
  duckdb_data_chunk_set_size(output, chunk.row_count);
}

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

}  // namespace

struct ParquetWriter::Engine {
  duckdb_database database = nullptr;
  duckdb_connection connection = nullptr;

  Engine() {
    duckdb_config config;
    if (duckdb_create_config(&config) == DuckDBError) throw std::bad_alloc();
    duckdb_set_config(config, "threads", "1");
    duckdb_set_config(config, "memory_limit", kMemoryLimit);
    duckdb_set_config(config, "autoinstall_known_extensions", "false");
    duckdb_set_config(config, "autoload_known_extensions", "false");
    char* error = nullptr;
    duckdb_state state = duckdb_open_ext(nullptr, &database, config, &error);
    duckdb_destroy_config(&config);
    if (state == DuckDBError) {
      std::string message = error;
      duckdb_free(error);
      throw std::runtime_error("DuckDB did not open: " + message);
    }
    if (duckdb_connect(database, &connection) == DuckDBError) {
      throw std::runtime_error("DuckDB gave no connection");
    }
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
  ~Engine() {
    duckdb_disconnect(&connection);
    duckdb_close(&database);
  }
};

ParquetWriter::ParquetWriter() = default;
ParquetWriter::~ParquetWriter() = default;

void ParquetWriter::write(const std::filesystem::path& path, std::span<const ParquetColumn> columns,
                          std::span<const ChunkView> chunks) {
  std::lock_guard lock(mutex_);
  if (!engine_) engine_ = std::make_unique<Engine>();
  Source source{columns, chunks};
  std::string field_ids;
  for (const ParquetColumn& column : columns) {
    fmt::format_to(std::back_inserter(field_ids), "c{0}: {0}, ", column.id);
  }
  if (source.has_system_columns()) {
    fmt::format_to(std::back_inserter(field_ids), "sys_time: {}, sys_seq: {}", kTimeFieldId,
                   kSequenceFieldId);
  }
  std::string sql = fmt::format(
      "COPY (SELECT * FROM rivulet_rows({})) TO {} (FORMAT parquet, COMPRESSION zstd, "
      "PARQUET_VERSION V2, FIELD_IDS {{{}}})",
      reinterpret_cast<int64_t>(&source), quoted(path.string()), field_ids);
  duckdb_result result;
  std::string error;
  if (duckdb_query(engine_->connection, sql.c_str(), &result) == DuckDBError) {
    const char* message = duckdb_result_error(&result);
    error = message == nullptr ? "unknown error" : message;
  }
  duckdb_destroy_result(&result);
  if (error.empty()) return;
  if (error.find(std::strerror(ENOSPC)) != std::string::npos) throw IoError(path, "write", ENOSPC);
  throw std::runtime_error(fmt::format("{} could not be written: {}", path.string(), error));
}

}  // namespace rivulet::extents
