#include "functions/geo/reshape.h"

#include <s2/s1chord_angle.h>
#include <s2/s2buffer_operation.h>
#include <s2/s2builder.h>
#include <s2/s2builderutil_s2polygon_layer.h>
#include <s2/s2builderutil_s2polyline_vector_layer.h>
#include <s2/s2builderutil_snap_functions.h>
#include <s2/s2edge_distances.h>
#include <s2/s2error.h>
#include <s2/s2memory_tracker.h>

#include <algorithm>
#include <cmath>

#include "functions/geo/sphere.h"
#include "functions/native_call.h"

namespace rivulet::functions::geo {

namespace {

using s2builderutil::IdentitySnapFunction;
using s2builderutil::S2PolygonLayer;
using s2builderutil::S2PolylineVectorLayer;

// Vertices that a buffer may be computed from: those of the shape times those of a circle.
constexpr double kMaxBufferVertices = 4e6;
// Positions of a densified line or polygon, as in Kusto.
constexpr size_t kMaxDensifiedPositions = 10'485'760;

S2Builder::Options simplification(double tolerance_meters) {
  S2Builder::Options options(
      IdentitySnapFunction(S1Angle::Radians(tolerance_meters / kEarthRadiusMeters)));
  options.set_simplify_edge_chains(true);
  return options;
}

std::unique_ptr<S2Polygon> new_polygon() {
  auto polygon = std::make_unique<S2Polygon>();
  polygon->set_s2debug_override(S2Debug::DISABLE);
  return polygon;
}

// Runs a buffer operation on what `add` gives it.
template <typename Add>
std::unique_ptr<S2Polygon> buffer_with(double radius_meters, double tolerance_meters,
                                       size_t vertex_count, Add&& add) {
  // A tolerance above the radius counts as the radius.
  const double error = std::min(tolerance_meters / radius_meters, 1.0);
  if (!(radius_meters > 0) || !std::isfinite(radius_meters) || !(tolerance_meters > 0) ||
      error < S2BufferOperation::Options::kMinErrorFraction) {
    return nullptr;
  }
  S2BufferOperation::Options options(S1Angle::Radians(radius_meters / kEarthRadiusMeters));
  options.set_error_fraction(error);
  if (static_cast<double>(vertex_count) * options.circle_segments() > kMaxBufferVertices) {
    throw_too_complex();
  }
  S2MemoryTracker tracker;
  tracker.set_limit_bytes(kMaxWorkBytes);
  options.set_memory_tracker(&tracker);
  auto polygon = new_polygon();
  S2BufferOperation operation(std::make_unique<S2PolygonLayer>(polygon.get()), options);
  add(operation);
  S2Error build_error;
  if (!operation.Build(&build_error)) throw_too_complex();
  return polygon;
}

double wrapped(double longitude) {
  if (longitude > 180) return longitude - 360;
  if (longitude < -180) return longitude + 360;
  return longitude;
}

struct PlaneEdge {
  Position from;
  Position to;
};

Position interpolate(const PlaneEdge& edge, double fraction) {
  return {edge.from.longitude + fraction * (edge.to.longitude - edge.from.longitude),
          edge.from.latitude + fraction * (edge.to.latitude - edge.from.latitude)};
}

S2Point to_wrapped_point(Position position) {
  return to_point({wrapped(position.longitude), position.latitude});
}

// How far the geodesic between the ends of the edge goes from it at most, by the distance at the two
// fractions where it is greatest for most edges, and the part of the tolerance that makes up for the rest.
constexpr double kSampleFraction = 0.31215691082248312;
constexpr double kToleranceFraction = 0.83829992569888509;

S1ChordAngle deviation(const PlaneEdge& edge) {
  const S2Point from = to_wrapped_point(edge.from);
  const S2Point to = to_wrapped_point(edge.to);
  // The estimate does not hold for edges beyond a quarter of the circumference.
  if (from.DotProd(to) < -1e-14) return S1ChordAngle::Infinity();
  S1ChordAngle result = S1ChordAngle::Zero();
  for (const double fraction : {kSampleFraction, 1 - kSampleFraction}) {
    result = std::max(result, S1ChordAngle(S2::Interpolate(from, to, fraction),
                                           to_wrapped_point(interpolate(edge, fraction))));
  }
  return result;
}

bool add_edge(const PlaneEdge& edge, S1ChordAngle tolerance, size_t most, Path& path) {
  if (path.size() >= most) return false;
  if (deviation(edge) <= tolerance) {
    path.push_back(edge.to);
    return true;
  }
  const Position middle = interpolate(edge, 0.5);
  return add_edge({edge.from, middle}, tolerance, most, path) &&
         add_edge({middle, edge.to}, tolerance, most, path);
}

}  // namespace

bool is_simplification_tolerance(double tolerance_meters) {
  return tolerance_meters >= 0 && tolerance_meters / kEarthRadiusMeters <=
                                      S2Builder::SnapFunction::kMaxSnapRadius().radians();
}

std::vector<std::unique_ptr<S2Polyline>> simplify_lines(
    const std::vector<std::unique_ptr<S2Polyline>>& lines, double tolerance_meters) {
  std::vector<std::unique_ptr<S2Polyline>> result;
  S2PolylineVectorLayer::Options options;
  options.set_s2debug_override(S2Debug::DISABLE);
  options.set_duplicate_edges(S2Builder::GraphOptions::DuplicateEdges::MERGE);
  // A line that crosses itself stays one line.
  if (lines.size() == 1) options.set_polyline_type(S2Builder::Graph::PolylineType::WALK);
  S2Builder builder(simplification(tolerance_meters));
  builder.StartLayer(std::make_unique<S2PolylineVectorLayer>(&result, options));
  for (const auto& line : lines) builder.AddPolyline(*line);
  S2Error error;
  if (!builder.Build(&error)) throw_too_complex();
  return result;
}

std::vector<std::unique_ptr<S2Polygon>> simplify_polygons(
    const std::vector<const S2Polygon*>& polygons, double tolerance_meters) {
  std::vector<std::unique_ptr<S2Polygon>> result;
  S2Builder builder(simplification(tolerance_meters));
  for (const S2Polygon* polygon : polygons) {
    result.push_back(new_polygon());
    builder.StartLayer(std::make_unique<S2PolygonLayer>(result.back().get()));
    builder.AddPolygon(*polygon);
  }
  S2Error error;
  if (!builder.Build(&error)) throw_too_complex();
  return result;
}

std::unique_ptr<S2Polygon> buffer(const S2Point& point, double radius_meters,
                                  double tolerance_meters) {
  return buffer_with(radius_meters, tolerance_meters, 1,
                     [&](S2BufferOperation& operation) { operation.AddPoint(point); });
}

std::unique_ptr<S2Polygon> buffer(const S2ShapeIndex& index, double radius_meters,
                                  double tolerance_meters) {
  size_t edge_count = 0;
  for (int i = 0; i < index.num_shape_ids(); ++i) edge_count += index.shape(i)->num_edges();
  return buffer_with(radius_meters, tolerance_meters, edge_count,
                     [&](S2BufferOperation& operation) { operation.AddShapeIndex(index); });
}

bool is_densification_tolerance(double tolerance_meters) {
  return tolerance_meters >= 0.1 && tolerance_meters <= 10'000;
}

// What an edge to densify is counted as: it becomes some hundred positions, or many.
constexpr size_t kEdgeWork = 10'000;

bool densify_all(std::vector<Path>& paths, double tolerance_meters, bool preserves_crossing) {
  const S1ChordAngle tolerance(
      S1Angle::Radians(kToleranceFraction * tolerance_meters / kEarthRadiusMeters));
  std::vector<Path> results;
  size_t total = 0;
  for (const Path& path : paths) {
    Path& result = results.emplace_back();
    result.push_back(path.front());
    for (size_t i = 0; i + 1 < path.size(); ++i) {
      PlaneEdge edge{path[i], path[i + 1]};
      const size_t begin = result.size();
      count_work(kEdgeWork);
      if (preserves_crossing) {
        const double span = edge.to.longitude - edge.from.longitude;
        if (span > 180) edge.to.longitude -= 360;
        if (span < -180) edge.to.longitude += 360;
      }
      if (!add_edge(edge, tolerance, kMaxDensifiedPositions - total, result)) return false;
      for (size_t j = begin; j < result.size(); ++j)
        result[j].longitude = wrapped(result[j].longitude);
      result.back() = path[i + 1];
    }
    total += result.size();
  }
  paths = std::move(results);
  return true;
}

}  // namespace rivulet::functions::geo
