#include "functions/geo/geojson.h"

#include <cmath>

#include "functions/json/json.h"

namespace rivulet::functions::geo {

namespace {

// Of the quoted JSON string `type`.
bool has_type(std::string_view object, std::string_view type) {
  const std::string_view token = json_member(object, "type");
  return token.size() == type.size() + 2 && token.front() == '"' &&
         token.substr(1, type.size()) == type;
}

bool read_position(std::string_view json, Position& position) {
  int count = 0;
  bool is_good = json_kind(json) == JsonKind::kArray;
  for_each_element(json, [&](std::string_view element) {
    const JsonKind kind = json_kind(element);
    if (count < 2) {
      if (kind == JsonKind::kLong || kind == JsonKind::kReal) {
        const auto value = json_double(element);
        if (value) (count == 0 ? position.longitude : position.latitude) = *value;
        if (!value) is_good = false;
      } else {
        is_good = false;
      }
    }
    ++count;
    return is_good;
  });
  return is_good && count >= 2 && is_valid(position);
}

// Reads an array whose elements `read_element` reads, into `out`.
template <typename T, typename ReadElement>
bool read_array(std::string_view json, std::vector<T>& out, ReadElement&& read_element) {
  bool is_good = json_kind(json) == JsonKind::kArray;
  for_each_element(json, [&](std::string_view element) {
    is_good = read_element(element, out.emplace_back());
    return is_good;
  });
  return is_good;
}

bool read_path(std::string_view json, Path& path) {
  return read_array(json, path, read_position);
}

bool read_line(std::string_view json, Path& path) {
  return read_path(json, path) && path.size() >= 2;
}

bool read_ring(std::string_view json, Path& path) {
  return read_path(json, path) && path.size() >= 4 && path.front() == path.back();
}

bool read_rings(std::string_view json, Rings& rings) {
  return read_array(json, rings, read_ring) && !rings.empty();
}

class Writer {
 public:
  explicit Writer(std::string_view type) {
    text_ = R"({"type":")";
    text_ += type;
    text_ += R"(","coordinates":)";
  }

  void add(Position position) {
    text_ += '[';
    append_json_double(text_, position.longitude);
    text_ += ',';
    append_json_double(text_, position.latitude);
    text_ += ']';
  }
  template <typename T>
  void add(const std::vector<T>& elements) {
    text_ += '[';
    bool is_first = true;
    for (const T& element : elements) {
      if (!is_first) text_ += ',';
      is_first = false;
      add(element);
    }
    text_ += ']';
  }
  std::string finish() { return std::move(text_) + '}'; }

 private:
  std::string text_;
};

template <typename T>
std::string write_one_or_many(std::string_view type, std::string_view multi_type, bool is_multi,
                              const std::vector<T>& elements) {
  Writer writer(is_multi ? multi_type : type);
  if (is_multi) {
    writer.add(elements);
  } else {
    writer.add(elements.front());
  }
  return writer.finish();
}

}  // namespace

bool is_valid(Position position) {
  // Not-a-number fails every comparison.
  return std::abs(position.longitude) <= 180 && std::abs(position.latitude) <= 90;
}

std::optional<Position> read_point(std::string_view json) {
  Position position;
  if (!has_type(json, "Point") || !read_position(json_member(json, "coordinates"), position)) {
    return std::nullopt;
  }
  return position;
}

std::optional<Lines> read_lines(std::string_view json) {
  Lines lines;
  if (has_type(json, "LineString")) {
    if (!read_line(json_member(json, "coordinates"), lines.lines.emplace_back()))
      return std::nullopt;
    return lines;
  }
  lines.is_multi = true;
  if (!has_type(json, "MultiLineString") ||
      !read_array(json_member(json, "coordinates"), lines.lines, read_line) ||
      lines.lines.empty()) {
    return std::nullopt;
  }
  return lines;
}

std::optional<Polygons> read_polygons(std::string_view json) {
  Polygons polygons;
  if (has_type(json, "Polygon")) {
    if (!read_rings(json_member(json, "coordinates"), polygons.polygons.emplace_back())) {
      return std::nullopt;
    }
    return polygons;
  }
  polygons.is_multi = true;
  if (!has_type(json, "MultiPolygon") ||
      !read_array(json_member(json, "coordinates"), polygons.polygons, read_rings) ||
      polygons.polygons.empty()) {
    return std::nullopt;
  }
  return polygons;
}

std::string write_points(const std::vector<Position>& points) {
  return write_one_or_many("Point", "MultiPoint", points.size() != 1, points);
}

std::string write_multi_points(const std::vector<Position>& points) {
  return write_one_or_many("Point", "MultiPoint", true, points);
}

std::string write_lines(const std::vector<Path>& lines) {
  return write_one_or_many("LineString", "MultiLineString", lines.size() != 1, lines);
}

std::string write_lines(const Lines& lines) {
  return write_one_or_many("LineString", "MultiLineString", lines.is_multi, lines.lines);
}

std::string write_polygons(const std::vector<Rings>& polygons) {
  return write_one_or_many("Polygon", "MultiPolygon", polygons.size() != 1, polygons);
}

std::string write_polygons(const Polygons& polygons) {
  return write_one_or_many("Polygon", "MultiPolygon", polygons.is_multi, polygons.polygons);
}

std::string write_collection(const std::vector<std::string>& geometries) {
  if (geometries.size() == 1) return geometries.front();
  std::string text = R"({"type":"GeometryCollection","geometries":[)";
  bool is_first = true;
  for (const std::string& geometry : geometries) {
    if (!is_first) text += ',';
    is_first = false;
    text += geometry;
  }
  text += "]}";
  return text;
}

}  // namespace rivulet::functions::geo
