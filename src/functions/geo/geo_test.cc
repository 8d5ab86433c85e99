#include "functions/testing/sql_fixture.h"

namespace rivulet::functions {
namespace {

class Geo : public SqlFixture {};

struct Case {
  const char* sql;
  const char* expected;
};

TEST_F(Geo, Points) {
  const Case cases[] = {
      {"round(k_geo_distance(-122.407628, 47.578557, -118.275287, 34.019056, false), 6)",
       "1546754.351974"},
      {"round(k_geo_distance(0, 0, 1, 0, true), 6)", "111319.490793"},
      {"round(k_geo_distance(0, 0, 180, 0, true), 3)", "20003931.459"},
      {"round(k_geo_distance(0, 90, 77, -90, true), 3)", "20003931.459"},
      {"k_geo_distance(300, 1, 1, 1, false)", "NULL"},
      {"k_geo_distance('nan', 1, 1, 1, false)", "NULL"},
      {"k_geo_distance(1, 1, 1, 90.1, false)", "NULL"},
      {"round(k_geo_angle(0, 10, 0, 5, 3, -10), 9)", "2.944938434"},
      {"round(k_geo_angle(0, 10, 0, 5, -3, -10), 9)", "3.338246873"},
      {"k_geo_angle(0, 10, 0, 5, 0, 10)", "0.0"},
      {"k_geo_angle(0, 10, 0, 10, 3, -10)", "NULL"},
      {"k_geo_angle(0, 10, 180, -10, 3, -10)", "NULL"},
      {"round(k_geo_azimuth(5, 10, 10, -40), 9)", "3.054599398"},
      {"round(k_geo_azimuth(5, 0, 4, 0), 9)", "4.71238898"},
      {"k_geo_azimuth(5, 10, 5, 20)", "0.0"},
      {"k_geo_azimuth(5, 10, 5, 10)", "NULL"},
      {"k_geo_azimuth(5, 10, -175, -10)", "NULL"},
      {"k_geo_in_circle(-122.143564, 47.535677, -122.100896, 47.527351, 3500)", "true"},
      {"k_geo_in_circle(-122.137575, 47.630683, -122.100896, 47.527351, 3500)", "false"},
      {"k_geo_in_circle(1, 1, 1, 1, -1)", "NULL"},
      {"k_geo_in_circle(1, 1, 1, 1, 'nan')", "NULL"},
  };
  for (const Case& c : cases) EXPECT_EQ(evaluate(c.sql), c.expected) << c.sql;
}

TEST_F(Geo, Wkt) {
  const Case cases[] = {
      {"k_geo_from_wkt('POINT (1 2)')", R"({"type":"Point","coordinates":[1.0,2.0]})"},
      {"k_geo_from_wkt(' linestring(-1.5e1 2,3 +4 ) ')",
       R"({"type":"LineString","coordinates":[[-15.0,2.0],[3.0,4.0]]})"},
      {"k_geo_from_wkt('MULTIPOINT (1 1, (2 2))')",
       R"({"type":"MultiPoint","coordinates":[[1.0,1.0],[2.0,2.0]]})"},
      {"k_geo_from_wkt('MULTILINESTRING ((1 1, 2 2), (4 4, 5 5))')",
       R"({"type":"MultiLineString","coordinates":[[[1.0,1.0],[2.0,2.0]],[[4.0,4.0],[5.0,5.0]]]})"},
      {"k_geo_from_wkt('POLYGON ((0 0, 2 0, 2 2, 0 0))')",
       R"({"type":"Polygon","coordinates":[[[0.0,0.0],[2.0,0.0],[2.0,2.0],[0.0,0.0]]]})"},
      {"k_geo_from_wkt('MULTIPOLYGON (((0 0, 2 0, 2 2, 0 0)))')",
       R"({"type":"MultiPolygon","coordinates":[[[[0.0,0.0],[2.0,0.0],[2.0,2.0],[0.0,0.0]]]]})"},
      {"k_geo_from_wkt('GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (2 2, 3 3))')",
       R"({"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1.0,1.0]},)"
       R"({"type":"LineString","coordinates":[[2.0,2.0],[3.0,3.0]]}]})"},
      {"k_geo_from_wkt('LINESTRING')", "NULL"},
      {"k_geo_from_wkt('LINESTRING (1 1)')", "NULL"},
      {"k_geo_from_wkt('POINT (1 1) x')", "NULL"},
      {"k_geo_from_wkt('POINT (1 nan)')", "NULL"},
      {"k_geo_from_wkt('POINT (1 2, 3 4)')", "NULL"},
      {"k_geo_from_wkt('POINT (1 2')", "NULL"},
      {"k_geo_from_wkt('POINT EMPTY')", "NULL"},
      {"k_geo_from_wkt('')", "NULL"},
      {"k_geo_from_wkt(repeat('GEOMETRYCOLLECTION (', 100000))", "NULL"},
  };
  for (const Case& c : cases) EXPECT_EQ(evaluate(c.sql), c.expected) << c.sql;
}

TEST_F(Geo, Geohashes) {
  const Case cases[] = {
      {"k_geo_point_to_geohash(139.806115, 35.554128, 12)", "xn76m27ty9g4"},
      {"k_geo_point_to_geohash(-80.195829, 25.802215, 8)", "dhwfz15h"},
      {"k_geo_point_to_geohash(180, 90, 18)", "zzzzzzzzzzzzzzzzzz"},
      {"k_geo_point_to_geohash(-180, -90, 18)", "000000000000000000"},
      {"k_geo_point_to_geohash(1, 1, 0)", ""},
      {"k_geo_point_to_geohash(1, 1, 19)", ""},
      {"k_geo_point_to_geohash(1, 1, NULL)", ""},
      {"k_geo_point_to_geohash(200, 1, 8)", ""},
      {"k_geo_geohash_center('sunny')",
       R"({"type":"Point","coordinates":[42.47314453125,23.70849609375]})"},
      {"k_geo_geohash_center('a')", "NULL"},
      {"k_geo_geohash_center('')", "NULL"},
      {"k_geo_geohash_center('0000000000000000000')", "NULL"},
      {"k_geo_geohash_polygon('dr5ru')",
       R"({"type":"Polygon","coordinates":[[[-74.00390625,40.7373046875],[-73.9599609375,40.7373046875],)"
       R"([-73.9599609375,40.78125],[-74.00390625,40.78125],[-74.00390625,40.7373046875]]]})"},
      {"k_geo_geohash_neighbors('sunny')",
       R"(["sunnt","sunpj","sunnx","sunpn","sunnv","sunpp","sunnz","sunnw"])"},
      {"k_geo_geohash_neighbors('b')", R"(["x","9","z","c","8"])"},
  };
  for (const Case& c : cases) EXPECT_EQ(evaluate(c.sql), c.expected) << c.sql;
}

TEST_F(Geo, S2Cells) {
  const Case cases[] = {
      {"k_geo_point_to_s2cell(-80.195829, 25.802215, 8)", "88d9b"},
      {"k_geo_point_to_s2cell(0, 90, 0)", "5"},
      {"k_geo_point_to_s2cell(300, 1, 8)", ""},
      {"k_geo_point_to_s2cell(1, 1, 31)", ""},
      {"k_geo_point_to_s2cell(1, 1, -1)", ""},
      {"k_geo_point_to_s2cell(1, 1, NULL)", ""},
      {"round(k_dynamic_to_real(k_element(k_member(k_geo_s2cell_center('1234567'), 'coordinates'), "
       "0)), 9)",
       "9.868307319"},
      {"k_geo_s2cell_center('a')", "NULL"},
      {"k_geo_s2cell_center('x')", "NULL"},
      {"k_geo_s2cell_center('12345678901234567')", "NULL"},
      {"k_geo_s2cell_polygon('89c259') LIKE "
       "'{\"type\":\"Polygon\",\"coordinates\":[[[-74.0300122498384%,40."
       "80126843394%],[-74.030012249838%,40.72222629183%],[-73.93598211433%,40.70888048980%],[-73."
       "9359821143"
       "%,40.7879171345%],[-74.030012249838%,40.80126843394%]]]}'",
       "true"},
      {"k_geo_s2cell_neighbors('89c259')",
       R"(["89c25d","89c2f9","89c251","89c257","89c25f","89c25b","89c2f7","89c2f5"])"},
      {"json_array_length(k_geo_s2cell_neighbors('1'))", "4"},
      {"k_geo_s2cell_neighbors('a')", "NULL"},
  };
  for (const Case& c : cases) EXPECT_EQ(evaluate(c.sql), c.expected) << c.sql;
}

TEST_F(Geo, H3Cells) {
  const Case cases[] = {
      {"k_geo_point_to_h3cell(-74.04450446039874, 40.689250859314974, 6)", "862a1072fffffff"},
      {"k_geo_point_to_h3cell(300, 1, 8)", ""},
      {"k_geo_point_to_h3cell(1, 1, 16)", ""},
      {"k_geo_point_to_h3cell(1, 1, -1)", ""},
      {"k_geo_point_to_h3cell(1, 1, NULL)", ""},
      {"k_geo_h3cell_level('862a1072fffffff')", "6"},
      {"k_geo_h3cell_level('abc')", "NULL"},
      {"k_geo_h3cell_parent('862a1072fffffff')", "852a1073fffffff"},
      {"k_geo_h3cell_parent('8001fffffffffff')", ""},
      {"k_geo_h3cell_parent('123')", ""},
      {"k_geo_h3cell_parent_at('862a1072fffffff', 1)", "812a3ffffffffff"},
      {"k_geo_h3cell_parent_at('862a1072fffffff', 15)", ""},
      {"k_geo_h3cell_parent_at('862a1072fffffff', -1)", ""},
      {"k_geo_h3cell_children('862a1072fffffff')",
       R"(["872a10728ffffff","872a10729ffffff","872a1072affffff","872a1072bffffff","872a1072cffffff",)"
       R"("872a1072dffffff","872a1072effffff"])"},
      {"k_geo_h3cell_children(k_geo_point_to_h3cell(1, 1, 15))", "NULL"},
      {"json_array_length(k_geo_h3cell_children_at('862a1072fffffff', 11))", "16807"},
      {"k_geo_h3cell_children_at('862a1072fffffff', 12)", "NULL"},
      {"k_geo_h3cell_children_at('862a1072fffffff', 5)", "NULL"},
      {"k_geo_h3cell_neighbors('862a1072fffffff')",
       R"(["862a10727ffffff","862a10707ffffff","862a1070fffffff","862a10777ffffff","862a100dfffffff",)"
       R"("862a100d7ffffff"])"},
      {"k_geo_h3cell_neighbors('abc')", "NULL"},
      {"k_geo_h3cell_rings('861f8894fffffff', 1)",
       R"([["861f8894fffffff"],["861f88947ffffff","861f8895fffffff","861f88867ffffff","861f8d497ffffff",)"
       R"("861f8d4b7ffffff","861f8896fffffff"]])"},
      {"k_geo_h3cell_rings('861f8894fffffff', 0)", R"([["861f8894fffffff"]])"},
      {"k_geo_h3cell_rings('861f8894fffffff', 143)", "NULL"},
      {"k_geo_h3cell_rings('861f8894fffffff', -1)", "NULL"},
      {"k_geo_h3cell_center('1')", "NULL"},
      {"k_geo_h3cell_polygon('@')", "NULL"},
      {"json_array_length(k_member(k_geo_h3cell_polygon('862a1072fffffff'), 'coordinates'), "
       "'$[0]')",
       "7"},
      {"k_geo_polygon_to_h3cells('{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,1]]]}', 6, 0)",
       "NULL"},
      {"k_geo_polygon_to_h3cells('{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[1,0],[1,1],[0,0]]]"
       "}', 16, 0)",
       "NULL"},
      {"json_array_length(k_geo_polygon_to_h3cells('{\"type\":\"Polygon\",\"coordinates\":[[[0,0],["
       "1,0],[1,1],[0,0]]]}', 5, 0)) "
       "< "
       "json_array_length(k_geo_polygon_to_h3cells('{\"type\":\"Polygon\",\"coordinates\":[[[0,0],["
       "1,0],[1,1],[0,0]]]}', 5, 10000))",
       "true"},
  };
  for (const Case& c : cases) EXPECT_EQ(evaluate(c.sql), c.expected) << c.sql;
}

}  // namespace
}  // namespace rivulet::functions
