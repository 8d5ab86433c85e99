#pragma once

#include <s2/s2cell_id.h>

#include <optional>
#include <vector>

#include "functions/json/json.h"

namespace rivulet::functions::geo {

// The cells' tokens as an array.
inline std::optional<Json> token_array(const std::optional<std::vector<S2CellId>>& cells) {
  if (!cells) return std::nullopt;
  JsonArray array;
  for (const S2CellId cell : *cells) array.add_string(cell.ToToken());
  return array.finish();
}

}  // namespace rivulet::functions::geo
