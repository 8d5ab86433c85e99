// Queries through the engine, from KQL text to the last row: how long a small one takes, and how many rows
// a second a large one reads from a table's tail, beside the same in a table of DuckDB's own.
//
//   query_bench [rows of the large table, default 10000000]

#include <fmt/format.h>

#include <cstdlib>
#include <string>

#include "duckdb/database.h"
#include "query/engine.h"
#include "query/testing/fake_store.h"
#include "support/queries.h"

namespace rivulet::query {
namespace {

using bench::percentile;
using bench::time_microseconds;

void fill(FakeTable& table, size_t rows) {
  auto batch = std::make_shared<ColumnBatch>(std::vector<ScalarType>{
      ScalarType::kDateTime, ScalarType::kString, ScalarType::kLong, ScalarType::kReal});
  for (size_t i = 0; i < rows; ++i) {
    batch->column(0).append(
        static_cast<int64_t>(638'000'000'000'000'000 + i * kTicksPerMillisecond));
    batch->column(1).append_text(fmt::format("device-number-{:05}", i % 16));
    batch->column(2).append(static_cast<int64_t>(i * 7919 % 1000));
    batch->column(3).append(static_cast<double>(i % 977) / 7);
  }
  table.append({1, 2, 3, 4}, batch);
}

size_t run(Engine& engine, const std::string& text) {
  return bench::run_query(engine, "bench", text);
}

void run_native(duckdb::Connection& connection, const std::string& sql) {
  connection.execute(sql);
}

void measure(size_t large_rows) {
  FakeStore store;
  std::vector<ResultColumn> columns = {{"Time", ScalarType::kDateTime},
                                       {"Device", ScalarType::kString},
                                       {"Code", ScalarType::kLong},
                                       {"Value", ScalarType::kReal}};
  fill(*store.add_table("bench", "Small", columns), 1000);
  fill(*store.add_table("bench", "Large", columns), large_rows);
  auto engine = Engine::open({}, store, system_clock());

  fmt::print("small: a table of 1,000 rows; microseconds a query, p50 / p99\n");
  for (const char* text : {
           "print 1",
           "Small | count",
           "Small | take 10",
           "Small | where Code > 500 | summarize count() by Device",
           "Small | where Time > ago(10d) and Device has 'number' | summarize avg(Value) by "
           "bin(Time, 1m), "
           "Device | top 5 by avg_Value",
           "Small | join kind=inner (Small | summarize max(Value) by Device) on Device | count",
       }) {
    time_microseconds(20, [&] { run(*engine, text); });
    auto times = time_microseconds(500, [&] { run(*engine, text); });
    fmt::print("  {:7.0f} / {:7.0f}   {}\n", percentile(times, 0.5), percentile(times, 0.99), text);
  }

  duckdb::DatabaseOptions options;
  options.threads = 2;
  duckdb::Database native(options, [&](duckdb::Connection& connection) {
    connection.execute(
        fmt::format("CREATE TABLE t AS SELECT 638000000000000000 + i * 10000 AS c1, "
                    "printf('device-number-%05d', i % 16) AS "
                    "c2, i * 7919 % 1000 AS c3, (i % 977) / 7 AS c4 FROM range({}) r(i)",
                    large_rows));
  });
  duckdb::ConnectionLease connection(native);
  fmt::print("large: {} rows; million rows a second, Rivulet / DuckDB's own table\n", large_rows);
  const std::pair<const char*, const char*> pairs[] = {
      {"Large | summarize count(), sum(Value)", "SELECT count(*), sum(c4) FROM t"},
      {"Large | where Code < 10 | summarize sum(Value)", "SELECT sum(c4) FROM t WHERE c3 < 10"},
      {"Large | summarize count() by Device", "SELECT c2, count(*) FROM t GROUP BY c2"},
      {"Large | summarize sum(Value) by Code", "SELECT c3, sum(c4) FROM t GROUP BY c3"},
      {"Large | where Device contains '0007' | count",
       "SELECT count(*) FROM t WHERE c2 LIKE '%0007%'"},
      {"Large | summarize avg(Value) by bin(Time, 1m)",
       "SELECT c1 // 600000000 * 600000000, avg(c4) FROM t GROUP BY 1"},
      {"Large | top 10 by Value", "SELECT * FROM t ORDER BY c4 DESC LIMIT 10"},
      {"Large | where Time >= datetime(2022-09-28 23:00) and Time < datetime(2022-09-28 23:01) | "
       "summarize sum(Value)",
       "SELECT sum(c4) FROM t WHERE c1 >= 638000028000000000 AND c1 < 638000028600000000"},
  };
  for (const auto& [kql, sql] : pairs) {
    auto ours = time_microseconds(5, [&] { run(*engine, kql); });
    auto theirs = time_microseconds(5, [&] { run_native(*connection.operator->(), sql); });
    double rows = static_cast<double>(large_rows);
    fmt::print("  {:7.0f} / {:7.0f}   {}\n", rows / percentile(ours, 0.5),
               rows / percentile(theirs, 0.5), kql);
  }
}

}  // namespace
}  // namespace rivulet::query

int main(int argc, char** argv) {
  rivulet::query::measure(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000);
  return 0;
}
