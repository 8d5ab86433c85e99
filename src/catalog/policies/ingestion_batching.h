#pragma once

#include <string>
#include <string_view>

#include "catalog/policies/policy_kind.h"

namespace rivulet::catalog {

// How queued ingestion gathers batches: kept and shown.
std::string normalize_ingestion_batching(std::string_view text);
inline constexpr PolicyKind kIngestionBatchingPolicy{
    "ingestionbatching", "IngestionBatchingPolicy", true, true, true, normalize_ingestion_batching};

}  // namespace rivulet::catalog
