#pragma once

#include "catalog/policies/policy_kind.h"

// Policies that decide what a query sees or who may see it, and are not carried out (yet): refused by name.
namespace rivulet::catalog {

inline constexpr PolicyKind kUpdatePolicy{"update", "UpdatePolicy", true, false, false};
inline constexpr PolicyKind kRowLevelSecurityPolicy{"row_level_security", "RowLevelSecurityPolicy",
                                                    true, false, false};
inline constexpr PolicyKind kRestrictedViewAccessPolicy{
    "restricted_view_access", "RestrictedViewAccessPolicy", true, false, false};
inline constexpr PolicyKind kMirroringPolicy{"mirroring", "MirroringPolicy", true, false, false};
inline constexpr PolicyKind kManagedIdentityPolicy{"managed_identity", "ManagedIdentityPolicy",
                                                   false, true, true};
inline constexpr PolicyKind kDiagnosticsPolicy{"diagnostics", "DiagnosticsPolicy", false, true,
                                               true};
inline constexpr PolicyKind kCalloutPolicy{"callout", "CalloutPolicy", false, false, true};
inline constexpr PolicyKind kCapacityPolicy{"capacity", "CapacityPolicy", false, false, true};
inline constexpr PolicyKind kRequestClassificationPolicy{
    "request_classification", "RequestClassificationPolicy", false, false, true};
inline constexpr PolicyKind kMultiDatabaseAdminsPolicy{
    "multidatabaseadmins", "MultiDatabaseAdminsPolicy", false, false, true};
inline constexpr PolicyKind kQueryWeakConsistencyPolicy{
    "query_weak_consistency", "QueryWeakConsistencyPolicy", false, false, true};
inline constexpr PolicyKind kRowStorePolicy{"rowstore", "RowStorePolicy", false, false, true};
inline constexpr PolicyKind kSandboxPolicy{"sandbox", "SandboxPolicy", false, false, true};

}  // namespace rivulet::catalog
