#include "functions/geo/h3.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <complex>
#include <numbers>
#include <unordered_set>

#include "functions/geo/h3_tables.h"
#include "functions/geo/sphere.h"

// Each face of the icosahedron has a plane, on which the face is the triangle with the corners 2, 2w and 2ww, where
// w is the third root of one: the numbers a + b w of the plane with whole a and b are the centers of the
// cells of resolution 0. The cells of the next resolution lie seven times as dense: their lattice is that
// of the numbers a + b w divided by 3 + w or its conjugate in turn. So a cell of any resolution is such a
// number, its parent is the quotient, and its digit is the remainder: 0 or one of the six roots of one, here
// called by its turn, from 0 to 5 times 60 degrees.
//
// A plane goes on beyond the edges of its face as that of the next face, turned by some 60 degrees: all that a
// cell needs is to be carried to the face that it lies on. At a corner five faces meet, a sixth of the turn is
// missing, and the cell is a pentagon, that has no digit 1.
namespace rivulet::functions::geo::h3 {

namespace {

using Complex = std::complex<double>;

// The plane's unit, in those of the tangent plane of the Earth of radius 1.
const double kPlaneUnit = (3 - std::sqrt(5)) / 2;
const double kHalfRoot3 = std::sqrt(3) / 2;

// a + b w.
struct Whole {
  int64_t a = 0;
  int64_t b = 0;

  bool operator==(const Whole&) const = default;
  Whole operator+(Whole other) const { return {a + other.a, b + other.b}; }
  Whole operator-(Whole other) const { return {a - other.a, b - other.b}; }
  Whole operator*(Whole other) const {
    return {a * other.a - b * other.b, a * other.b + b * other.a - b * other.b};
  }
  Whole conjugate() const { return {a - b, -b}; }
  // Twice the real part.
  int64_t twice_real() const { return 2 * a - b; }
  Complex complex() const {
    return {static_cast<double>(a) - static_cast<double>(b) / 2,
            static_cast<double>(b) * kHalfRoot3};
  }
};

constexpr std::array<Whole, 6> kTurns = {{{1, 0}, {1, 1}, {0, 1}, {-1, 0}, {-1, -1}, {0, -1}}};
constexpr std::array<int, 6> kDigitOfTurn = {4, 6, 2, 3, 1, 5};
constexpr std::array<int, 7> kTurnOfDigit = {0, 4, 2, 3, 0, 5, 1};

int wrap(int turn) {
  return (turn % 6 + 6) % 6;
}

// What a resolution is denser by than the one before it.
Whole step_of(int resolution) {
  return resolution % 2 == 1 ? Whole{2, -1} : Whole{3, 1};
}

struct Scales {
  std::array<Whole, kMaxResolution + 2> values;
  Scales() {
    values[0] = {1, 0};
    for (int i = 1; i <= kMaxResolution + 1; ++i) values[i] = values[i - 1] * step_of(i);
  }
};
// What a resolution is denser by than resolution 0.
Whole scale_of(int resolution) {
  static const Scales scales;
  return scales.values[resolution];
}

// The lattice number next to a point.
Whole nearest(Complex point) {
  const double b = point.imag() / kHalfRoot3;
  const double a = point.real() + b / 2;
  Whole best;
  double best_distance = 1e300;
  for (const double candidate_a : {std::floor(a), std::floor(a) + 1}) {
    for (const double candidate_b : {std::floor(b), std::floor(b) + 1}) {
      const Whole candidate{static_cast<int64_t>(candidate_a), static_cast<int64_t>(candidate_b)};
      const double distance = std::norm(candidate.complex() - point);
      if (distance < best_distance) {
        best_distance = distance;
        best = candidate;
      }
    }
  }
  return best;
}

struct Division {
  Whole quotient;
  int digit = 0;
};

// By step_of(resolution), with a digit as the remainder.
Division divide(Whole value, int resolution) {
  const Whole step = step_of(resolution);
  const Whole sevenfold = value * step.conjugate();
  const auto rounded = [](int64_t x) { return (x >= 0 ? x + 3 : x - 3) / 7; };
  const Whole near{rounded(sevenfold.a), rounded(sevenfold.b)};
  Division result;
  const auto fits = [&](Whole quotient) {
    const Whole rest = value - quotient * step;
    result.quotient = quotient;
    if (rest == Whole{}) return true;
    for (int turn = 0; turn < 6; ++turn) {
      if (kTurns[turn] == rest) {
        result.digit = kDigitOfTurn[turn];
        return true;
      }
    }
    return false;
  };
  if (fits(near)) return result;
  for (const Whole turn : kTurns) {
    if (fits(near + turn)) break;
  }
  return result;
}

// The way from a face's plane to that of the face beyond one of its edges: a turn, then a shift.
struct Passage {
  int face = 0;
  int turn = 0;
  Whole shift;
};

struct Face {
  S2Point center;
  S2Point axis;        // of the plane's real numbers
  S2Point cross_axis;  // of its imaginary ones
  // Beyond the edges that look to 60, 180 and 300 degrees.
  std::array<Passage, 3> passages;
};

// A base cell, as a face sees it.
struct Sight {
  int base_cell = -1;
  // To the axes of its home: a turn, or for a pentagon the number of faces round it from its home.
  int turn = 0;
};

// 0, 1 or 2 for a number at that corner of its face, else -1.
int corner_of(Whole value) {
  for (int corner = 0; corner < 3; ++corner) {
    if (value == kTurns[2 * corner] + kTurns[2 * corner]) return corner;
  }
  return -1;
}

// Centers of resolution 0 on a face are not more than 2 from its center.
constexpr int kSightWidth = 5;
int sight_index(Whole value) {
  return static_cast<int>((value.a + 2) * kSightWidth + value.b + 2);
}

struct Grid {
  std::array<Face, kFaceCount> faces;
  std::array<std::array<Sight, kSightWidth * kSightWidth>, kFaceCount> sights;

  Grid() {
    for (int i = 0; i < kFaceCount; ++i) {
      const auto corner = [&](int k) { return to_point(kVertices[kFaceVertices[i][k]]); };
      Face& face = faces[i];
      face.center = (corner(0) + corner(1) + corner(2)).Normalize();
      face.axis = (corner(0) - corner(0).DotProd(face.center) * face.center).Normalize();
      face.cross_axis = face.center.CrossProd(face.axis).Normalize();
      for (int edge = 0; edge < 3; ++edge) face.passages[edge] = find_passage(i, edge);
    }
    for (int i = 0; i < kBaseCellCount; ++i) add_sights(i);
  }

  // The edge between the corners `edge` and `edge` + 1 of the face.
  static Passage find_passage(int face, int edge) {
    const auto& corners = kFaceVertices[face];
    const int from = corners[edge];
    const int to = corners[(edge + 1) % 3];
    Passage passage;
    for (int other = 0; other < kFaceCount; ++other) {
      const auto& others = kFaceVertices[other];
      for (int k = 0; k < 3; ++k) {
        // Seen from the other side, the edge runs the other way.
        if (others[k] != to || others[(k + 1) % 3] != from) continue;
        passage.face = other;
        const Whole own_to = kTurns[2 * ((edge + 1) % 3)];
        const Whole own_from = kTurns[2 * edge];
        const Whole other_to = kTurns[2 * k];
        const Whole other_from = kTurns[2 * ((k + 1) % 3)];
        for (int turn = 0; turn < 6; ++turn) {
          if (kTurns[turn] * (own_to - own_from) == other_to - other_from) passage.turn = turn;
        }
        const Whole half = other_to - kTurns[passage.turn] * own_to;
        passage.shift = half + half;
      }
    }
    return passage;
  }

  // On the edge of a face other faces see the cell too.
  void add_sights(int base_cell) {
    int face = kBaseCells[base_cell].face;
    Whole value{kBaseCells[base_cell].a, kBaseCells[base_cell].b};
    sights[face][sight_index(value)] = {base_cell, 0};
    if (corner_of(value) >= 0) {
      for (int turn = 1; turn < 5; ++turn) {
        // Counterclockwise round the corner, over the edge that ends there.
        const Passage& passage = faces[face].passages[(corner_of(value) + 2) % 3];
        value = kTurns[passage.turn] * value + passage.shift;
        face = passage.face;
        sights[face][sight_index(value)] = {base_cell, turn};
      }
      return;
    }
    for (int edge = 0; edge < 3; ++edge) {
      if (value != kTurns[2 * edge + 1]) continue;
      const Passage& passage = faces[face].passages[edge];
      const Whole seen = kTurns[passage.turn] * value + passage.shift;
      sights[passage.face][sight_index(seen)] = {base_cell, wrap(-passage.turn)};
    }
  }
};

const Grid& grid() {
  static const Grid grid;
  return grid;
}

bool is_pentagon_base(int base_cell) {
  return corner_of({kBaseCells[base_cell].a, kBaseCells[base_cell].b}) >= 0;
}

// Where a cell is: a number of a face's plane, and the turn of that plane from the one it was in before.
struct Place {
  int face = 0;
  Whole value;
  int turn = 0;
};

// Over an edge of the face, to the next face's plane.
Place pass(const Place& place, int edge, int resolution) {
  const Passage& passage = grid().faces[place.face].passages[edge];
  return {passage.face, kTurns[passage.turn] * place.value + passage.shift * scale_of(resolution),
          wrap(place.turn + passage.turn)};
}

// The place on the face that it is on, or on the edge of.
Place settle(Place place, int resolution) {
  // Where the edges are whole numbers of steps away.
  const bool is_odd = resolution % 2 == 1;
  const int64_t inside = 2 * scale_of(is_odd ? resolution + 1 : resolution).a;
  for (int i = 0; i < 8; ++i) {
    const Whole value = is_odd ? place.value * step_of(resolution + 1) : place.value;
    int edge = 0;
    int64_t farthest = inside;
    for (int k = 0; k < 3; ++k) {
      const int64_t distance = (value * kTurns[2 * k + 1].conjugate()).twice_real();
      if (distance <= farthest) continue;
      farthest = distance;
      edge = k;
    }
    if (farthest == inside) break;
    place = pass(place, edge, resolution);
  }
  return place;
}

// The bits of a cell.
constexpr Cell kMode = Cell{1} << 59;
constexpr int kResolutionShift = 52;
constexpr int kBaseCellShift = 45;
constexpr int digit_shift(int resolution) {
  return 3 * (kMaxResolution - resolution);
}

int base_cell_of(Cell cell) {
  return static_cast<int>((cell >> kBaseCellShift) & 127);
}
int digit_of(Cell cell, int resolution) {
  return static_cast<int>((cell >> digit_shift(resolution)) & 7);
}
void set_digit(Cell& cell, int resolution, int digit) {
  cell &= ~(Cell{7} << digit_shift(resolution));
  cell |= static_cast<Cell>(digit) << digit_shift(resolution);
}
void set_resolution(Cell& cell, int resolution) {
  cell &= ~(Cell{15} << kResolutionShift);
  cell |= static_cast<Cell>(resolution) << kResolutionShift;
}

Cell make_cell(int base_cell, int resolution) {
  return kMode | static_cast<Cell>(resolution) << kResolutionShift |
         static_cast<Cell>(base_cell) << kBaseCellShift | ((Cell{1} << kBaseCellShift) - 1);
}

// The first digit that is not 0, or 0.
int leading_digit(Cell cell) {
  for (int r = 1; r <= resolution(cell); ++r) {
    if (digit_of(cell, r) != 0) return digit_of(cell, r);
  }
  return 0;
}

void rotate(Cell& cell, int turn) {
  for (int r = 1; r <= resolution(cell); ++r) {
    const int digit = digit_of(cell, r);
    if (digit != 0) set_digit(cell, r, kDigitOfTurn[wrap(kTurnOfDigit[digit] + turn)]);
  }
}

// The turns of a pentagon's digits, counterclockwise from the one that looks to its home's center.
constexpr std::array<int, 5> kPentagonTurns = {3, 5, 0, 1, 2};

Cell cell_at_place(int face, Whole value, int resolution) {
  Cell cell = make_cell(0, resolution);
  for (int r = resolution; r > 0; --r) {
    const Division division = divide(value, r);
    set_digit(cell, r, division.digit);
    value = division.quotient;
  }
  const Place base = settle({face, value, 0}, 0);
  const Sight sight = grid().sights[base.face][sight_index(base.value)];
  cell |= static_cast<Cell>(sight.base_cell) << kBaseCellShift;
  rotate(cell, base.turn);
  if (const int corner = corner_of(base.value); corner < 0) {
    rotate(cell, sight.turn);
  } else if (const int digit = leading_digit(cell); digit != 0) {
    // The digit looks to the face's center, or past one of its edges there.
    const int turn = kTurnOfDigit[digit];
    const int sideways = wrap(turn - (2 * corner + 3) + 1) - 1;
    rotate(cell, kPentagonTurns[(sight.turn + sideways + 5) % 5] - turn);
  }
  return cell;
}

// On the plane of the home, by the digits alone.
Place place_by_digits(Cell cell, int turn) {
  const BaseCell& home = kBaseCells[base_cell_of(cell)];
  Place place{home.face, {home.a, home.b}, wrap(turn)};
  for (int r = 1; r <= resolution(cell); ++r) {
    place.value = place.value * step_of(r);
    const int digit = digit_of(cell, r);
    if (digit != 0) place.value = place.value + kTurns[wrap(kTurnOfDigit[digit] + turn)];
  }
  return place;
}

// The turn of the place is that from the axes of the cell's digits.
Place unsettled_place(Cell cell) {
  const Place place = place_by_digits(cell, 0);
  const int base_cell = base_cell_of(cell);
  const int digit = is_pentagon_base(base_cell) ? leading_digit(cell) : 0;
  if (digit != 4 && digit != 5) return place;
  // The plane goes on from the home to both sides round a pentagon, and ends where digit 1 is missing. What lies
  // beyond is reached from the other side: it is turned back.
  const Whole scale = scale_of(resolution(cell));
  const Whole from_corner =
      (place.value - Whole{kBaseCells[base_cell].a, kBaseCells[base_cell].b} * scale) *
      scale.conjugate();
  if (digit == 4 && from_corner.b >= 0) return place;
  return place_by_digits(cell, -1);
}

Place place_of(Cell cell) {
  return settle(unsettled_place(cell), resolution(cell));
}

Place step(const Place& place, int resolution, int turn) {
  return settle({place.face, place.value + kTurns[wrap(turn)], place.turn}, resolution);
}

S2Point point_at(int face_index, Complex value) {
  const Face& face = grid().faces[face_index];
  return (face.center + kPlaneUnit * (value.real() * face.axis + value.imag() * face.cross_axis))
      .Normalize();
}

// Whether a point of a face's plane is past the edge, and how far: the edges are at 1.
double past(Complex value, int edge) {
  return (value * std::conj(kTurns[2 * edge + 1].complex())).real() - 1;
}
constexpr double kOnEdge = 1e-9;

// A point of a plane, carried to the face that it is on together with one beside it.
struct Points {
  int face;
  Complex value;
  Complex beside;
};

Points settle(Points points) {
  for (int i = 0; i < 8; ++i) {
    int edge = -1;
    double farthest = kOnEdge;
    for (int k = 0; k < 3; ++k) {
      if (past(points.value, k) <= farthest) continue;
      farthest = past(points.value, k);
      edge = k;
    }
    if (edge < 0) break;
    const Passage& passage = grid().faces[points.face].passages[edge];
    const Complex turn = kTurns[passage.turn].complex();
    points.value = points.value * turn + passage.shift.complex();
    points.beside = points.beside * turn + passage.shift.complex();
    points.face = passage.face;
  }
  return points;
}

// The neighbors, from digit 4's on counterclockwise, each once.
std::vector<Cell> neighbors(Cell cell) {
  const int r = resolution(cell);
  const Place place = place_of(cell);
  std::vector<Cell> result;
  for (int turn = 0; turn < 6; ++turn) {
    // On a pentagon's home the plane goes on to both sides, as far as the missing part on the opposite one.
    if (is_pentagon(cell) && turn == 0) continue;
    const Place next = step(place, r, turn + place.turn);
    const Cell neighbor = cell_at_place(next.face, next.value, r);
    if (std::find(result.begin(), result.end(), neighbor) == result.end())
      result.push_back(neighbor);
  }
  return result;
}

// By walking straight on the grid; false when a pentagon is met, where there is no straight on.
bool walk_rings(Cell cell, int distance, std::vector<std::vector<Cell>>& rings) {
  const int r = resolution(cell);
  Place place = place_of(cell);
  if (is_pentagon(cell)) return false;
  for (int ring = 1; ring <= distance; ++ring) {
    place = step(place, r, place.turn);
    rings.emplace_back();
    for (const int turn : {2, 3, 4, 5, 0, 1}) {
      for (int i = 0; i < ring; ++i) {
        place = step(place, r, turn + place.turn);
        rings.back().push_back(cell_at_place(place.face, place.value, r));
        if (is_pentagon(rings.back().back())) return false;
      }
    }
  }
  return true;
}

}  // namespace

std::optional<Cell> parse(std::string_view text) {
  Cell cell = 0;
  const char* end = text.data() + text.size();
  const auto [next, error] = std::from_chars(text.data(), end, cell, 16);
  if (error != std::errc() || next != end || text.size() > 16) return std::nullopt;
  // The mode of cells, and nothing in the reserved bits around it.
  if (cell >> 56 != kMode >> 56 || base_cell_of(cell) >= kBaseCellCount) return std::nullopt;
  for (int r = 1; r <= kMaxResolution; ++r) {
    if ((digit_of(cell, r) == 7) != (r > resolution(cell))) return std::nullopt;
  }
  if (is_pentagon_base(base_cell_of(cell)) && leading_digit(cell) == 1) return std::nullopt;
  return cell;
}

std::string to_text(Cell cell) {
  char text[16];
  return {text, std::to_chars(text, text + sizeof(text), cell, 16).ptr};
}

int resolution(Cell cell) {
  return static_cast<int>((cell >> kResolutionShift) & 15);
}

bool is_pentagon(Cell cell) {
  return is_pentagon_base(base_cell_of(cell)) && leading_digit(cell) == 0;
}

Cell cell_at(Position position, int resolution) {
  const S2Point point = to_point(position);
  const auto& faces = grid().faces;
  int face = 0;
  for (int i = 1; i < kFaceCount; ++i) {
    if (point.DotProd(faces[i].center) > point.DotProd(faces[face].center)) face = i;
  }
  const double scale = 1 / (point.DotProd(faces[face].center) * kPlaneUnit);
  const Complex value(point.DotProd(faces[face].axis) * scale,
                      point.DotProd(faces[face].cross_axis) * scale);
  return cell_at_place(face, nearest(value * scale_of(resolution).complex()), resolution);
}

Position center(Cell cell) {
  const Place place = place_of(cell);
  return to_position(
      point_at(place.face, place.value.complex() / scale_of(resolution(cell)).complex()));
}

Path boundary(Cell cell) {
  const bool is_five = is_pentagon(cell);
  const bool is_odd = resolution(cell) % 2 == 1;
  const Complex scale = scale_of(resolution(cell)).complex();
  const Place place = place_of(cell);
  const auto corner = [&](int i) {
    const Complex offset = std::polar(1 / std::sqrt(3), (1 + 2 * i) * std::numbers::pi / 6);
    return (place.value.complex() + offset) / scale;
  };
  Path path;
  for (int i = 0; i < (is_five ? 5 : 6); ++i) {
    const Points points = settle(Points{place.face, corner(i), corner(i + 1)});
    path.push_back(to_position(point_at(points.face, points.value)));
    // The lattices of odd resolutions lie askew: their lines cross the edges of the icosahedron and bend there.
    if (!is_odd) continue;
    for (int edge = 0; edge < 3; ++edge) {
      const double from = past(points.value, edge);
      const double to = past(points.beside, edge);
      if (from > -kOnEdge || to < kOnEdge) continue;
      const Complex crossing = points.value + (points.beside - points.value) * (from / (from - to));
      path.push_back(to_position(point_at(points.face, crossing)));
      break;
    }
  }
  return path;
}

Cell parent(Cell cell, int resolution) {
  for (int r = h3::resolution(cell); r > resolution; --r) set_digit(cell, r, 7);
  set_resolution(cell, resolution);
  return cell;
}

std::vector<Cell> children(Cell cell, int resolution) {
  std::vector<Cell> cells{cell};
  for (int r = h3::resolution(cell) + 1; r <= resolution; ++r) {
    std::vector<Cell> next;
    for (const Cell parent : cells) {
      for (int digit = 0; digit < 7; ++digit) {
        if (digit == 1 && is_pentagon(parent)) continue;
        Cell child = parent;
        set_resolution(child, r);
        set_digit(child, r, digit);
        next.push_back(child);
      }
    }
    cells = std::move(next);
  }
  return cells;
}

std::vector<std::vector<Cell>> rings(Cell cell, int distance) {
  std::vector<std::vector<Cell>> rings{{cell}};
  if (walk_rings(cell, distance, rings)) return rings;
  rings.resize(1);
  std::unordered_set<Cell> seen{cell};
  for (int i = 1; i <= distance; ++i) {
    rings.emplace_back();
    for (const Cell inner : rings[i - 1]) {
      for (const Cell neighbor : neighbors(inner)) {
        if (seen.insert(neighbor).second) rings.back().push_back(neighbor);
      }
    }
  }
  return rings;
}

}  // namespace rivulet::functions::geo::h3
