#include "catalog/policies/effective.h"

#include <algorithm>

namespace rivulet::catalog {
namespace {

// A default one where none stands.
template <typename Policy>
Policy effective(const Catalog& catalog, const Table& table,
                 std::optional<Policy> PolicyValues::*policy) {
  if (const auto& own = table.policies.values().*policy) return *own;
  if (auto database = catalog.find_database(table.database_id)) {
    if (const auto& its = database->policies.values().*policy) return *its;
  }
  return (catalog.cluster_policies().values().*policy).value_or(Policy());
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

bool is_streaming_enabled(const Catalog& catalog, const Table& table) {
  return effective(catalog, table, &PolicyValues::streaming_ingestion).is_enabled;
}

std::optional<Ticks> soft_delete_period(const Catalog& catalog, const Table& table) {
  return effective(catalog, table, &PolicyValues::retention).soft_delete_period;
}

std::optional<AutoDeletePolicy> auto_delete_policy(const Table& table) {
  return table.policies.values().auto_delete;
}

MergePolicy merge_policy(const Catalog& catalog, const Table& table) {
  MergePolicy policy = effective(catalog, table, &PolicyValues::merge);
  ShardingPolicy sharding = effective(catalog, table, &PolicyValues::sharding);
  policy.max_file_bytes = sharding.max_file_bytes;
  policy.max_bytes = std::min(policy.max_bytes, sharding.max_original_bytes);
  return policy;
}

uint64_t max_ingested_rows(const Catalog& catalog, const Table& table) {
  return effective(catalog, table, &PolicyValues::sharding).max_rows;
}

std::vector<TagRetention> tag_retention(const Catalog& catalog, const Table& table) {
  return effective(catalog, table, &PolicyValues::extent_tags_retention).rules;
}

std::vector<SortColumn> row_order(const Table& table) {
  std::vector<SortColumn> order;
  const auto& policy = table.policies.values().row_order;
  if (!policy) return order;
  for (const RowOrderPolicy::Column& rule : policy->columns) {
    const ColumnDef* column = table.find_column(rule.name);
    if (column != nullptr) order.push_back({column->id, rule.is_descending});
  }
  return order;
}

}  // namespace rivulet::catalog
