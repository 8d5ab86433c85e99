#include "catalog/policy.h"

#include <rapidjson/document.h>

#include <algorithm>

#include "types/text.h"

namespace rivulet::catalog {
namespace {

// An empty object where the text is none.
rapidjson::Document parse(std::string_view json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) document.SetObject();
  return document;
}

// A number, or nothing.
std::optional<double> number(const rapidjson::Document& document, const char* name) {
  auto found = document.FindMember(name);
  if (found == document.MemberEnd() || !found->value.IsNumber()) return std::nullopt;
  return found->value.GetDouble();
}

// Zero and less: no limit, as Kusto documents it.
void set_limit(uint64_t& limit, const rapidjson::Document& document, const char* name,
               double factor = 1) {
  auto value = number(document, name);
  if (!value) return;
  limit =
      *value <= 0 || *value * factor >= 1e18 ? UINT64_MAX : static_cast<uint64_t>(*value * factor);
}

}  // namespace

std::string effective_policy(const Catalog& catalog, const Table& table, std::string_view name) {
  if (auto found = table.policies.find(name); found != table.policies.end()) return found->second;
  if (auto database = catalog.find_database(table.database_id)) {
    auto found = database->policies.find(name);
    if (found != database->policies.end()) return found->second;
  }
  auto found = catalog.cluster_policies().find(name);
  return found == catalog.cluster_policies().end() ? "" : found->second;
}

std::optional<Ticks> soft_delete_period(const Catalog& catalog, const Table& table) {
  std::string json = effective_policy(catalog, table, "retention");
  if (json.empty()) return std::nullopt;
  rapidjson::Document document = parse(json);
  auto found = document.FindMember("SoftDeletePeriod");
  if (found == document.MemberEnd() || !found->value.IsString()) return std::nullopt;
  return parse_timespan({found->value.GetString(), found->value.GetStringLength()});
}

std::optional<AutoDeletePolicy> auto_delete_policy(std::string_view json) {
  rapidjson::Document document = parse(json);
  auto date = document.FindMember("ExpiryDate");
  if (date == document.MemberEnd() || !date->value.IsString()) return std::nullopt;
  auto expiry = parse_datetime({date->value.GetString(), date->value.GetStringLength()});
  if (!expiry) return std::nullopt;
  auto deletes = document.FindMember("DeleteIfNotEmpty");
  bool deletes_rows = deletes != document.MemberEnd() && deletes->value.IsTrue();
  return AutoDeletePolicy{*expiry, deletes_rows};
}

std::optional<AutoDeletePolicy> auto_delete_policy(const Table& table) {
  auto found = table.policies.find("auto_delete");
  return found == table.policies.end() ? std::nullopt : auto_delete_policy(found->second);
}

MergePolicy merge_policy(const Catalog& catalog, const Table& table) {
  MergePolicy policy;
  rapidjson::Document document = parse(effective_policy(catalog, table, "merge"));
  auto allowed = document.FindMember("AllowMerge");
  if (allowed != document.MemberEnd() && allowed->value.IsBool()) {
    policy.is_allowed = allowed->value.GetBool();
  }
  set_limit(policy.max_rows, document, "RowCountUpperBoundForMerge");
  set_limit(policy.max_bytes, document, "OriginalSizeMBUpperBoundForMerge", 1 << 20);
  set_limit(policy.max_extents, document, "MaxExtentsToMerge");
  auto hours = number(document, "MaxRangeInHours");
  if (hours && *hours > 0 && *hours < 24.0 * 365'000) {
    policy.max_range = static_cast<Ticks>(*hours * static_cast<double>(kTicksPerHour));
  }
  rapidjson::Document sharding = parse(effective_policy(catalog, table, "sharding"));
  set_limit(policy.max_file_bytes, sharding, "ShardEngineMaxExtentSizeInMb", 1 << 20);
  uint64_t max_original = UINT64_MAX;
  set_limit(max_original, sharding, "ShardEngineMaxOriginalSizeInMb", 1 << 20);
  policy.max_bytes = std::min(policy.max_bytes, max_original);
  return policy;
}

uint64_t max_ingested_rows(const Catalog& catalog, const Table& table) {
  uint64_t rows = UINT64_MAX;
  set_limit(rows, parse(effective_policy(catalog, table, "sharding")), "ShardEngineMaxRowCount");
  return rows;
}

std::vector<TagRetention> tag_retention(const Catalog& catalog, const Table& table) {
  std::vector<TagRetention> rules;
  std::string json = effective_policy(catalog, table, "extent_tags_retention");
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  if (document.HasParseError() || !document.IsArray()) return rules;
  for (const auto& item : document.GetArray()) {
    if (!item.IsObject()) continue;
    auto prefix = item.FindMember("TagPrefix");
    auto period = item.FindMember("RetentionPeriod");
    if (prefix == item.MemberEnd() || !prefix->value.IsString() || period == item.MemberEnd() ||
        !period->value.IsString()) {
      continue;
    }
    auto ticks = parse_timespan({period->value.GetString(), period->value.GetStringLength()});
    if (ticks) rules.push_back({prefix->value.GetString(), *ticks});
  }
  return rules;
}

std::vector<SortColumn> row_order(const Table& table) {
  std::vector<SortColumn> order;
  auto policy = table.policies.find("roworder");
  if (policy == table.policies.end()) return order;
  rapidjson::Document document = parse(policy->second);
  auto found = document.FindMember("RowOrder");
  if (found == document.MemberEnd() || !found->value.IsArray()) return order;
  for (const auto& item : found->value.GetArray()) {
    if (!item.IsString()) continue;
    std::string_view text(item.GetString(), item.GetStringLength());
    size_t blank = text.rfind(' ');
    if (blank == std::string_view::npos) continue;
    const ColumnDef* column = table.find_column(text.substr(0, blank));
    if (column != nullptr) order.push_back({column->id, text.substr(blank + 1) == "desc"});
  }
  return order;
}

}  // namespace rivulet::catalog
