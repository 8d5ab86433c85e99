#pragma once

#include <string>
#include <string_view>

#include "catalog/policies/policy_kind.h"

namespace rivulet::catalog {

// Whether rows know when they came. They always do: it cannot be turned off.
std::string normalize_ingestion_time(std::string_view text);
inline constexpr PolicyKind kIngestionTimePolicy{
    "ingestiontime", "IngestionTimePolicy", true, false, false, normalize_ingestion_time};

}  // namespace rivulet::catalog
