#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rivulet::kql {

// The elements of a compact JSON array of strings; false when `json` is something else.
bool read_json_strings(std::string_view json, std::vector<std::string>& strings);

}  // namespace rivulet::kql
