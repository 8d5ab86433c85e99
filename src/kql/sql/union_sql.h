#pragma once

#include <span>
#include <string>

namespace rivulet::kql {

// SELECTs as one, at least one of them: as a tree, because the engine's parser limits how deep a chain may go.
std::string union_sql(std::span<const std::string> selects);

}  // namespace rivulet::kql
