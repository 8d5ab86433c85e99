#include "store/testing/store_fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "duckdb/api.h"

namespace rivulet::store::testing {

void wait_until(const std::function<bool()>& condition) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("what a test waits for does not come");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void damage(const std::filesystem::path& path, uint64_t offset) {
  auto file = posix_file_system().open(path, FileSystem::Mode::kReadWrite);
  std::byte byte{};
  if (file->read(offset, {&byte, 1}) != 1) throw std::runtime_error("the file is too short");
  byte ^= std::byte{0x20};
  file->write(offset, {&byte, 1});
}

uint64_t seed_count() {
  const char* text = std::getenv("RIVULET_FAULT_SEEDS");
  return text == nullptr ? 4 : std::strtoull(text, nullptr, 10);
}

StoreOptions small_options(const std::filesystem::path& directory) {
  StoreOptions options;
  options.directory = directory;
  options.log_segment_bytes = 64 << 10;
  return options;
}

std::shared_ptr<const catalog::Table> create_table(Store& store, std::string_view name,
                                                   const std::vector<NamedType>& columns) {
  Transaction transaction;
  transaction.alter = [&](const catalog::Catalog& catalog) -> std::vector<catalog::Change> {
    catalog::Table table;
    table.id = catalog.next_table_id();
    table.database_id = catalog.find_database("NetDefaultDB")->id;
    table.guid = new_guid();
    table.name = name;
    for (const NamedType& column : columns) {
      table.columns.edit().push_back({table.next_column_id++, column.name, column.type, ""});
    }
    return {catalog::PutTable{table}};
  };
  CommitResult result = store.commit(std::move(transaction));
  return result.catalog->find_database("NetDefaultDB")->find_table(name);
}

std::shared_ptr<const catalog::Table> create_table(Store& store, std::string_view name) {
  return create_table(store, name, {{"id", ScalarType::kLong}, {"text", ScalarType::kString}});
}

void drop_table(Store& store, catalog::TableId table) {
  Transaction transaction;
  transaction.alter = [table](const catalog::Catalog&) -> std::vector<catalog::Change> {
    return {catalog::DropTable{table}};
  };
  store.commit(std::move(transaction));
}

std::function<std::vector<catalog::Change>(const catalog::Catalog&)> put_connection(
    std::string name, const Guid& id) {
  return [name = std::move(name), id](const catalog::Catalog& catalog) {
    catalog::DatabaseId database = catalog.find_database("NetDefaultDB")->id;
    catalog::PutDataConnection put{database, {id, name, "kafka", "{}", true}};
    return std::vector<catalog::Change>{put};
  };
}

std::map<int32_t, int64_t> stored_offsets(const Store& store, const Guid& connection) {
  std::map<int32_t, int64_t> offsets;
  for (const Progress& offset : store.progress(connection)) {
    offsets[offset.partition] = offset.position;
  }
  return offsets;
}

std::string text_of(int64_t id) {
  switch (id % 4) {
    case 0:
      return "";
    case 1:
      return fmt::format("t{}", id);
    case 2:
      return fmt::format("a text of more than twelve bytes, {}", id);
    default:
      return std::string(static_cast<size_t>(id % 300), 'x') + std::to_string(id);
  }
}

Append make_rows(const catalog::Table& table, int64_t first, size_t count) {
  std::vector<ScalarType> types{ScalarType::kLong, ScalarType::kString};
  auto batch = std::make_shared<ColumnBatch>(types);
  for (size_t i = 0; i < count; ++i) {
    int64_t id = first + static_cast<int64_t>(i);
    batch->column(0).append(id);
    batch->column(1).append_text(text_of(id));
  }
  return {table.id, {table.columns[0].id, table.columns[1].id}, batch};
}

Transaction one_append(Append append) {
  Transaction transaction;
  transaction.appends.push_back(std::move(append));
  return transaction;
}

std::vector<Row> tail_rows(const TableSnapshot& table) {
  std::vector<Row> rows;
  uint32_t id_column = table.table().columns[0].id, text_column = table.table().columns[1].id;
  auto add = [&](const ChunkView& chunk) {
    auto find = [&chunk](uint32_t id) -> const ColumnView* {
      for (size_t i = 0; i < chunk.column_ids.size(); ++i) {
        if (chunk.column_ids[i] == id) return &chunk.columns[i];
      }
      return nullptr;
    };
    const ColumnView* ids = find(id_column);
    const ColumnView* texts = find(text_column);
    for (uint32_t row = 0; row < chunk.row_count; ++row) {
      rows.push_back({ids == nullptr ? 0 : ids->cell<int64_t>(row),
                      texts == nullptr ? "" : std::string(texts->text(row)),
                      static_cast<Sequence>(chunk.sequences[row]), chunk.ingestion_times[row]});
    }
  };
  for (const auto& run : table.runs()) {
    size_t before = rows.size();
    auto chunks = run->read();
    for (const ChunkView& chunk : *chunks) add(chunk);
    if (rows.size() - before != run->row_count()) throw std::runtime_error("a run miscounts");
  }
  for (const ChunkView& chunk : table.chunks()) add(chunk);
  return rows;
}

std::set<std::filesystem::path> files_of(const std::filesystem::path& folder) {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  return files;
}

std::vector<Row> extent_rows(const catalog::Table& table, const ExtentView& extent) {
  // One engine for the whole process: opening it costs more than most tests.
  static std::mutex mutex;
  static duckdb_connection connection = [] {
    duckdb_database database = nullptr;
    duckdb_connection made = nullptr;
    if (duckdb_open(nullptr, &database) == DuckDBError ||
        duckdb_connect(database, &made) == DuckDBError ||
        // No file is read twice: keeping them would take memory without end.
        duckdb_query(made, "SET enable_external_file_cache = false", nullptr) == DuckDBError) {
      throw std::runtime_error("DuckDB did not open");
    }
    return made;
  }();
  std::lock_guard lock(mutex);
  std::string system = extent.has_system_columns
                           ? "sys_seq, sys_time"
                           : fmt::format("{}, {}", extent.min_sequence, extent.min_time);
  objects::LocalCopy copy = extent.local_copy();
  std::string sql = fmt::format("SELECT c{}, c{}, {} FROM read_parquet('{}')", table.columns[0].id,
                                table.columns[1].id, system, copy->string());
  duckdb_result result;
  if (duckdb_query(connection, sql.c_str(), &result) == DuckDBError) {
    throw std::runtime_error(duckdb_result_error(&result));
  }
  std::vector<Row> rows;
  for (idx_t row = 0; row < duckdb_row_count(&result); ++row) {
    char* text = duckdb_value_varchar(&result, 1, row);
    rows.push_back({duckdb_value_int64(&result, 0, row), text,
                    static_cast<Sequence>(duckdb_value_int64(&result, 2, row)),
                    duckdb_value_int64(&result, 3, row)});
    duckdb_free(text);
  }
  duckdb_destroy_result(&result);
  return rows;
}

std::vector<Row> all_rows(const Store& store, catalog::TableId table) {
  auto snapshot = store.snapshot({&table, 1});
  auto view = snapshot->table(table);
  std::vector<Row> rows;
  if (!view) return rows;
  for (const auto& extent : view->extents()) {
    std::vector<Row> sealed = extent_rows(view->table(), *extent);
    rows.insert(rows.end(), sealed.begin(), sealed.end());
  }
  std::vector<Row> tail = tail_rows(*view);
  rows.insert(rows.end(), tail.begin(), tail.end());
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
  return rows;
}

std::vector<int64_t> all_ids(const Store& store, catalog::TableId table) {
  std::vector<int64_t> ids;
  for (const Row& row : all_rows(store, table)) ids.push_back(row.id);
  return ids;
}

}  // namespace rivulet::store::testing
