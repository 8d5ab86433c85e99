#include "functions/geo/h3.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace rivulet::functions::geo::h3 {
namespace {

struct Row {
  double longitude;
  double latitude;
  int resolution;
  const char* cell;
  Position center;
  size_t corners;
  Position first_corner;
};

// From the reference library.
constexpr Row kRows[] = {
    {12.0,
     89.9,
     0,
     "8001fffffffffff",
     {38.023407008, 79.242398510},
     6,
     {31.831280499, 68.929957882}},
    {-100.0,
     -89.9,
     1,
     "81f2bffffffffff",
     {-138.887201519, -86.911628077},
     6,
     {162.091836165, -84.942074318}},
    {179.999,
     0.0,
     2,
     "827eb7fffffffff",
     {-179.465832137, 0.459695642},
     6,
     {179.866311087, 1.855492619}},
    {-180.0,
     0.0,
     3,
     "837eb5fffffffff",
     {179.941884673, -0.188036408},
     6,
     {179.560298045, 0.236437748}},
    {0.0, 0.0, 4, "84754a9ffffffff", {-0.054174543, -0.178300699}, 6, {0.044690646, -0.347497759}},
    {-74.04450446039874,
     40.689250859314974,
     5,
     "852a1073fffffff",
     {-74.091529059, 40.720579665},
     6,
     {-74.095109284, 40.806868836}},
    {21.518059,
     -5.465185,
     6,
     "8696cd39fffffff",
     {21.542444572, -5.460206009},
     6,
     {21.563753675, -5.488767220}},
    {-12.365975,
     58.04036,
     7,
     "87191e066ffffff",
     {-12.354046927, 58.034834352},
     6,
     {-12.360769916, 58.046208171}},
    {31.458538,
     0.898581,
     8,
     "886accda0bfffff",
     {31.459810024, 0.903065731},
     6,
     {31.462980760, 0.899163731}},
    {4.28711,
     -39.100259,
     9,
     "89c04934c9bffff",
     {4.286696605, -39.101959931},
     6,
     {4.284861455, -39.100701103}},
    {105.471674,
     15.056145,
     10,
     "8a659389baf7fff",
     {105.471271751, 15.056280275},
     6,
     {105.471883910, 15.055839994}},
    {-70.775545,
     -54.267568,
     11,
     "8bdf6c6a0c25fff",
     {-70.775588757, -54.267465272},
     6,
     {-70.775709127, -54.267696705}},
    {111.472032,
     -54.950771,
     12,
     "8ce59d9593467ff",
     {111.472155357, -54.950786104},
     6,
     {111.472338711, -54.950801162}},
    {-164.923079,
     22.760314,
     13,
     "8d4656bb62b63bf",
     {-164.923075479, 22.760319666},
     6,
     {-164.923104230, 22.760346117}},
    {167.312801,
     74.663006,
     14,
     "8e045431ad81337",
     {167.312771093, 74.663017773},
     6,
     {167.312735186, 74.663029665}},
    {41.602574,
     17.929412,
     15,
     "8f5210b6d71a29b",
     {41.602574091, 17.929412506},
     6,
     {41.602569948, 17.929415791}},
    {-174.599735,
     -43.236536,
     0,
     "80d5fffffffffff",
     {-161.696955519, -48.758349724},
     6,
     {-154.917277673, -58.401544870}},
    {-158.561602,
     3.254003,
     1,
     "8188fffffffffff",
     {-155.468789417, -0.082571417},
     6,
     {-158.599674918, 3.335734858}},
    {-92.900515,
     -38.285724,
     2,
     "82b737fffffffff",
     {-93.409355856, -38.569009321},
     6,
     {-93.291790190, -40.312766756}},
    {-12.983594,
     -70.023835,
     3,
     "83ee81fffffffff",
     {-13.892982205, -70.255937008},
     6,
     {-12.599173064, -70.776432600}},
    {123.273766,
     -6.830802,
     4,
     "84950b1ffffffff",
     {123.104664443, -6.929236576},
     6,
     {122.918923953, -6.770235527}},
    {50.505015,
     2.191997,
     5,
     "857b99a7fffffff",
     {50.508039106, 2.132563553},
     6,
     {50.580279428, 2.085695417}},
    {58.481831,
     -0.025995,
     6,
     "8685060c7ffffff",
     {58.477335104, -0.027586006},
     6,
     {58.454069550, -0.009472280}},
    {-79.861356,
     -4.89559,
     7,
     "878f09b8affffff",
     {-79.871287696, -4.897399097},
     6,
     {-79.876941228, -4.884780910}},
    {178.448991,
     84.450132,
     8,
     "88056846e7fffff",
     {178.491339701, 84.449707604},
     6,
     {178.466704272, 84.454288798}},
    {74.811464,
     42.87734,
     9,
     "89201bc2687ffff",
     {74.812728609, 42.878470911},
     6,
     {74.810034216, 42.878648078}},
    {-97.320275,
     -21.681428,
     10,
     "8ab6ed854cb7fff",
     {-97.320086652, -21.681893001},
     6,
     {-97.320111982, -21.681189699}},
    {-154.71954,
     -24.955871,
     11,
     "8bb4adb0b2d8fff",
     {-154.719744046, -24.955981098},
     6,
     {-154.719537332, -24.956193779}},
    {-35.85607,
     32.179655,
     12,
     "8c34b17006cc1ff",
     {-35.856093266, 32.179739617},
     6,
     {-35.856117048, 32.179843845}},
    {-40.855129,
     43.88135,
     13,
     "8d1aee14980c7bf",
     {-40.855161971, 43.881359358},
     6,
     {-40.855190967, 43.881391168}},
    {11.230819,
     65.616085,
     14,
     "8e080535da65b57",
     {11.230809721, 65.616089604},
     6,
     {11.230817367, 65.616079495}},
    {-144.059055,
     49.104291,
     15,
     "8f1c1c85d74c4ce",
     {-144.059056567, 49.104293938},
     6,
     {-144.059061083, 49.104297064}},
    {122.239975,
     39.920544,
     0,
     "8031fffffffffff",
     {122.300000408, 39.100000034},
     5,
     {116.212895637, 47.309451303}},
    {-67.337478,
     24.678643,
     1,
     "814c3ffffffffff",
     {-67.132326366, 23.717925271},
     10,
     {-66.795747118, 26.872316674}},
    {58.416616,
     9.593422,
     2,
     "826207fffffffff",
     {58.157705840, 10.447345188},
     5,
     {57.712292451, 11.603707804}},
    {-5.705839,
     2.857904,
     3,
     "837406fffffffff",
     {-5.858664979, 2.777829926},
     7,
     {-5.976293185, 3.207432088}},
};

void expect_near(Position a, Position b) {
  EXPECT_NEAR(std::remainder(a.longitude - b.longitude, 360), 0,
              2e-9 / std::cos(a.latitude * M_PI / 180));
  EXPECT_NEAR(a.latitude, b.latitude, 2e-9);
}

TEST(H3, CellsCentersAndBoundaries) {
  for (const Row& row : kRows) {
    const Cell cell = cell_at({row.longitude, row.latitude}, row.resolution);
    EXPECT_EQ(to_text(cell), row.cell);
    expect_near(center(cell), row.center);
    const Path corners = boundary(cell);
    ASSERT_EQ(corners.size(), row.corners) << row.cell;
    expect_near(corners.front(), row.first_corner);
  }
}

TEST(H3, Pentagons) {
  const Cell cell = *parse("834c00fffffffff");
  EXPECT_TRUE(is_pentagon(cell));
  const Path corners = boundary(cell);
  ASSERT_EQ(corners.size(), 10);
  expect_near(corners[0], {-67.086852406, 24.153695392});
  expect_near(corners[1], {-67.443958180, 24.010601164});
  expect_near(corners[9], {-66.923472218, 24.079058001});
  auto around = rings(cell, 1)[1];
  std::sort(around.begin(), around.end());
  std::vector<Cell> expected;
  for (const char* text : {"834c02fffffffff", "834c03fffffffff", "834c04fffffffff",
                           "834c05fffffffff", "834c06fffffffff"}) {
    expected.push_back(*parse(text));
  }
  EXPECT_EQ(around, expected);
  EXPECT_EQ(children(cell, 4).size(), 6);
  EXPECT_EQ(children(cell, 5).size(), 41);
}

// Every cell is where its center is, has its parent and its children, and is its neighbors' neighbor.
TEST(H3, IsConsistent) {
  for (int base = 0; base < 122; ++base) {
    const Cell root = *parse("8001fffffffffff") | static_cast<Cell>(base) << 45;
    for (const Cell cell : children(root, 2)) {
      EXPECT_EQ(cell_at(center(cell), 2), cell) << to_text(cell);
      EXPECT_EQ(parent(cell, 0), root);
      EXPECT_EQ(parse(to_text(cell)), cell);
      const auto around = rings(cell, 1)[1];
      EXPECT_EQ(around.size(), is_pentagon(cell) ? 5 : 6) << to_text(cell);
      for (const Cell neighbor : around) {
        const auto back = rings(neighbor, 1)[1];
        EXPECT_NE(std::find(back.begin(), back.end(), cell), back.end()) << to_text(cell);
      }
    }
  }
}

// All of the Earth, from one cell.
TEST(H3, RingsReachRoundTheEarth) {
  std::set<Cell> cells;
  for (const auto& ring : rings(*parse("8001fffffffffff"), 142))
    cells.insert(ring.begin(), ring.end());
  EXPECT_EQ(cells.size(), 122);
  size_t count = 0;
  for (const auto& ring : rings(*parse("861f8894fffffff"), 142)) count += ring.size();
  EXPECT_EQ(count, 3 * 142 * 143 + 1);
}

TEST(H3, WhatIsNoCell) {
  for (const char* text : {
           "",
           "1",
           "abc",
           "@",
           "862a1072ffffff",
           "862a1072ffffffff",
           "0862a1072fffffff0",
           "962a1072fffffff",
           "862a1077fffffff",  // digit 7 within the resolution
           "862a10720ffffff",  // a digit past it
           "86f41072fffffff",  // base cell 122
           "83080cfffffffff0",
           "820847fffffffff",  // digit 1 of a pentagon
           "-862a1072fffffff",
           "0x862a1072fffffff",
       }) {
    EXPECT_FALSE(parse(text)) << text;
  }
}

TEST(H3, CellsInPolygons) {
  const Path shell = {
      {-3.659, 40.553}, {-3.913, 40.409}, {-3.729, 40.273}, {-3.524, 40.440}, {-3.659, 40.553}};
  const auto cells = cells_in({{shell}}, 6);
  ASSERT_TRUE(cells);
  std::set<std::string> texts;
  for (const Cell cell : *cells) texts.insert(to_text(cell));
  EXPECT_EQ(texts, std::set<std::string>({"86390cb57ffffff", "86390cb0fffffff", "86390ca27ffffff",
                                          "86390cb87ffffff", "86390cb07ffffff", "86390ca2fffffff",
                                          "86390ca37ffffff", "86390cb17ffffff", "86390cb1fffffff",
                                          "86390cb8fffffff", "86390cba7ffffff", "86390ca07ffffff",
                                          "86390cbafffffff"}));
  EXPECT_FALSE(cells_in({{shell}}, 15));
  // Across the antimeridian, with a hole.
  const auto across = cells_in({{{{170, -10}, {-170, -10}, {-170, 10}, {170, 10}, {170, -10}},
                                 {{175, -5}, {-175, -5}, {-175, 5}, {175, 5}, {175, -5}}}},
                               2);
  ASSERT_TRUE(across);
  EXPECT_GT(across->size(), 20);
  for (const Cell cell : *across) {
    const Position position = center(cell);
    EXPECT_GT(std::abs(position.longitude), 170);
    EXPECT_TRUE(std::abs(position.longitude) < 175 || std::abs(position.latitude) > 5);
  }
}

}  // namespace
}  // namespace rivulet::functions::geo::h3
