// The speed of turning request bodies into column batches, on one thread.
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "ingest/ingest.h"
#include "ingest/mappings/mapping.h"
#include "sources/event_batch.h"
#include "support/telemetry.h"

namespace rivulet::ingest {
namespace {

using bench::telemetry;
using bench::telemetry_table;

constexpr std::string_view kJsonMapping =
    R"([{"column":"timestamp","Properties":{"Path":"$.timestamp"}},{"column":"device","Properties":{"Path":"$.device"}},)"
    R"({"column":"site","Properties":{"Path":"$.site"}},{"column":"sequence","Properties":{"Path":"$.sequence"}},)"
    R"({"column":"temperature","Properties":{"Path":"$.temperature"}},{"column":"humidity","Properties":{"Path":"$.humidity"}},)"
    R"({"column":"status","Properties":{"Path":"$.status"}},{"column":"is_online","Properties":{"Path":"$.is_online"}},)"
    R"({"column":"message","Properties":{"Path":"$.message"}},{"column":"firmware","Properties":{"Path":"$.firmware"}}])";

std::vector<std::string_view> lines(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

// Bodies of many rows.
void parse_many_rows(benchmark::State& state, Format format) {
  auto table = telemetry_table();
  std::string body = telemetry(format, static_cast<size_t>(state.range(0)));
  ParseOptions options;
  options.format = format;
  auto mapping = compile_mapping(format, "", *table);
  for (auto _ : state) benchmark::DoNotOptimize(parse(body, *mapping, options));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * body.size()));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * state.range(0));
}
BENCHMARK_CAPTURE(parse_many_rows, csv, Format::kCsv)->Arg(30'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(parse_many_rows, json, Format::kJson)->Arg(15'000)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(parse_many_rows, multijson, Format::kMultiJson)
    ->Arg(15'000)
    ->Unit(benchmark::kMillisecond);

// Requests of one row.
void parse_one_row(benchmark::State& state, Format format, std::string_view mapping_text) {
  auto table = telemetry_table();
  std::string body = telemetry(format, 1);
  ParseOptions options;
  options.format = format;
  auto mapping = compile_mapping(format, mapping_text, *table);
  for (auto _ : state) benchmark::DoNotOptimize(parse(body, *mapping, options));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
// Many bodies of one row each, into one batch.
void parse_one_row_each(benchmark::State& state, Format format) {
  auto table = telemetry_table();
  std::string text = telemetry(format, static_cast<size_t>(state.range(0)));
  std::vector<std::string_view> bodies = lines(text);
  ParseOptions options;
  options.format = format;
  auto mapping = compile_mapping(format, "", *table);
  for (auto _ : state) {
    BatchParser parser(*mapping, options);
    for (std::string_view body : bodies) parser.add(body);
    benchmark::DoNotOptimize(parser.finish());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * bodies.size()));
}
BENCHMARK_CAPTURE(parse_one_row_each, csv, Format::kCsv)
    ->Arg(30'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(parse_one_row_each, json, Format::kJson)
    ->Arg(15'000)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(parse_one_row_each, multijson, Format::kMultiJson)
    ->Arg(15'000)
    ->Unit(benchmark::kMillisecond);

BENCHMARK_CAPTURE(parse_one_row, csv, Format::kCsv, "");
BENCHMARK_CAPTURE(parse_one_row, json, Format::kJson, kJsonMapping);

// Events of a topic, each a record, into as many tables, the property Table naming them: without a broker, and without
// the commit.
void ingest_events(benchmark::State& state, Format format) {
  auto tables = static_cast<catalog::TableId>(state.range(0));
  auto count = static_cast<size_t>(state.range(1));
  auto catalog = catalog::Catalog().apply(catalog::PutDatabase{1, Guid{1, 1}, "db", "", {}, {}});
  std::vector<std::string> names;
  for (catalog::TableId id = 1; id <= tables; ++id) {
    catalog::Table table = *telemetry_table();
    table.id = id;
    table.database_id = 1;
    table.name = "Telemetry_" + std::to_string(id);
    names.push_back(table.name);
    catalog = catalog->apply(catalog::PutTable{std::move(table)});
  }
  std::string text = telemetry(format, count);
  std::vector<std::string_view> bodies = lines(text);
  std::vector<sources::Event> events(count);
  for (size_t i = 0; i < count; ++i) {
    events[i].offset = static_cast<int64_t>(i);
    events[i].body = bodies[i];
    // As good as at random, but each table as often.
    events[i].properties = {{"Table", names[i * 7'919 % tables]}};
  }
  sources::ConnectionSettings settings;
  settings.is_routed = true;
  settings.format = format;
  TargetCache targets;
  activity::StreamingStatistics statistics;
  activity::FailureLog failures;
  sources::EventIngester ingester({Guid{1, 2}, "db", "connection", settings}, targets, statistics,
                                  failures, system_clock());
  for (auto _ : state) {
    for (std::span<const sources::Event> rest(events); !rest.empty();) {
      sources::EventBatch batch = ingester.ingest("topic", rest, catalog);
      ingester.record(batch);
      rest = rest.subspan(batch.events);
      state.counters["batches"] += 1;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * count));
}
BENCHMARK_CAPTURE(ingest_events, json, Format::kJson)
    ->Args({1, 40'000})
    ->Args({10'000, 40'000})
    ->Args({10'000, 10'000})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rivulet::ingest

BENCHMARK_MAIN();
