// The speed of turning request bodies into column batches, on one thread.
#include <cstdio>
#include <random>
#include <string>

#include <benchmark/benchmark.h>

#include "ingest/ingest.h"
#include "ingest/mapping_cache.h"
#include "types/text.h"

namespace rivulet::ingest {
namespace {

std::shared_ptr<const catalog::Table> telemetry_table() {
  catalog::Table table;
  table.id = 1;
  table.name = "Telemetry";
  const std::pair<const char*, ScalarType> columns[] = {
      {"timestamp", ScalarType::kDateTime}, {"device", ScalarType::kString},
      {"site", ScalarType::kString},        {"sequence", ScalarType::kLong},
      {"temperature", ScalarType::kReal},   {"humidity", ScalarType::kReal},
      {"status", ScalarType::kInt},         {"is_online", ScalarType::kBool},
      {"message", ScalarType::kString},     {"firmware", ScalarType::kString}};
  for (const auto& [name, type] : columns) {
    table.columns.push_back({table.next_column_id++, name, type, ""});
  }
  return std::make_shared<const catalog::Table>(table);
}

std::string telemetry(Format format, size_t rows) {
  std::mt19937 random(1);
  std::string body;
  for (size_t i = 0; i < rows; ++i) {
    std::string time;
    append_datetime(time, 638'000'000'000'000'000 + static_cast<int64_t>(i) * 12'345'678);
    char line[512];
    const char* pattern =
        format == Format::kCsv
            ? "%s,device-%04u,Building %u,%zu,%.3f,%.2f,%u,%s,\"state changed, now %u\",v1.%u.%u\n"
            : "{\"timestamp\":\"%s\",\"device\":\"device-%04u\",\"site\":\"Building "
              "%u\",\"sequence\":%zu,"
              "\"temperature\":%.3f,\"humidity\":%.2f,\"status\":%u,\"is_online\":%s,"
              "\"message\":\"state changed, now %u\",\"firmware\":\"v1.%u.%u\"}\n";
    int size = std::snprintf(
        line, sizeof(line), pattern, time.c_str(), static_cast<unsigned>(random() % 10'000),
        static_cast<unsigned>(random() % 20), i, static_cast<double>(random() % 40'000) / 1000,
        static_cast<double>(random() % 10'000) / 100, static_cast<unsigned>(random() % 600),
        random() % 2 == 0 ? "true" : "false", static_cast<unsigned>(random() % 7),
        static_cast<unsigned>(random() % 10), static_cast<unsigned>(random() % 100));
    body.append(line, static_cast<size_t>(size));
  }
  return body;
}

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

// Requests of one row with a mapping, from many tables: the whole of what a server asks of this room.
void parse_one_row(benchmark::State& state, Format format, std::string_view mapping_text) {
  auto table = telemetry_table();
  std::string body = telemetry(format, 1);
  ParseOptions options;
  options.format = format;
  MappingCache cache;
  for (auto _ : state) {
    auto mapping = cache.get(table, format, mapping_text);
    benchmark::DoNotOptimize(parse(body, *mapping, options));
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK_CAPTURE(parse_one_row, csv, Format::kCsv, "");
BENCHMARK_CAPTURE(parse_one_row, json, Format::kJson, kJsonMapping);

}  // namespace
}  // namespace rivulet::ingest

BENCHMARK_MAIN();
