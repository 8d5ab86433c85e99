// A query: run over a few rows, its results read to their end.
#include <chrono>

#include <simdjson.h>

#include "input.h"
#include "query/engine.h"
#include "query/testing/fake_store.h"

using namespace rivulet;

namespace {

constexpr std::string_view kRows =
    "true,1,2,1.5,2.25,2020-01-01,01:00:00,74be27de-1e4e-49d9-b579-fe0b331d3642,abc,\"[1,\"\"x\"\","
    "{\"\"a\"\":2}]\"\n"
    "false,-1,3,-1.5,-2.25,2020-01-02T03:04:05.6789012Z,-1.02:03:04,,a=5 b=x "
    "y,\"{\"\"a\"\":{\"\"b\"\":[0]}}\"\n"
    "true,1,3,0.25,100,2020-01-02,00:00:01,74be27de-1e4e-49d9-b579-fe0b331d3642,ABC,"
    "\"\"\"text\"\"\"\n"
    ",2147483647,9223372036854775807,nan,99999999999999999999,9999-12-31T23:59:59.9999999Z,,,\"é, "
    "long enough for an arena\",5\n"
    ",-2147483648,-9223372036854775808,inf,-1e-18,0001-01-01,10675199.02:48:05.4775807,,x,\"[1.5,"
    "null,-2]\"\n"
    ",,,,,,,,,\n";

// T, U and an empty table E with a column of each type, and a function F.
class Tables {
 public:
  Tables() {
    add("T", kRows);
    add("U", kRows.substr(0, kRows.find('\n') + 1));
    add("E", "");
    store_.apply(catalog::PutFunction{
        1, {"F", "(x: long, y: string = 'z')", "{ T | where c > x }", "", ""}});
    query::EngineOptions options;
    options.threads = 1;
    options.memory_limit_bytes = 128 << 20;
    engine_ = query::Engine::open(options, store_, system_clock());
  }

  query::Engine& engine() { return *engine_; }

 private:
  void add(const std::string& name, std::string_view rows) {
    std::vector<ResultColumn> columns;
    for (const catalog::ColumnDef& column : fuzz::table_of_every_type().columns)
      columns.push_back({column.name, column.type});
    auto table = store_.add_table("db", name, columns);
    if (rows.empty()) return;
    store::Append append = ingest::parse(rows, table->table(), {});
    table->append(append.column_ids, append.rows);
  }

  query::FakeStore store_;
  std::unique_ptr<query::Engine> engine_;
};

void run(query::Engine& engine, const query::QueryRequest& request) {
  auto query = engine.start(request);
  for (size_t i = 0; i < query->result_count(); ++i) {
    auto stream = query->result(i);
    for (auto chunk = stream->next(); chunk.row_count > 0; chunk = stream->next()) {
      for (const ColumnView& column : chunk.columns) fuzz::read_cells(column, chunk.row_count);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Tables tables;
  // A request is JSON, which is refused when it is no valid UTF-8.
  if (!simdjson::validate_utf8(fuzz::as_text(data, size))) return -1;
  query::QueryRequest request;
  request.text = fuzz::as_text(data, size);
  request.database = "db";
  request.now = 638'000'000'000'000'000;
  request.max_timeout = request.timeout = std::chrono::seconds(1);
  request.max_records = 1'000;
  request.max_bytes = 1 << 20;
  try {
    run(tables.engine(), request);
  } catch (const Error& error) {
    fuzz::require_presentable(error, request.text);
  }
  return 0;
}
