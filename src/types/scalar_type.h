#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace rivulet {

// Kusto's scalar types. The numbers are written to the log and to checkpoints: never change them.
enum class ScalarType : uint8_t {
  kBool = 1,      // uint8_t 0 or 1
  kInt = 2,       // int32_t
  kLong = 3,      // int64_t
  kReal = 4,      // double
  kDecimal = 5,   // Decimal: __int128 counting 10^-18
  kDateTime = 6,  // int64_t ticks of 100 ns since 0001-01-01 UTC
  kTimeSpan = 7,  // int64_t ticks of 100 ns
  kGuid = 8,      // GuidCell
  kString = 9,    // StringRef, UTF-8; never null: an absent string is the empty one
  kDynamic = 10,  // StringRef, compact JSON text; null is a null cell
};

// Bytes of one cell in a column's value array: 1, 4, 8 or 16.
size_t cell_size(ScalarType type);
// "bool", "int", "long", "real", "decimal", "datetime", "timespan", "guid", "string", "dynamic".
std::string_view kusto_name(ScalarType type);
// "System.SByte", "System.Int32", … as schemas name them.
std::string_view clr_name(ScalarType type);
// "SByte", "Int32", … "SqlDecimal", "Object": DataType in v1 answers.
std::string_view v1_data_type(ScalarType type);
// Every spelling that Kusto takes in a schema ("int32", "date", "double", "uuid", …); case-sensitive
// as in Kusto, System.* names included.
std::optional<ScalarType> parse_scalar_type(std::string_view name);

inline bool is_text(ScalarType type) {
  return type == ScalarType::kString || type == ScalarType::kDynamic;
}

}  // namespace rivulet
