#include "catalog/policies/ingestion_batching.h"

#include "catalog/policies/policy_json.h"

namespace rivulet::catalog {

std::string normalize_ingestion_batching(std::string_view text) {
  static constexpr Member kMembers[] = {
      {"MaximumBatchingTimeSpan", Member::Kind::kTimeSpan, "\"00:05:00\"", 10, 1800},
      {"MaximumNumberOfItems", Member::Kind::kNumber, "500", 1, 25000},
      {"MaximumRawDataSizeMB", Member::Kind::kNumber, "1024", 100, 4096}};
  return normalize_members(text, kMembers);
}

}  // namespace rivulet::catalog
