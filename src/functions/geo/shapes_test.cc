#include <cmath>
#include <sstream>

#include "functions/testing/sql_fixture.h"

namespace rivulet::functions {
namespace {

class GeoShapes : public SqlFixture {};

struct Case {
  const char* sql;
  const char* expected;
};

bool is_number(char c) {
  return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'E';
}

// Equal but for the last digits of numbers.
bool nearly_equal(const std::string& a, const std::string& b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_number(a[i]) && is_number(b[j])) {
      size_t a_size = 0;
      size_t b_size = 0;
      const double x = std::stod(a.substr(i), &a_size);
      const double y = std::stod(b.substr(j), &b_size);
      if (std::abs(x - y) > 1e-9 * std::max(1.0, std::abs(y))) return false;
      i += a_size;
      j += b_size;
    } else if (a[i++] != b[j++]) {
      return false;
    }
  }
  return i == a.size() && j == b.size();
}

const std::string kPark =
    R"('{"type":"Polygon","coordinates":[[[-73.9495,40.7969],[-73.95807266235352,40.80068603561921],)"
    R"([-73.98201942443848,40.76825672305777],[-73.97317886352539,40.76455136505513],[-73.9495,40.7969]]]}')";
const std::string kTwoParks =
    R"('{"type":"MultiPolygon","coordinates":[[[[-73.9495,40.7969],[-73.95807266235352,40.80068603561921],)"
    R"([-73.98201942443848,40.76825672305777],[-73.97317886352539,40.76455136505513],[-73.9495,40.7969]]],)"
    R"([[[-73.94262313842773,40.775991804565585],[-73.98107528686523,40.791849155467695],)"
    R"([-73.99600982666016,40.77092185281977],[-73.96150588989258,40.75609977566361],)"
    R"([-73.94262313842773,40.775991804565585]]]]}')";
const std::string kLine =
    R"('{"type":"LineString","coordinates":[[-73.95796,40.80042],[-73.97317,40.764486]]}')";

std::string polygon(const std::string& rings) {
  return R"('{"type":"Polygon","coordinates":)" + rings + "}'";
}
std::string line(const std::string& coordinates) {
  return R"('{"type":"LineString","coordinates":)" + coordinates + "}'";
}
std::string point(const std::string& coordinates) {
  return R"({"type":"Point","coordinates":)" + coordinates + "}";
}
std::string plain(const std::string& quoted) {
  return quoted.substr(1, quoted.size() - 2);
}
const std::string kNothing = R"({"type":"GeometryCollection","geometries":[]})";

void expect(const std::string& sql, const std::string& answer, const std::string& expected) {
  EXPECT_TRUE(nearly_equal(answer, expected))
      << sql << "\n  is       " << answer << "\n  expected " << expected;
}

TEST_F(GeoShapes, Measures) {
  const auto check = [](const std::string& sql, const std::string& expected) {
    expect(sql, evaluate(sql), expected);
  };
  check("k_geo_distance_to_polygon(-73.9839, 40.7705, " + kPark + ")", "259.940756070596");
  check("k_geo_distance_to_polygon(-73.965, 40.782, " + kPark + ")", "0.0");
  check("k_geo_in_polygon(-73.965, 40.782, " + kPark + ")", "true");
  check("k_geo_in_polygon(-73.9839, 40.7705, " + kPark + ")", "false");
  check("k_geo_closest_on_polygon(-73.9839, 40.7705, " + kPark + ")",
        point("[-73.981205580153926,40.769359452843211]"));
  check("k_geo_closest_on_polygon(-73.965, 40.782, " + kPark + ")", point("[-73.965,40.782]"));
  check("k_geo_polygon_area(" + kPark + ")", "3475207.28346606");
  check("k_geo_polygon_area(" + kTwoParks + ")", "10889971.5343487");
  check("k_geo_polygon_perimeter(" + kPark + ")", "9930.30149604938");
  check("k_geo_polygon_perimeter(" + kTwoParks + ")", "15943.5384578745");
  check("k_geo_polygon_centroid(" + kPark + ")", point("[-73.965735689907618,40.782550538057812]"));
  check("k_geo_polygon_centroid(" + kTwoParks + ")",
        point("[-73.968569587829577,40.776310752555119]"));
  check("k_geo_line_length(" + kLine + ")", "4195.891120055918");
  check("k_geo_line_centroid(" + kLine + ")", point("[-73.965567057230942,40.782453249627416]"));
  check("k_geo_line_interpolate(" + kLine + ", 0.25)",
        point("[-73.961764043218281,40.791436687257232]"));
  check("k_geo_line_interpolate(" + kLine + ", 1)", point("[-73.97317,40.764486]"));
  check("k_geo_line_locate(" + kLine + ", -73.965, 40.792, false)", "0.25560135100307552");
  check("k_geo_line_locate(" + kLine + ", -73.95, 40.82, true)", "0.0");
  check("k_geo_distance_to_line(-73.97317, 40.764486, " + kLine + ")", "0.0");
  check("k_geo_closest_on_line(-73.98, 40.76, " + kLine + ")", point("[-73.97317,40.764486]"));
  // A part that lines have in common counts once, in either direction.
  check(
      "k_geo_line_length('{\"type\":\"MultiLineString\",\"coordinates\":[[[0,0],[1,0],[2,0]],[[2,0]"
      ",[1,0]]]}')",
      "222390.20235496786");
}

TEST_F(GeoShapes, Overlays) {
  const auto check = [](const std::string& sql, const std::string& expected) {
    expect(sql, evaluate(sql), expected);
  };
  const std::string a = line("[[-73.978929,40.785155],[-73.980903,40.782621]]");
  const std::string b = line("[[-73.985195,40.788275],[-73.974552,40.779761]]");
  check("k_geo_lines_intersect(" + a + "," + b + ")", "true");
  check("k_geo_lines_intersection(" + a + "," + b + ")",
        point("[-73.979837116670978,40.783989289772165]"));
  check("k_geo_lines_intersection(" + a + "," + a + ")", plain(a));
  check("k_geo_lines_intersection(" + a + "," + line("[[1,1],[2,2]]") + ")", kNothing);
  check("k_geo_lines_intersect(" + a + "," + line("[[1,1],[2,2]]") + ")", "false");
  const std::string triangle = polygon("[[[2,45],[0,45],[1,44],[2,45]]]");
  const std::string at_corner = polygon("[[[3,44],[2,45],[2,43],[3,44]]]");
  check("k_geo_polygons_intersection(" + triangle + "," + at_corner + ")", point("[2.0,45.0]"));
  check("k_geo_polygons_intersect(" + triangle + "," + at_corner + ")", "true");
  check("k_geo_polygons_intersection(" + triangle + "," +
            polygon("[[[3,44],[3,45],[2,43],[3,44]]]") + ")",
        kNothing);
  check("k_geo_line_polygon_intersection(" + line("[[0,44.9],[2,44.9]]") + "," + triangle +
            ") LIKE "
            "'{\"type\":\"LineString\"%'",
        "true");
  check("k_geo_line_intersects_polygon(" + line("[[0,44.9],[2,44.9]]") + "," + triangle + ")",
        "true");
  // Opposite sides of a hole.
  check("k_geo_line_polygon_intersection(" + line("[[-110.522,39.198],[-91.428,40.880]]") + "," +
            polygon("[[[-90.263,36.738],[-102.041,45.274],[-109.335,36.527],[-90.263,36.738]],"
                    "[[-100.393,41.705],[-103.139,38.925],[-97.558,39.113],[-100.393,41.705]]]") +
            ")",
        R"({"type":"MultiLineString","coordinates":[[[-106.89353655881905,39.769226209776306],)"
        R"([-101.74448553679453,40.373506008712525]],[[-99.136499431328858,40.589336512699994],)"
        R"([-95.284527737311791,40.799060242246348]]]})");
  check("k_geo_unite_lines('[" + plain(line("[[0,0],[1,0]]")) + "," + plain(line("[[1,0],[0,0]]")) +
            "," + plain(line("[[1,0],[1,1]]")) + "]')",
        plain(line("[[0.0,0.0],[1.0,0.0],[1.0,1.0]]")));
  // Nine cells of a grid: the start and the order of the vertices are Kusto's.
  check(
      "(SELECT k_geo_unite_polygons('[' || string_agg(k_geo_geohash_polygon(cell), ',') || ']') "
      "FROM "
      "(SELECT unnest(['sunny','sunnt','sunpj','sunnx','sunpn','sunnv','sunpp','sunnz','sunnw']) "
      "AS cell))",
      plain(polygon(
          "[[[42.4072265625,23.642578125],[42.451171875,23.642578125],[42.4951171875,23.642578125],"
          "[42.5390625,23.642578125],[42.5390625,23.6865234375],[42.5390625,23.73046875],"
          "[42.5390625,23.7744140625],[42.4951171875,23.7744140625],[42.451171875,23.7744140625],"
          "[42.4072265625,23.7744140625],[42.4072265625,23.73046875],[42.4072265625,23.6865234375],"
          "[42.4072265625,23.642578125]]]")));
}

TEST_F(GeoShapes, Reshaping) {
  const auto check = [](const std::string& sql, const std::string& expected) {
    expect(sql, evaluate(sql), expected);
  };
  const std::string bent = line(
      "[[-73.97033169865608,40.789063020152824],[-73.97039607167244,40.78897975920816],"
      "[-73.9704617857933,40.78888837512432],[-73.97052884101868,40.7887949601531],"
      "[-73.9706052839756,40.788698498903564],[-73.97065222263336,40.78862640672032],"
      "[-73.97072866559029,40.78852791445617],[-73.97079303860664,40.788434498977836]]");
  check("k_geo_line_simplify(" + bent + ", 10)",
        plain(line(
            "[[-73.97033169865608,40.789063020152824],[-73.97079303860664,40.788434498977836]]")));
  check("k_geo_line_simplify(" + bent + ", 0)", plain(bent));
  check("k_geo_line_simplify(" + bent + ", 1000)", "NULL");
  check("k_geo_line_simplify(" + bent + ", -1)", "NULL");
  check("k_geo_line_simplify(" + bent + ", 7800000)", "NULL");
  check("k_geo_polygon_simplify(" + kPark + ", 10)", plain(kPark));
  check("k_geo_polygon_simplify(" + kPark + ", 1000000)", "NULL");
  check("k_geo_simplify_polygons('[" + plain(kPark) + "]', 10)", plain(kPark));
  check("k_geo_simplify_polygons('[" + plain(kPark) + ",1]', 10)", "NULL");
  check("k_geo_simplify_polygons('[]', 10)", "NULL");
  check("k_geo_line_densify(" + line("[[50,50],[51,51]]") + ", 10, false)",
        plain(line("[[50.0,50.0],[50.125,50.125],[50.25,50.25],[50.375,50.375],[50.5,50.5],"
                   "[50.625,50.625],[50.75,50.75],[50.875,50.875],[51.0,51.0]]")));
  check("k_geo_polygon_densify(" + polygon("[[[10,10],[11,10],[11,11],[10,11],[10,10]]]") +
            ", 10, false)",
        plain(polygon("[[[10.0,10.0],[10.25,10.0],[10.5,10.0],[10.75,10.0],[11.0,10.0],[11.0,11.0],"
                      "[10.75,11.0],[10.5,11.0],[10.25,11.0],[10.0,11.0],[10.0,10.0]]]")));
  check("k_geo_line_densify(" + line("[[179,60],[-179,60]]") + ", 200, true)",
        plain(line("[[179.0,60.0],[180.0,60.0],[-179.0,60.0]]")));
  check(
      "k_geo_line_densify(" + line("[[179,60],[-179,60]]") + ", 10000, false) LIKE '%[0.0,60.0]%'",
      "true");
  check("k_geo_line_densify(" + line("[[1,1],[2,2]]") + ", 0.09, false)", "NULL");
  check("k_geo_line_densify(" + line("[[1,1],[2,2]]") + ", 10001, false)", "NULL");
  // What a buffer covers, by its area.
  check("round(k_geo_polygon_area(k_geo_point_buffer(10, 10, 1000, 0.1)) / 1000)", "3141.0");
  check("round(k_geo_polygon_area(k_geo_point_buffer(10, 90, 1000, 0.1)) / 1000)", "3141.0");
  check("round(k_geo_polygon_area(k_geo_point_buffer(180, 10, 1000, 0.1)) / 1000)", "3141.0");
  check("round(k_geo_polygon_area(k_geo_line_buffer(" + line("[[0,0],[1,0]]") +
            ", 1000, 0.1)) / 1e6)",
        "226.0");
  check("k_geo_in_polygon(0, 44.5, k_geo_polygon_buffer(" +
            polygon("[[[2,45],[0,45],[1,44],[2,45]]]") + ", 50000, 10))",
        "true");
  check("k_geo_polygon_buffer(" + kPark + ", 0, 10)", "NULL");
  check("k_geo_polygon_buffer(" + kPark + ", 1000, 0)", "NULL");
  check("k_geo_polygon_buffer(" + kPark + ", 'inf', 10)", "NULL");
  check("k_geo_polygon_buffer(" + kPark + ", 30000000, 10000)", "NULL");
  check("k_geo_point_buffer(1, 1, 3000000, 0.1)", "NULL");
}

TEST_F(GeoShapes, Coverings) {
  const auto check = [](const std::string& sql, const std::string& expected) {
    expect(sql, evaluate(sql), expected);
  };
  const std::string big = polygon("[[[0,0],[0,50],[100,50],[0,0]]]");
  check("json_array_length(k_geo_polygon_to_s2cells(" + big + ", 5, 0))", "286");
  check("k_geo_polygon_to_s2cells(" + big + ", 30, 0)", "NULL");
  check("k_geo_polygon_to_s2cells(" + big + ", 31, 0)", "NULL");
  check("k_geo_polygon_to_s2cells(" + big + ", -1, 0)", "NULL");
  check("k_geo_polygon_to_s2cells(" + big + ", 5, -1)", "NULL");
  check("k_geo_polygon_to_s2cells(" + big + ", 0, 1e9)", R"(["1","3","5","7","9","b"])");
  check("k_geo_line_to_s2cells(" + kLine + ", 11, 0)", R"(["89c258c","89c2f64"])");
  check("k_geo_line_to_s2cells(" + kLine + ", 30, 0)", "NULL");
  check("json_array_length(k_geo_line_to_s2cells(" + kLine +
            ", 14, 500)) > "
            "json_array_length(k_geo_line_to_s2cells(" +
            kLine + ", 14, 0))",
        "true");
}

TEST_F(GeoShapes, WhatIsNotValidIsNull) {
  const std::string polygons[] = {
      "'1'",
      "'null'",
      "'{}'",
      "'[]'",
      R"('{"type":"Polygon"}')",
      R"('{"type":"polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}')",
      R"('{"type":"LineString","coordinates":[[0,0],[1,0],[1,1],[0,0]]}')",
      R"('{"type":"MultiPolygon","coordinates":[]}')",
      R"('{"type":"MultiPolygon","coordinates":[[]]}')",
      polygon("[]"),
      polygon("[[]]"),
      polygon("{}"),
      polygon("[[[0,0],[1,0],[1,1]]]"),
      polygon("[[[0,0],[1,0],[1,1],[0,1]]]"),      // open
      polygon("[[[0,0],[10,10],[10,10],[0,0]]]"),  // two vertices
      polygon("[[[0,0],[0,0],[0,0],[0,0]]]"),
      polygon("[[[0,0],[1,0],[0,0],[0,1],[0,0]]]"),  // there and back
      polygon("[[[0,0],[1,1],[1,0],[0,1],[0,0]]]"),  // crosses itself
      polygon("[[[0,0],[1,0],[300,1],[0,0]]]"),
      polygon("[[[0,0],[1,0],[1,91],[0,0]]]"),
      polygon("[[[0,0],[1,0],[\"1\",1],[0,0]]]"),
      polygon("[[[0,0],[1,0],[null,1],[0,0]]]"),
      polygon("[[[0,0],[1,0],[1],[0,0]]]"),
      polygon("[[[0,0],[180,0],[90,1],[0,0]]]"),  // half the Earth is no edge
      polygon("[[[0,0],[1,0],[1,1],[0,0]],[[2,2],[3,2],[3,3],[2,2]]]"),     // the hole is outside
      polygon("[[[0,0],[4,0],[4,4],[0,0]],[[0,0],[4,0],[4,4],[0,0]]]"),     // shared edges
      polygon("[[[0,0],[4,0],[4,4],[0,0]],[[1,-1],[3,-1],[3,1],[1,-1]]]"),  // crossing rings
      "'" + std::string(5000, '[') + "'",
  };
  for (const std::string& invalid : polygons) {
    for (const std::string& sql : {
             "k_geo_in_polygon(1, 1, " + invalid + ")",
             "k_geo_distance_to_polygon(1, 1, " + invalid + ")",
             "k_geo_closest_on_polygon(1, 1, " + invalid + ")",
             "k_geo_polygon_area(" + invalid + ")",
             "k_geo_polygon_perimeter(" + invalid + ")",
             "k_geo_polygon_centroid(" + invalid + ")",
             "k_geo_polygon_simplify(" + invalid + ", 10)",
             "k_geo_polygon_densify(" + invalid + ", 10, false)",
             "k_geo_polygon_buffer(" + invalid + ", 10, 1)",
             "k_geo_polygon_to_s2cells(" + invalid + ", 10, 0)",
             "k_geo_polygons_intersection(" + kPark + "," + invalid + ")",
             "k_geo_polygons_intersect(" + kPark + "," + invalid + ")",
             "k_geo_unite_polygons(" + invalid + ")",
             "k_geo_unite_polygons('[" + plain(kPark) + "," + plain(invalid) + "]')",
             "k_geo_line_polygon_intersection(" + kLine + "," + invalid + ")",
         }) {
      EXPECT_EQ(evaluate(sql), "NULL") << sql.substr(0, 300);
    }
  }
  const std::string lines[] = {
      "'{}'",
      line("[]"),
      line("[[1,1]]"),
      line("[[1,1],[1,1]]"),
      line("[[[0,0],[0,0]]]"),
      line("[[1,1],[181,1]]"),
      line("[[1,1],[-179,-1]]"),  // antipodal
      line("[[10,90],[20,-90]]"),
      R"('{"type":"MultiLineString","coordinates":[[[0,0],[1,1]],[[0,0]]]}')",
  };
  for (const std::string& invalid : lines) {
    for (const std::string& sql : {
             "k_geo_distance_to_line(1, 1, " + invalid + ")",
             "k_geo_closest_on_line(1, 1, " + invalid + ")",
             "k_geo_line_length(" + invalid + ")",
             "k_geo_line_centroid(" + invalid + ")",
             "k_geo_line_interpolate(" + invalid + ", 0.5)",
             "k_geo_line_locate(" + invalid + ", 1, 1, true)",
             "k_geo_line_simplify(" + invalid + ", 10)",
             "k_geo_line_densify(" + invalid + ", 10, false)",
             "k_geo_line_buffer(" + invalid + ", 10, 1)",
             "k_geo_line_to_s2cells(" + invalid + ", 10, 0)",
             "k_geo_lines_intersection(" + kLine + "," + invalid + ")",
             "k_geo_lines_intersect(" + kLine + "," + invalid + ")",
             "k_geo_line_intersects_polygon(" + invalid + "," + kPark + ")",
             "k_geo_unite_lines('[" + plain(invalid) + "]')",
         }) {
      EXPECT_EQ(evaluate(sql), "NULL") << sql.substr(0, 300);
    }
  }
  EXPECT_EQ(evaluate("k_geo_in_polygon(181, 1, " + kPark + ")"), "NULL");
  EXPECT_EQ(evaluate("k_geo_distance_to_line(1, 'nan', " + kLine + ")"), "NULL");
  EXPECT_EQ(evaluate("k_geo_line_interpolate(" + kLine + ", 1.5)"), "NULL");
  EXPECT_EQ(evaluate("k_geo_line_interpolate(" + kLine + ", 'nan')"), "NULL");
}

// The shapes of a column change from row to row, and are many.
TEST_F(GeoShapes, ManyShapes) {
  EXPECT_EQ(
      query("SELECT count(*) FROM (SELECT i, '{\"type\":\"Polygon\",\"coordinates\":[[[' || i % "
            "100 || "
            "',0],[' || i % 100 + 1 || ',0],[' || i % 100 || ',1],[' || i % 100 || ',0]]]}' AS p "
            "FROM range(20000) t(i)) WHERE k_geo_in_polygon(i % 100 + 0.25, 0.25, p)"),
      "20000");
  EXPECT_EQ(query("SELECT count(*) FROM (SELECT i, "
                  "'{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[0,' || "
                  "1 + i / 100000.0 || '],[0,0]]]}' AS p FROM range(20000) t(i)) "
                  "WHERE k_geo_polygons_intersect(p, "
                  "'{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[-1,0],[0,-1],[0,0]]]}')"),
            "20000");
}

// Work that would take too long or too much memory is refused.
TEST_F(GeoShapes, TooComplex) {
  // A comb of 1,500 teeth across another one.
  const std::string comb =
      "(SELECT '{\"type\":\"LineString\",\"coordinates\":[' || string_agg(CASE WHEN i % 2 = 0 "
      "THEN '[' || i / 1000.0 || ',0]' ELSE '[' || i / 1000.0 || ',3]' END, ',') || ']}' "
      "FROM range(60000) t(i))";
  EXPECT_EQ(evaluate("k_geo_line_buffer(" + comb + ", 1000000, 1)").substr(0, 30),
            "error: Invalid Input Error: th");
}

}  // namespace
}  // namespace rivulet::functions
