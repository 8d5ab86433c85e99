#pragma once

#include <s2/s2cell_id.h>
#include <s2/s2shape_index.h>

#include <optional>
#include <string_view>
#include <vector>

// Cells of S2's grid, named by their tokens.
namespace rivulet::functions::geo {

constexpr int kMaxS2Level = S2CellId::kMaxLevel;
// Cells that may cover a line or a polygon, as in Kusto.
constexpr size_t kMaxCoveringCells = 65'536;

std::optional<S2CellId> parse_s2cell(std::string_view token);
std::vector<S2CellId> s2cell_neighbors(S2CellId cell);

// The cells of one level that what lies within the radius of a shape touches, in their order; nothing when
// they are too many, or when the level or the radius is not valid.
std::optional<std::vector<S2CellId>> cover(const S2ShapeIndex& index, double radius_meters,
                                           int64_t level);

}  // namespace rivulet::functions::geo
