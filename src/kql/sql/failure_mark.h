#pragma once

#include <string_view>

namespace rivulet::kql {

// Stands before the words of a function that fails a query (assert(), and the native functions), as the engine hands them
// on: only what is behind it is told to a client, the engine's own words never are.
inline constexpr std::string_view kFailureMark = "rivulet!words:";

}  // namespace rivulet::kql
