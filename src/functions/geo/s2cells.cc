#include "functions/geo/s2cells.h"

#include <s2/s1chord_angle.h>
#include <s2/s2cell.h>
#include <s2/s2shape_index_buffered_region.h>
#include <s2/s2shape_index_region.h>

#include <algorithm>
#include <string>

#include "functions/geo/shapes.h"
#include "functions/geo/sphere.h"

namespace rivulet::functions::geo {

namespace {

// What a covering may cost: the edges that the cells are compared with. Where many long edges lie close
// together each of them counts for every cell.
class EdgeBudget {
 public:
  EdgeBudget(const S2ShapeIndex& index, int64_t edge_cost)
      : iterator_(&index), edge_cost_(edge_cost) {}

  void spend(S2CellId cell) {
    if (iterator_.Locate(cell) == S2ShapeIndex::INDEXED) {
      for (int i = 0; i < iterator_.cell().num_clipped(); ++i) {
        left_ -= edge_cost_ * iterator_.cell().clipped(i).num_edges();
      }
    }
    if (left_ < 0) throw_too_complex();
  }

 private:
  S2ShapeIndex::Iterator iterator_;
  int64_t edge_cost_;
  int64_t left_ = 200'000'000;
};
// Of the distance of an edge, in comparisons.
constexpr int64_t kDistanceCost = 20;

// Goes down the hierarchy level by level: a region touches no fewer cells of a level than of the one above, so
// that the work is bounded by the limit.
template <typename Region>
std::optional<std::vector<S2CellId>> cover_region(Region& region, int level, EdgeBudget budget) {
  const auto touches = [&](S2CellId cell) {
    budget.spend(cell);
    return region.MayIntersect(S2Cell(cell));
  };
  std::vector<S2CellId> cells;
  for (int face = 0; face < 6; ++face) {
    if (touches(S2CellId::FromFace(face))) cells.push_back(S2CellId::FromFace(face));
  }
  for (int parent_level = 0; parent_level < level; ++parent_level) {
    std::vector<S2CellId> children;
    for (const S2CellId parent : cells) {
      for (int i = 0; i < 4; ++i) {
        const S2CellId child = parent.child(i);
        if (touches(child)) children.push_back(child);
      }
      if (children.size() > kMaxCoveringCells) return std::nullopt;
    }
    cells = std::move(children);
  }
  return cells;
}

}  // namespace

std::optional<S2CellId> parse_s2cell(std::string_view token) {
  const auto is_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  if (token.empty() || token.size() > 16 || !std::all_of(token.begin(), token.end(), is_digit)) {
    return std::nullopt;
  }
  const S2CellId cell = S2CellId::FromToken(std::string(token));
  if (!cell.is_valid()) return std::nullopt;
  return cell;
}

std::vector<S2CellId> s2cell_neighbors(S2CellId cell) {
  std::vector<S2CellId> all;
  cell.AppendAllNeighbors(cell.level(), &all);
  // Kusto lists them as a hash table of 13 buckets does: by bucket, the later of a bucket first. At the
  // corners of the cube a neighbor comes twice.
  std::vector<S2CellId> neighbors;
  for (const S2CellId neighbor : all) {
    if (std::find(neighbors.begin(), neighbors.end(), neighbor) != neighbors.end()) continue;
    const auto same_bucket = std::find_if(neighbors.begin(), neighbors.end(), [&](S2CellId other) {
      return other.id() % 13 == neighbor.id() % 13;
    });
    neighbors.insert(same_bucket, neighbor);
  }
  return neighbors;
}

std::optional<std::vector<S2CellId>> cover(const S2ShapeIndex& index, double radius_meters,
                                           int64_t level) {
  if (level < 0 || level > kMaxS2Level || !(radius_meters >= 0)) return std::nullopt;
  if (radius_meters > 0) {
    S2ShapeIndexBufferedRegion region(
        &index, S1ChordAngle(S1Angle::Radians(radius_meters / kEarthRadiusMeters)));
    return cover_region(region, static_cast<int>(level), {index, kDistanceCost});
  }
  S2ShapeIndexRegion<S2ShapeIndex> region(&index);
  return cover_region(region, static_cast<int>(level), {index, 1});
}

}  // namespace rivulet::functions::geo
