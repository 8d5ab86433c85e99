// Extents beside what DuckDB's own Parquet writer makes of the same rows: bytes a row, and how long queries
// take; and a narrow range of time over a table of very many extents.
//
//   extent_bench FOLDER [flights.parquet]
//
// FOLDER is for the data, on a real disk. The second argument is flights-3m.parquet of the npm package
// vega-datasets (scripts/fetch_flights.sh gives its path); without it, bytes a row are left out.

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "duckdb/database.h"
#include "query/engine.h"
#include "store/store.h"
#include "store/testing/store_fixture.h"
#include "support/queries.h"

namespace rivulet::bench {
namespace {

using duckdb::Connection;
using duckdb::ConnectionLease;
using duckdb::Database;
using duckdb::DataChunk;
using duckdb::Result;
using store::Append;
using store::Store;
using store::Transaction;
using store::testing::create_table;

constexpr size_t kBatchRows = 10'000;
constexpr const char* kDatabase = "NetDefaultDB";

// A database of DuckDB's own over the folder, with two threads as the engine has.
std::unique_ptr<Database> open_duckdb(const std::filesystem::path& folder,
                                      const std::function<void(Connection&)>& prepare) {
  duckdb::DatabaseOptions options;
  options.threads = static_cast<int>(std::thread::hardware_concurrency());
  options.extent_directory = folder;
  return std::make_unique<Database>(options, prepare);
}

uint64_t extent_bytes(const Store& store, const catalog::Table& table) {
  uint64_t bytes = 0;
  for (const auto& extent : store.snapshot({&table.id, 1})->table(table.id)->extents()) {
    bytes += extent->size_bytes;
  }
  return bytes;
}

// Commits batches of rows that `fill` makes, and seals them.
void load(Store& store, const catalog::Table& table, size_t rows,
          const std::function<void(ColumnBatch&, size_t row)>& fill) {
  std::vector<ScalarType> types;
  std::vector<uint32_t> ids;
  for (const catalog::ColumnDef& column : table.columns) {
    types.push_back(column.type);
    ids.push_back(column.id);
  }
  for (size_t first = 0; first < rows; first += kBatchRows) {
    auto batch = std::make_shared<ColumnBatch>(types);
    for (size_t row = first; row < std::min(rows, first + kBatchRows); ++row) fill(*batch, row);
    Transaction transaction;
    transaction.appends.push_back({table.id, ids, std::move(batch)});
    store.commit(std::move(transaction));
  }
  store.seal({&table.id, 1});
}

// The flights as they are: a time, two numbers, two airports.
void measure_size(Store& store, const std::filesystem::path& folder, const std::string& flights) {
  auto own_path = folder / "own.parquet", default_path = folder / "own_default.parquet";
  std::vector<int64_t> cells[3];
  std::vector<std::string> texts[2];
  open_duckdb(folder, [&](Connection& connection) {
    std::string select = fmt::format(
        "SELECT epoch_us(CAST(date AS TIMESTAMP)) * 10 + 621355968000000000 AS date, "
        "CAST(delay AS BIGINT) AS delay, CAST(distance AS BIGINT) AS distance, origin, destination "
        "FROM read_parquet('{}')",
        flights);
    connection.execute(
        fmt::format("COPY ({}) TO '{}' (FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION V2)",
                    select, own_path.string()));
    connection.execute(
        fmt::format("COPY ({}) TO '{}' (FORMAT parquet)", select, default_path.string()));
    Result result;
    duckdb_query(connection.get(), select.c_str(), result.get());
    for (DataChunk chunk(duckdb_fetch_chunk(*result.get())); chunk;
         chunk = DataChunk(duckdb_fetch_chunk(*result.get()))) {
      size_t rows = duckdb_data_chunk_get_size(chunk.get());
      for (idx_t i = 0; i < 5; ++i) {
        auto* data = duckdb_vector_get_data(duckdb_data_chunk_get_vector(chunk.get(), i));
        for (size_t row = 0; row < rows; ++row) {
          if (i < 3) {
            cells[i].push_back(static_cast<int64_t*>(data)[row]);
          } else {
            auto& text = static_cast<duckdb_string_t*>(data)[row];
            texts[i - 3].emplace_back(duckdb_string_t_data(&text), duckdb_string_t_length(text));
          }
        }
      }
    }
  });
  auto table = create_table(store, "Flights",
                            {{"date", ScalarType::kDateTime},
                             {"delay", ScalarType::kLong},
                             {"distance", ScalarType::kLong},
                             {"origin", ScalarType::kString},
                             {"destination", ScalarType::kString}});
  load(store, *table, cells[0].size(), [&](ColumnBatch& batch, size_t row) {
    for (size_t i = 0; i < 3; ++i) batch.column(i).append(cells[i][row]);
    for (size_t i = 0; i < 2; ++i) batch.column(3 + i).append_text(texts[i][row]);
  });
  auto rows = static_cast<double>(cells[0].size());
  auto ours = static_cast<double>(extent_bytes(store, *table));
  auto theirs = static_cast<double>(std::filesystem::file_size(own_path));
  auto by_default = static_cast<double>(std::filesystem::file_size(default_path));
  fmt::print(
      "flights: {:.0f} rows; extents {:.2f} bytes a row, with the system columns; DuckDB's writer "
      "with zstd {:.2f}, ratio {:.3f}; with its defaults {:.2f}, ratio {:.3f}\n",
      rows, ours / rows, theirs / rows, ours / theirs, by_default / rows, ours / by_default);
}

void measure_queries(Store& store, query::Engine& engine, const std::filesystem::path& folder) {
  constexpr size_t kRows = 10'000'000;
  auto table = create_table(store, "Large",
                            {{"t", ScalarType::kDateTime},
                             {"key", ScalarType::kString},
                             {"code", ScalarType::kLong},
                             {"x", ScalarType::kReal}});
  load(store, *table, kRows, [](ColumnBatch& batch, size_t i) {
    batch.column(0).append(
        static_cast<int64_t>(638'000'000'000'000'000 + i * 10 * kTicksPerMillisecond));
    batch.column(1).append_text(fmt::format("device-number-{:05}", i % 16));
    batch.column(2).append(static_cast<int64_t>(i * 7919 % 1000));
    batch.column(3).append(static_cast<double>(i % 977) / 7);
  });
  auto path = folder / "large.parquet";
  auto duckdb = open_duckdb(folder, [&](Connection& connection) {
    connection.execute(
        fmt::format("COPY (SELECT 638000000000000000 + i * 100000 AS t, "
                    "printf('device-number-%05d', i % 16) AS key, i * 7919 % 1000 AS code, "
                    "(i % 977) / 7 AS x FROM range({}) r(i)) TO '{}' (FORMAT parquet)",
                    kRows, path.string()));
  });
  ConnectionLease connection(*duckdb);
  fmt::print("large: {} sealed rows; milliseconds, Rivulet / DuckDB over its own file, ratio\n",
             kRows);
  const std::pair<const char*, const char*> pairs[] = {
      {"Large | summarize count(), avg(x) by bin(t, 1h), key",
       "SELECT t // 36000000000 * 36000000000, key, count(*), avg(x) FROM '{}' GROUP BY ALL"},
      {"Large | summarize sum(x) by code", "SELECT code, sum(x) FROM '{}' GROUP BY code"},
      {"Large | where code < 10 | summarize sum(x)", "SELECT sum(x) FROM '{}' WHERE code < 10"},
      {"Large | where key == 'device-number-00003' | count",
       "SELECT count(*) FROM '{}' WHERE key = 'device-number-00003'"},
  };
  for (const auto& [kql, sql] : pairs) {
    auto ours = time_microseconds(7, [&] { run_query(engine, kDatabase, kql); });
    std::string text = fmt::format(fmt::runtime(sql), path.string());
    auto theirs = time_microseconds(7, [&] { (*connection.operator->()).execute(text); });
    double our_time = percentile(ours, 0.5), their_time = percentile(theirs, 0.5);
    fmt::print("  {:7.1f} / {:7.1f}  {:5.2f}   {}\n", our_time / 1e3, their_time / 1e3,
               our_time / their_time, kql);
  }
}

void measure_pruning(Store& store, query::Engine& engine) {
  constexpr size_t kExtents = 1000, kRows = 1000;
  auto table = create_table(store, "Pruned",
                            {{"Timestamp", ScalarType::kDateTime}, {"x", ScalarType::kLong}});
  // They stay a thousand.
  Transaction keep;
  keep.alter = [&](const catalog::Catalog&) -> std::vector<catalog::Change> {
    catalog::Table changed = *table;
    changed.policies.set("merge", R"({"AllowMerge":false})");
    return {catalog::PutTable{changed}};
  };
  store.commit(std::move(keep));
  // A minute each, the last one ends now.
  Ticks first = system_clock().now() - Ticks{kExtents} * kTicksPerMinute;
  for (size_t i = 0; i < kExtents; ++i) {
    auto batch = std::make_shared<ColumnBatch>(
        std::vector<ScalarType>{ScalarType::kDateTime, ScalarType::kLong});
    for (size_t row = 0; row < kRows; ++row) {
      batch->column(0).append(first + static_cast<Ticks>(i) * kTicksPerMinute +
                              static_cast<Ticks>(row) * kTicksPerMinute / Ticks{kRows});
      batch->column(1).append(static_cast<int64_t>(row));
    }
    Transaction transaction;
    transaction.replace.push_back(
        {table->id, {}, store.write_extents(*table, {table->id, {1, 2}, std::move(batch)})});
    store.commit(std::move(transaction));
  }
  fmt::print("pruned: {} extents of {} rows; milliseconds a query, p50 / p99\n", kExtents, kRows);
  for (const char* text :
       {"Pruned | where Timestamp > ago(5m) | count", "Pruned | summarize sum(x)"}) {
    auto times = time_microseconds(50, [&] { run_query(engine, kDatabase, text); });
    fmt::print("  {:7.2f} / {:7.2f}   {}\n", percentile(times, 0.5) / 1e3,
               percentile(times, 0.99) / 1e3, text);
  }
}

void measure(const std::filesystem::path& folder, const std::string& flights) {
  store::StoreOptions options;
  options.directory = folder / "data";
  auto store = Store::open(options, posix_file_system(), system_clock());
  query::EngineOptions engine_options;
  engine_options.temp_directory = folder / "temp";
  engine_options.extent_directory = options.directory;
  auto engine = query::Engine::open(engine_options, *store, system_clock());
  if (!flights.empty()) measure_size(*store, folder, flights);
  measure_queries(*store, *engine, folder);
  measure_pruning(*store, *engine);
}

}  // namespace
}  // namespace rivulet::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: extent_bench FOLDER [flights.parquet]\n");
    return 2;
  }
  spdlog::set_level(spdlog::level::warn);
  rivulet::bench::measure(std::filesystem::absolute(argv[1]), argc > 2 ? argv[2] : "");
  return 0;
}
