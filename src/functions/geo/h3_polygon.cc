#include <algorithm>
#include <cmath>
#include <deque>
#include <unordered_set>

#include "functions/geo/h3.h"
#include "functions/geo/sphere.h"
#include "functions/native_call.h"

namespace rivulet::functions::geo::h3 {

namespace {

// A polygon on the plane of longitudes and latitudes, with its edges by the latitudes that they cross.
class PlanePolygon {
 public:
  explicit PlanePolygon(const Rings& rings) {
    for (const Path& path : rings) {
      Path ring{path.front()};
      for (size_t i = 1; i < path.size(); ++i) {
        // An edge goes the short way round the Earth: past the antimeridian longitudes go on.
        const double span = std::remainder(path[i].longitude - path[i - 1].longitude, 360);
        ring.push_back({ring.back().longitude + span, path[i].latitude});
      }
      // Holes lie at the same turn as the shell.
      const double offset =
          edges_.empty()
              ? 0
              : 360 * std::round((edges_.front().from.longitude - ring.front().longitude) / 360);
      for (size_t i = 0; i + 1 < ring.size(); ++i) {
        Edge edge{ring[i], ring[i + 1]};
        edge.from.longitude += offset;
        edge.to.longitude += offset;
        edges_.push_back(edge);
      }
    }
    south_ = 90;
    for (const Edge& edge : edges_) {
      south_ = std::min(south_, edge.from.latitude);
      north_ = std::max(north_, edge.from.latitude);
      west_ = std::min(west_, edge.from.longitude);
      east_ = std::max(east_, edge.from.longitude);
    }
    bands_.resize(std::min<size_t>(edges_.size(), 4096));
    for (const Edge& edge : edges_) {
      const auto [low, high] = std::minmax(edge.from.latitude, edge.to.latitude);
      for (size_t band = band_of(low); band <= band_of(high); ++band) bands_[band].push_back(edge);
    }
  }

  bool contains(Position position) const {
    if (position.latitude < south_ || position.latitude > north_) return false;
    for (double turn = 360 * std::ceil((west_ - position.longitude) / 360);
         position.longitude + turn <= east_; turn += 360) {
      if (contains_plane({position.longitude + turn, position.latitude})) return true;
    }
    return false;
  }

  // Calls visit(position) for positions along the edges, not farther from each other than `step` degrees; false,
  // and calls nothing, when they are more than `most`.
  template <typename Visit>
  bool walk_edges(double step, double most, Visit&& visit) const {
    const auto parts_of = [&](const Edge& edge) {
      const double length = std::hypot(edge.to.longitude - edge.from.longitude,
                                       edge.to.latitude - edge.from.latitude);
      return std::ceil(length / step) + 1;
    };
    double count = 0;
    for (const Edge& edge : edges_) count += parts_of(edge);
    if (count > most) return false;
    for (const Edge& edge : edges_) {
      const double parts = parts_of(edge);
      for (double i = 0; i < parts; ++i) {
        const double fraction = i / parts;
        visit(Position{
            std::remainder(
                edge.from.longitude + fraction * (edge.to.longitude - edge.from.longitude), 360),
            edge.from.latitude + fraction * (edge.to.latitude - edge.from.latitude)});
      }
    }
    return true;
  }

 private:
  struct Edge {
    Position from;
    Position to;
  };

  size_t band_of(double latitude) const {
    if (!(north_ > south_)) return 0;
    const double part =
        (latitude - south_) / (north_ - south_) * static_cast<double>(bands_.size());
    return std::min(static_cast<size_t>(std::max(part, 0.0)), bands_.size() - 1);
  }

  // By the number of edges east of the position.
  bool contains_plane(Position position) const {
    bool is_inside = false;
    for (const Edge& edge : bands_[band_of(position.latitude)]) {
      if ((edge.from.latitude > position.latitude) == (edge.to.latitude > position.latitude))
        continue;
      const double fraction =
          (position.latitude - edge.from.latitude) / (edge.to.latitude - edge.from.latitude);
      const double longitude =
          edge.from.longitude + fraction * (edge.to.longitude - edge.from.longitude);
      if (position.longitude < longitude) is_inside = !is_inside;
    }
    return is_inside;
  }

  std::vector<Edge> edges_;
  std::vector<std::vector<Edge>> bands_;
  double south_ = 90;
  double north_ = -90;
  double west_ = 1e9;
  double east_ = -1e9;
};

// Positions looked at along the edges of polygons: more belong to coverings that are too large.
constexpr double kMaxSamples = 500'000;

// What looking at a cell is counted as.
constexpr size_t kCellWork = 500;

// Less than the distance of neighbors' centers, in degrees of latitude.
double sample_step(int resolution) {
  return 5.0 * std::pow(7, -0.5 * resolution);
}

}  // namespace

std::optional<std::vector<Cell>> cells_in(const std::vector<Rings>& polygons, int resolution) {
  std::unordered_set<Cell> all;
  for (const Rings& rings : polygons) {
    const PlanePolygon polygon(rings);
    // From the cells along the edges, inwards.
    std::unordered_set<Cell> border;
    std::unordered_set<Cell> seen;
    std::deque<Cell> inside;
    const auto look_at = [&](Cell cell) {
      count_work(kCellWork);
      if (seen.insert(cell).second && polygon.contains(center(cell))) inside.push_back(cell);
    };
    const bool is_complete =
        polygon.walk_edges(sample_step(resolution), kMaxSamples, [&](Position position) {
          count_work(kCellWork);
          const Cell cell = cell_at(position, resolution);
          if (inside.size() > kMaxPolygonCells || !border.insert(cell).second) return;
          for (const auto& ring : h3::rings(cell, 1)) {
            for (const Cell near : ring) look_at(near);
          }
        });
    if (!is_complete) return std::nullopt;
    while (!inside.empty()) {
      const Cell cell = inside.front();
      inside.pop_front();
      all.insert(cell);
      if (all.size() > kMaxPolygonCells || inside.size() > kMaxPolygonCells) return std::nullopt;
      for (const auto& ring : h3::rings(cell, 1)) {
        for (const Cell near : ring) look_at(near);
      }
    }
  }
  std::vector<Cell> cells(all.begin(), all.end());
  std::sort(cells.begin(), cells.end());
  return cells;
}

}  // namespace rivulet::functions::geo::h3
