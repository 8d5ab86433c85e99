#pragma once

#include <s2/mutable_s2shape_index.h>
#include <s2/s2polygon.h>
#include <s2/s2polyline.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "functions/geo/geojson.h"

// Lines and polygons on the sphere, made of GeoJSON that is proved valid first: S2 is undefined for
// what is not. Shapes are read by one thread at a time.
namespace rivulet::functions::geo {

class LineShape {
 public:
  // Null when `json` is no valid LineString or MultiLineString. Equal vertices that follow each other
  // count as one.
  static std::unique_ptr<LineShape> read(std::string_view json);

  const std::vector<std::unique_ptr<S2Polyline>>& lines() const { return lines_; }
  const S2ShapeIndex& index() const { return index_; }
  bool is_multi() const { return is_multi_; }
  size_t vertex_count() const;
  // The lines, with what several of them have in common once.
  std::vector<std::unique_ptr<S2Polyline>> united() const;

 private:
  bool is_multi_ = false;
  std::vector<std::unique_ptr<S2Polyline>> lines_;
  MutableS2ShapeIndex index_;
};

class PolygonShape {
 public:
  // Null when `json` is no valid Polygon or MultiPolygon. The polygons of a MultiPolygon are united.
  static std::unique_ptr<PolygonShape> read(std::string_view json);

  const S2Polygon& polygon() const { return *polygon_; }
  const S2ShapeIndex& index() const { return polygon_->index(); }
  // The shape is of no use afterwards.
  std::unique_ptr<S2Polygon> take_polygon() { return std::move(polygon_); }

 private:
  std::unique_ptr<S2Polygon> polygon_;
};

std::vector<std::unique_ptr<S2Polyline>> unite_lines(
    const std::vector<const std::vector<std::unique_ptr<S2Polyline>>*>& lines);
// Null when the result is too complex (see kMaxWorkBytes).
std::unique_ptr<S2Polygon> unite_polygons(std::vector<std::unique_ptr<S2Polygon>> polygons);

// What one operation of S2 may take in memory: shapes that cross each other in millions of places are
// refused, by an exception that ends the query, rather than to exhaust the process.
constexpr int64_t kMaxWorkBytes = int64_t{256} << 20;
[[noreturn]] void throw_too_complex();
// Throws when the edges of the shapes cross in more places than an operation on both may take.
void check_crossings(const S2ShapeIndex& a, const S2ShapeIndex& b);

// GeoJSON of shapes.
std::string write(const std::vector<std::unique_ptr<S2Polyline>>& lines);
// Empty when the polygon is, or when it is the whole sphere, which no GeoJSON says.
std::string write(const S2Polygon& polygon);
std::string write(const std::vector<std::unique_ptr<S2Polygon>>& polygons);
// A Point or a MultiPoint.
std::string write(const std::vector<S2Point>& points);

// The shape that a text says, made again only when it has not been seen lately. The shape lives until
// the second next call on this thread. Null when there is none.
template <typename Shape>
const Shape* shape_of(std::string_view json);

extern template const LineShape* shape_of<LineShape>(std::string_view);
extern template const PolygonShape* shape_of<PolygonShape>(std::string_view);

}  // namespace rivulet::functions::geo
