#include "functions/geo/overlay.h"

#include <s2/s2boolean_operation.h>
#include <s2/s2builderutil_closed_set_normalizer.h>
#include <s2/s2builderutil_s2point_vector_layer.h>
#include <s2/s2builderutil_s2polygon_layer.h>
#include <s2/s2builderutil_s2polyline_vector_layer.h>
#include <s2/s2error.h>
#include <s2/s2memory_tracker.h>

#include <vector>

#include "functions/geo/shapes.h"

namespace rivulet::functions::geo {

namespace {

using s2builderutil::S2PointVectorLayer;
using s2builderutil::S2PolygonLayer;
using s2builderutil::S2PolylineVectorLayer;

S2BooleanOperation::Options closed_options(S2MemoryTracker& tracker) {
  tracker.set_limit_bytes(kMaxWorkBytes);
  S2BooleanOperation::Options options;
  options.set_polygon_model(S2BooleanOperation::PolygonModel::CLOSED);
  options.set_polyline_model(S2BooleanOperation::PolylineModel::CLOSED);
  options.set_memory_tracker(&tracker);
  return options;
}

}  // namespace

bool intersects(const S2ShapeIndex& a, const S2ShapeIndex& b) {
  S2MemoryTracker tracker;
  return S2BooleanOperation::Intersects(a, b, closed_options(tracker));
}

std::string intersection(const S2ShapeIndex& a, const S2ShapeIndex& b) {
  check_crossings(a, b);
  S2MemoryTracker tracker;
  std::vector<S2Point> points;
  std::vector<std::unique_ptr<S2Polyline>> lines;
  S2Polygon polygon;
  polygon.set_s2debug_override(S2Debug::DISABLE);

  S2PointVectorLayer::Options point_options;
  point_options.set_duplicate_edges(S2Builder::GraphOptions::DuplicateEdges::MERGE);
  S2PolylineVectorLayer::Options line_options;
  line_options.set_duplicate_edges(S2Builder::GraphOptions::DuplicateEdges::MERGE);
  line_options.set_s2debug_override(S2Debug::DISABLE);
  s2builderutil::LayerVector layers(3);
  layers[0] = std::make_unique<S2PointVectorLayer>(&points, point_options);
  layers[1] = std::make_unique<S2PolylineVectorLayer>(&lines, line_options);
  layers[2] = std::make_unique<S2PolygonLayer>(&polygon);
  S2BooleanOperation operation(S2BooleanOperation::OpType::INTERSECTION,
                               s2builderutil::NormalizeClosedSet(std::move(layers)),
                               closed_options(tracker));
  S2Error error;
  if (!operation.Build(a, b, &error)) throw_too_complex();

  std::vector<std::string> geometries;
  if (!points.empty()) geometries.push_back(write(points));
  if (!lines.empty()) geometries.push_back(write(lines));
  if (!polygon.is_empty()) geometries.push_back(write(polygon));
  return write_collection(geometries);
}

}  // namespace rivulet::functions::geo
