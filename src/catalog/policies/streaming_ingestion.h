#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "catalog/policies/policy_kind.h"

namespace rivulet::catalog {

// Whether rows may be streamed into a table. Rivulet has no use for HintAllocatedRate, and keeps it.
struct StreamingIngestionPolicy {
  bool is_enabled = false;  // IsEnabled

  // Of the text as it is stored; nothing when that is no JSON.
  static std::optional<StreamingIngestionPolicy> parse(std::string_view text);
};

std::string normalize_streaming_ingestion(std::string_view text);
inline constexpr PolicyKind kStreamingIngestionPolicy{
    "streamingingestion",         "StreamingIngestionPolicy", true, true, true,
    normalize_streaming_ingestion};

}  // namespace rivulet::catalog
