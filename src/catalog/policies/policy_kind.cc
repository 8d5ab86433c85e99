#include "catalog/policies/policy_kind.h"

#include <algorithm>
#include <array>

#include "catalog/policies/auto_delete.h"
#include "catalog/policies/extent_tags_retention.h"
#include "catalog/policies/ingestion_batching.h"
#include "catalog/policies/ingestion_time.h"
#include "catalog/policies/kept.h"
#include "catalog/policies/merge.h"
#include "catalog/policies/refused.h"
#include "catalog/policies/retention.h"
#include "catalog/policies/row_order.h"
#include "catalog/policies/sharding.h"
#include "catalog/policies/streaming_ingestion.h"

namespace rivulet::catalog {
namespace {

// In the order in which messages name them.
constexpr std::array kKinds{
    kStreamingIngestionPolicy,
    kIngestionBatchingPolicy,
    kRetentionPolicy,
    kCachingPolicy,
    kMergePolicy,
    kShardingPolicy,
    kPartitioningPolicy,
    kEncodingPolicy,
    kExtentTagsRetentionPolicy,
    kAutoDeletePolicy,
    kIngestionTimePolicy,
    kUpdatePolicy,
    kRowLevelSecurityPolicy,
    kRestrictedViewAccessPolicy,
    kRowOrderPolicy,
    kMirroringPolicy,
    kManagedIdentityPolicy,
    kDiagnosticsPolicy,
    kCalloutPolicy,
    kCapacityPolicy,
    kRequestClassificationPolicy,
    kMultiDatabaseAdminsPolicy,
    kQueryWeakConsistencyPolicy,
    kRowStorePolicy,
    kSandboxPolicy,
};

}  // namespace

bool PolicyKind::allows(PolicyLevel level) const {
  switch (level) {
    case PolicyLevel::kTable:
      return on_table;
    case PolicyLevel::kDatabase:
      return on_database;
    case PolicyLevel::kCluster:
      return on_cluster;
  }
  return false;
}

const PolicyKind* find_policy_kind(std::string_view name) {
  auto found = std::ranges::find(kKinds, name, &PolicyKind::name);
  return found == kKinds.end() ? nullptr : &*found;
}

std::string policy_names() {
  std::string names;
  for (const PolicyKind& kind : kKinds)
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

}  // namespace rivulet::catalog
