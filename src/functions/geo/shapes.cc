#include "functions/geo/shapes.h"

#include <s2/s2boolean_operation.h>
#include <s2/s2builder.h>
#include <s2/s2builderutil_s2polygon_layer.h>
#include <s2/s2builderutil_s2polyline_vector_layer.h>
#include <s2/s2builderutil_snap_functions.h>
#include <s2/s2edge_crossings.h>
#include <s2/s2error.h>
#include <s2/s2memory_tracker.h>
#include <s2/s2shapeutil_visit_crossing_edge_pairs.h>

#include <list>
#include <map>
#include <set>
#include <stdexcept>
#include <unordered_map>
#include <utility>

#include "functions/geo/sphere.h"
#include "functions/udf.h"

namespace rivulet::functions::geo {

namespace {

using s2builderutil::IdentitySnapFunction;
using s2builderutil::S2PolygonLayer;
using s2builderutil::S2PolylineVectorLayer;

// Rings are compared with each other to find which lies in which, so their number counts twice.
constexpr int kMaxRings = 20'000;
// Crossings make rings.
constexpr int kMaxCrossings = 40'000;
// What a vertex of a shape that is made is counted as (count_work): some microseconds.
constexpr size_t kVertexWork = 4'000;

std::unique_ptr<S2Polygon> new_polygon() {
  auto polygon = std::make_unique<S2Polygon>();
  polygon->set_s2debug_override(S2Debug::DISABLE);
  return polygon;
}

std::unique_ptr<S2Loop> make_ring(const Path& path) {
  std::vector<S2Point> vertices;
  vertices.reserve(path.size() - 1);
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const S2Point vertex = to_point(path[i]);
    if (!vertices.empty() && (vertex == vertices.back() || are_antipodal(vertex, vertices.back())))
      return nullptr;
    vertices.push_back(vertex);
  }
  if (vertices.front() == vertices.back() || are_antipodal(vertices.front(), vertices.back())) {
    return nullptr;
  }
  auto ring = std::make_unique<S2Loop>(vertices, S2Debug::DISABLE);
  // A ring has two sides: the smaller one is meant.
  ring->Normalize();
  return ring;
}

std::unique_ptr<S2Polygon> make_polygon(const Rings& rings) {
  if (rings.size() > kMaxRings) throw_too_complex();
  std::vector<std::unique_ptr<S2Loop>> loops;
  for (const Path& path : rings) {
    count_work(kVertexWork * path.size());
    auto loop = make_ring(path);
    if (loop == nullptr) return nullptr;
    loops.push_back(std::move(loop));
  }
  auto polygon = new_polygon();
  polygon->InitNested(std::move(loops));
  S2Error error;
  if (polygon->FindValidationError(&error)) return nullptr;
  // One shell with holes in it, and nothing in the holes.
  for (int i = 1; i < polygon->num_loops(); ++i) {
    if (polygon->loop(i)->depth() != 1) return nullptr;
  }
  return polygon;
}

std::unique_ptr<S2Polyline> make_line(const Path& path) {
  std::vector<S2Point> vertices;
  vertices.reserve(path.size());
  for (const Position position : path) {
    count_work(kVertexWork);
    const S2Point vertex = to_point(position);
    if (!vertices.empty() && vertex == vertices.back()) continue;
    if (!vertices.empty() && are_antipodal(vertex, vertices.back())) return nullptr;
    vertices.push_back(vertex);
  }
  if (vertices.size() < 2) return nullptr;
  auto line = std::make_unique<S2Polyline>(vertices, S2Debug::DISABLE);
  S2Error error;
  if (line->FindValidationError(&error)) return nullptr;
  return line;
}

std::vector<Rings> to_rings(const S2Polygon& polygon) {
  std::vector<Rings> result;
  for (int i = 0; i < polygon.num_loops(); ++i) {
    const S2Loop& loop = *polygon.loop(i);
    Path path;
    for (int vertex = 0; vertex < loop.num_vertices(); ++vertex) {
      path.push_back(to_position(loop.oriented_vertex(vertex)));
    }
    path.push_back(path.front());
    // Loops come in the order of their nesting: the holes of a shell follow it.
    if (!loop.is_hole() || result.empty()) result.emplace_back();
    result.back().push_back(std::move(path));
  }
  return result;
}

}  // namespace

void throw_too_complex() {
  throw std::length_error("the shapes of a geospatial function are too complex");
}

void check_crossings(const S2ShapeIndex& a, const S2ShapeIndex& b) {
  int count = 0;
  s2shapeutil::VisitCrossingEdgePairs(
      a, b, s2shapeutil::CrossingType::INTERIOR,
      [&](const s2shapeutil::ShapeEdge&, const s2shapeutil::ShapeEdge&, bool) {
        return ++count <= kMaxCrossings;
      });
  if (count > kMaxCrossings) throw_too_complex();
}

std::unique_ptr<LineShape> LineShape::read(std::string_view json) {
  const auto lines = read_lines(json);
  if (!lines) return nullptr;
  auto shape = std::make_unique<LineShape>();
  shape->is_multi_ = lines->is_multi;
  for (const Path& path : lines->lines) {
    auto line = make_line(path);
    if (line == nullptr) return nullptr;
    shape->lines_.push_back(std::move(line));
  }
  for (const auto& line : shape->lines_) {
    shape->index_.Add(std::make_unique<S2Polyline::Shape>(line.get()));
  }
  return shape;
}

size_t LineShape::vertex_count() const {
  size_t count = 0;
  for (const auto& line : lines_) count += line->num_vertices();
  return count;
}

std::vector<std::unique_ptr<S2Polyline>> LineShape::united() const {
  return unite_lines({&lines_});
}

std::unique_ptr<PolygonShape> PolygonShape::read(std::string_view json) {
  const auto parts = read_polygons(json);
  if (!parts) return nullptr;
  std::vector<std::unique_ptr<S2Polygon>> polygons;
  for (const Rings& rings : parts->polygons) {
    auto polygon = make_polygon(rings);
    if (polygon == nullptr) return nullptr;
    polygons.push_back(std::move(polygon));
  }
  auto shape = std::make_unique<PolygonShape>();
  shape->polygon_ = unite_polygons(std::move(polygons));
  return shape;
}

std::vector<std::unique_ptr<S2Polyline>> unite_lines(
    const std::vector<const std::vector<std::unique_ptr<S2Polyline>>*>& lines) {
  std::vector<std::unique_ptr<S2Polyline>> result;
  if (lines.size() == 1 && lines.front()->size() == 1) {
    result.emplace_back(lines.front()->front()->Clone());
    return result;
  }
  S2PolylineVectorLayer::Options options;
  options.set_s2debug_override(S2Debug::DISABLE);
  S2Builder builder{S2Builder::Options()};
  builder.StartLayer(std::make_unique<S2PolylineVectorLayer>(&result, options));
  // In either direction an edge counts once.
  std::set<std::pair<S2Point, S2Point>> seen;
  for (const auto* group : lines) {
    for (const auto& line : *group) {
      for (int i = 0; i + 1 < line->num_vertices(); ++i) {
        const S2Point& from = line->vertex(i);
        const S2Point& to = line->vertex(i + 1);
        if (seen.emplace(std::min(from, to), std::max(from, to)).second) builder.AddEdge(from, to);
      }
    }
  }
  S2Error error;
  if (!builder.Build(&error)) throw_too_complex();
  return result;
}

std::unique_ptr<S2Polygon> unite_polygons(std::vector<std::unique_ptr<S2Polygon>> polygons) {
  // The two simplest are united first, again and again; what they had in common does not count, which is
  // what S2's own union does and Kusto's results come from.
  std::multimap<int, std::unique_ptr<S2Polygon>> queue;
  int ring_count = 0;
  for (auto& polygon : polygons) {
    ring_count += polygon->num_loops();
    const int size = polygon->num_vertices();
    queue.emplace(size, std::move(polygon));
  }
  if (ring_count > kMaxRings) throw_too_complex();
  if (queue.empty()) return new_polygon();
  S2MemoryTracker tracker;
  tracker.set_limit_bytes(kMaxWorkBytes);
  while (queue.size() > 1) {
    auto a = queue.extract(queue.begin());
    const auto b = queue.extract(queue.begin());
    count_work(kVertexWork * static_cast<size_t>(a.key() + b.key()));
    check_crossings(a.mapped()->index(), b.mapped()->index());
    auto both = new_polygon();
    S2BooleanOperation::Options options{IdentitySnapFunction(S2::kIntersectionMergeRadius)};
    options.set_memory_tracker(&tracker);
    S2BooleanOperation operation(S2BooleanOperation::OpType::UNION,
                                 std::make_unique<S2PolygonLayer>(both.get()), options);
    S2Error error;
    if (!operation.Build(a.mapped()->index(), b.mapped()->index(), &error)) throw_too_complex();
    a.key() += b.key();
    a.mapped() = std::move(both);
    queue.insert(std::move(a));
  }
  return std::move(queue.begin()->second);
}

std::string write(const std::vector<std::unique_ptr<S2Polyline>>& lines) {
  std::vector<Path> paths;
  for (const auto& line : lines) {
    Path& path = paths.emplace_back();
    for (int i = 0; i < line->num_vertices(); ++i) path.push_back(to_position(line->vertex(i)));
  }
  return write_lines(paths);
}

std::string write(const S2Polygon& polygon) {
  if (polygon.is_empty() || polygon.is_full()) return {};
  return write_polygons(to_rings(polygon));
}

std::string write(const std::vector<std::unique_ptr<S2Polygon>>& polygons) {
  std::vector<Rings> all;
  for (const auto& polygon : polygons) {
    if (polygon->is_empty() || polygon->is_full()) continue;
    for (Rings& rings : to_rings(*polygon)) all.push_back(std::move(rings));
  }
  if (all.empty()) return {};
  return write_polygons(all);
}

std::string write(const std::vector<S2Point>& points) {
  std::vector<Position> positions;
  for (const S2Point& point : points) positions.push_back(to_position(point));
  return write_points(positions);
}

namespace {

// The shapes seen last, of one thread.
template <typename Shape>
class Cache {
 public:
  const Shape* get(std::string_view json) {
    // A constant is at one address for all rows of a block.
    for (int i = 0; i < kRecentCount; ++i) {
      const Recent& recent = recent_[i];
      if (current_block() != 0 && recent.block == current_block() &&
          recent.json.data() == json.data() && recent.json.size() == json.size()) {
        oldest_recent_ = 1 - i;
        return recent.shape.get();
      }
    }
    Recent& recent = recent_[oldest_recent_];
    recent = {current_block(), json, find(json)};
    oldest_recent_ = 1 - oldest_recent_;
    return recent.shape.get();
  }

 private:
  // A function has two shapes at most, which must live while it works.
  static constexpr int kRecentCount = 2;
  // Of their texts, with a charge for each: a shape takes several times the memory of its text.
  static constexpr size_t kMaxBytes = size_t{4} << 20;
  static constexpr size_t kEntryBytes = 1024;

  struct Entry {
    std::string json;
    std::shared_ptr<const Shape> shape;
  };
  struct Recent {
    uint64_t block = 0;
    std::string_view json;
    std::shared_ptr<const Shape> shape;
  };

  std::shared_ptr<const Shape> find(std::string_view json) {
    if (const auto found = index_.find(json); found != index_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return entries_.front().shape;
    }
    std::shared_ptr<const Shape> shape = Shape::read(json);
    if (json.size() + kEntryBytes > kMaxBytes) return shape;
    entries_.push_front({std::string(json), shape});
    index_.emplace(entries_.front().json, entries_.begin());
    bytes_ += json.size() + kEntryBytes;
    while (bytes_ > kMaxBytes) {
      bytes_ -= entries_.back().json.size() + kEntryBytes;
      index_.erase(entries_.back().json);
      entries_.pop_back();
    }
    return shape;
  }

  std::list<Entry> entries_;  // the one used last in front
  std::unordered_map<std::string_view, typename std::list<Entry>::iterator> index_;
  size_t bytes_ = 0;
  Recent recent_[kRecentCount];
  int oldest_recent_ = 0;
};

}  // namespace

template <typename Shape>
const Shape* shape_of(std::string_view json) {
  thread_local Cache<Shape> cache;
  return cache.get(json);
}

template const LineShape* shape_of<LineShape>(std::string_view);
template const PolygonShape* shape_of<PolygonShape>(std::string_view);

}  // namespace rivulet::functions::geo
