#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "types/scalar_type.h"

namespace rivulet::ingest {

enum class Transform {
  kNone,
  kPropertyBagArrayToDictionary,
  kSourceLocation,
  kSourceLineNumber,
  kGetPathElement,
  kDateTimeFromUnixSeconds,
  kDateTimeFromUnixMilliseconds,
  kDateTimeFromUnixMicroseconds,
  kDateTimeFromUnixNanoseconds,
  kDropMappedFields,
  kBytesAsBase64,
};

// One step of a JSON path: a property, or an element of an array.
struct PathStep {
  std::string name;
  std::optional<uint32_t> index;
};

// One element of an ingestion mapping as the user wrote it, checked. Exactly one of path, ordinal,
// constant and a transform that needs none of them is there.
struct MappingElement {
  std::string column;
  std::optional<ScalarType> type;
  std::optional<std::vector<PathStep>> path;
  std::optional<uint32_t> ordinal;
  std::optional<std::string> constant;
  Transform transform = Transform::kNone;
};

// Parses the text of a mapping of kind "csv" or "json". Throws BadRequest_InvalidMapping.
std::vector<MappingElement> parse_mapping(std::string_view kind, std::string_view text);

}  // namespace rivulet::ingest
