#include "types/scalar_type.h"

#include <algorithm>
#include <array>
#include <utility>

namespace rivulet {
namespace {

struct TypeFacts {
  size_t cell_size;
  std::string_view kusto_name;
  std::string_view clr_name;
  std::string_view v1_data_type;
};

// By the number of the type; 0 is no type.
constexpr std::array<TypeFacts, 11> kFacts = {{
    {0, "", "", ""},
    {1, "bool", "System.SByte", "SByte"},
    {4, "int", "System.Int32", "Int32"},
    {8, "long", "System.Int64", "Int64"},
    {8, "real", "System.Double", "Double"},
    {16, "decimal", "System.Data.SqlTypes.SqlDecimal", "SqlDecimal"},
    {8, "datetime", "System.DateTime", "DateTime"},
    {8, "timespan", "System.TimeSpan", "TimeSpan"},
    {16, "guid", "System.Guid", "Guid"},
    {16, "string", "System.String", "String"},
    {16, "dynamic", "System.Object", "Object"},
}};

const TypeFacts& facts(ScalarType type) {
  return kFacts[static_cast<size_t>(type)];
}

// Beside kusto_name and clr_name.
constexpr std::array<std::pair<std::string_view, ScalarType>, 11> kAliases = {{
    {"boolean", ScalarType::kBool},
    {"System.Boolean", ScalarType::kBool},
    {"int32", ScalarType::kInt},
    {"int64", ScalarType::kLong},
    {"double", ScalarType::kReal},
    {"date", ScalarType::kDateTime},
    {"time", ScalarType::kTimeSpan},
    {"uuid", ScalarType::kGuid},
    {"uniqueid", ScalarType::kGuid},
    {"System.Decimal", ScalarType::kDecimal},
    {"float", ScalarType::kReal},
}};

}  // namespace

size_t cell_size(ScalarType type) {
  return facts(type).cell_size;
}
std::string_view kusto_name(ScalarType type) {
  return facts(type).kusto_name;
}
std::string_view clr_name(ScalarType type) {
  return facts(type).clr_name;
}
std::string_view v1_data_type(ScalarType type) {
  return facts(type).v1_data_type;
}

std::optional<ScalarType> parse_scalar_type(std::string_view name) {
  if (name.empty()) return std::nullopt;
  for (size_t i = 1; i < kFacts.size(); ++i) {
    if (name == kFacts[i].kusto_name || name == kFacts[i].clr_name)
      return static_cast<ScalarType>(i);
  }
  const auto* alias = std::find_if(kAliases.begin(), kAliases.end(),
                                   [&](const auto& candidate) { return candidate.first == name; });
  if (alias != kAliases.end()) return alias->second;
  return std::nullopt;
}

}  // namespace rivulet
