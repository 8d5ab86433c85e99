#pragma once

#include "catalog/policies/policy_json.h"
#include "catalog/policies/policy_kind.h"

// Policies that in Kusto only guide when work is done and at what cost: kept and shown, and not looked at.
namespace rivulet::catalog {

inline constexpr PolicyKind kCachingPolicy{"caching", "CachingPolicy", true, true,
                                           true,      normalize_any};
inline constexpr PolicyKind kPartitioningPolicy{"partitioning", "PartitioningPolicy", true, false,
                                                false,          normalize_any};
inline constexpr PolicyKind kEncodingPolicy{"encoding", "EncodingPolicy", true, true,
                                            false,      normalize_any};

}  // namespace rivulet::catalog
