#include "functions/geo/wkt.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "functions/geo/geojson.h"

namespace rivulet::functions::geo {

namespace {

// Collections within collections.
constexpr int kMaxDepth = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<std::string> run() {
    std::string json;
    if (!geometry(json, 0)) return std::nullopt;
    blanks();
    if (at_ != text_.size()) return std::nullopt;
    return json;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

  void blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  bool take(char c) {
    blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // In upper case.
  std::string word() {
    blanks();
    std::string word;
    while (at_ < text_.size() && is_letter(text_[at_])) {
      const char c = text_[at_++];
      word += c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return word;
  }

  bool number(double& value) {
    blanks();
    if (at_ < text_.size() && text_[at_] == '+') ++at_;
    const char* end = text_.data() + text_.size();
    const auto [next, error] = std::from_chars(text_.data() + at_, end, value);
    if (error != std::errc() || !std::isfinite(value)) return false;
    at_ = next - text_.data();
    return at_ == text_.size() || is_blank(text_[at_]) || text_[at_] == ',' || text_[at_] == ')';
  }

  bool position(Position& value) { return number(value.longitude) && number(value.latitude); }

  // A position of a MULTIPOINT may have parentheses of its own.
  bool point(Position& value) {
    if (!take('(')) return position(value);
    return position(value) && take(')');
  }

  // "(element, element, …)"
  template <typename ReadElement>
  bool list(ReadElement&& read_element) {
    if (!take('(')) return false;
    do {
      if (!read_element()) return false;
    } while (take(','));
    return take(')');
  }

  bool path(Path& path, size_t least) {
    return list([&] { return position(path.emplace_back()); }) && path.size() >= least;
  }
  bool line(Path& line) { return path(line, 2); }
  bool ring(Path& ring) { return path(ring, 4) && ring.front() == ring.back(); }
  bool rings(Rings& rings) {
    return list([&] { return ring(rings.emplace_back()); });
  }

  bool geometry(std::string& json, int depth) {
    const std::string type = word();
    if (type == "POINT") {
      Path points;
      if (!list([&] { return position(points.emplace_back()); }) || points.size() != 1)
        return false;
      json += write_points(points);
    } else if (type == "MULTIPOINT") {
      Path points;
      if (!list([&] { return point(points.emplace_back()); })) return false;
      json += write_multi_points(points);
    } else if (type == "LINESTRING" || type == "MULTILINESTRING") {
      Lines lines;
      lines.is_multi = type.front() == 'M';
      const auto read = [&] { return line(lines.lines.emplace_back()); };
      if (!(lines.is_multi ? list(read) : read())) return false;
      json += write_lines(lines);
    } else if (type == "POLYGON" || type == "MULTIPOLYGON") {
      Polygons polygons;
      polygons.is_multi = type.front() == 'M';
      const auto read = [&] { return rings(polygons.polygons.emplace_back()); };
      if (!(polygons.is_multi ? list(read) : read())) return false;
      json += write_polygons(polygons);
    } else if (type == "GEOMETRYCOLLECTION" && depth < kMaxDepth) {
      json += R"({"type":"GeometryCollection","geometries":[)";
      bool is_first = true;
      const auto read = [&] {
        if (!is_first) json += ',';
        is_first = false;
        return geometry(json, depth + 1);
      };
      if (!list(read)) return false;
      json += "]}";
    } else {
      return false;
    }
    return true;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<std::string> wkt_to_geojson(std::string_view wkt) {
  return Parser(wkt).run();
}

}  // namespace rivulet::functions::geo
