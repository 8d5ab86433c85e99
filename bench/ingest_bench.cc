// The speed of turning request bodies into column batches, on one thread.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>

#include "ingest/ingest.h"
#include "ingest/mapping.h"
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
  std::vector<std::string_view> bodies;
  for (std::string_view rest = text; !rest.empty();) {
    size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
    bodies.push_back(rest.substr(0, end));
    rest.remove_prefix(end);
  }
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

}  // namespace
}  // namespace rivulet::ingest

BENCHMARK_MAIN();
