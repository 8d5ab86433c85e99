#include "support/telemetry.h"

#include <cstdio>
#include <random>

#include "types/text.h"

namespace rivulet::bench {

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
    table.columns.edit().push_back({table.next_column_id++, name, type, ""});
  }
  return std::make_shared<const catalog::Table>(table);
}

std::string telemetry_schema() {
  auto table = telemetry_table();
  std::string out = "(";
  for (const catalog::ColumnDef& column : table->columns) {
    if (out.size() > 1) out += ", ";
    out += column.name + ":" + std::string(kusto_name(column.type));
  }
  return out + ")";
}

std::string telemetry(ingest::Format format, size_t rows) {
  std::mt19937 random(1);
  std::string body;
  for (size_t i = 0; i < rows; ++i) {
    std::string time;
    append_datetime(time, 638'000'000'000'000'000 + static_cast<int64_t>(i) * 12'345'678);
    char line[512];
    const char* pattern =
        format == ingest::Format::kCsv
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

}  // namespace rivulet::bench
