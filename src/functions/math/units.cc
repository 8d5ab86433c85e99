#include <cmath>
#include <numbers>
#include <span>

#include "functions/families.h"

// convert_angle() and its kin: a unit is known by what one of it is in the base unit.
namespace rivulet::functions {

namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr double kRadian = 180 / std::numbers::pi;
constexpr Unit kAngles[] = {
    {"Arcminute", 1.0 / 60},
    {"Arcsecond", 1.0 / 3600},
    {"Centiradian", 1e-2 * kRadian},
    {"Deciradian", 1e-1 * kRadian},
    {"Degree", 1},
    {"Gradian", 0.9},
    {"Microdegree", 1e-6},
    {"Microradian", 1e-6 * kRadian},
    {"Millidegree", 1e-3},
    {"Milliradian", 1e-3 * kRadian},
    {"Nanodegree", 1e-9},
    {"Nanoradian", 1e-9 * kRadian},
    {"NatoMil", 360.0 / 6400},
    {"Radian", kRadian},
    {"Revolution", 360},
};

constexpr double kBtu = 1055.05585262, kElectronVolt = 1.602176565e-19;
constexpr Unit kEnergies[] = {
    {"BritishThermalUnit", kBtu},
    {"Calorie", 4.184},
    {"DecathermEc", 1.05505585262e9},
    {"DecathermImperial", 1.05505585257348e9},
    {"DecathermUs", 1.054804e9},
    {"ElectronVolt", kElectronVolt},
    {"Erg", 1e-7},
    {"FootPound", 1.3558179483314004},
    {"GigabritishThermalUnit", 1e9 * kBtu},
    {"GigaelectronVolt", 1e9 * kElectronVolt},
    {"Gigajoule", 1e9},
    {"GigawattDay", 86400e9},
    {"GigawattHour", 3600e9},
    {"HorsepowerHour", 2684519.537696172792},
    {"Joule", 1},
    {"KilobritishThermalUnit", 1e3 * kBtu},
    {"Kilocalorie", 4184},
    {"KiloelectronVolt", 1e3 * kElectronVolt},
    {"Kilojoule", 1e3},
    {"KilowattDay", 86400e3},
    {"KilowattHour", 3600e3},
    {"MegabritishThermalUnit", 1e6 * kBtu},
    {"Megacalorie", 4184e3},
    {"MegaelectronVolt", 1e6 * kElectronVolt},
    {"Megajoule", 1e6},
    {"MegawattDay", 86400e6},
    {"MegawattHour", 3600e6},
    {"Millijoule", 1e-3},
    {"TeraelectronVolt", 1e12 * kElectronVolt},
    {"TerawattDay", 86400e12},
    {"TerawattHour", 3600e12},
    {"ThermEc", 1.05505585262e8},
    {"ThermImperial", 1.05505585257348e8},
    {"ThermUs", 1.054804e8},
    {"WattDay", 86400},
    {"WattHour", 3600},
};

constexpr double kPoundForce = 4.4482216152605;
constexpr Unit kForces[] = {
    {"Decanewton", 10},
    {"Dyn", 1e-5},
    {"KilogramForce", 9.80665},
    {"Kilonewton", 1e3},
    {"KiloPond", 9.80665},
    {"KilopoundForce", 1e3 * kPoundForce},
    {"Meganewton", 1e6},
    {"Micronewton", 1e-6},
    {"Millinewton", 1e-3},
    {"Newton", 1},
    {"OunceForce", kPoundForce / 16},
    {"Poundal", 0.138254954376},
    {"PoundForce", kPoundForce},
    {"ShortTonForce", 2e3 * kPoundForce},
    {"TonneForce", 9806.65},
};

constexpr double kFoot = 0.3048, kSurveyFoot = 1200.0 / 3937;
constexpr double kLightYear = 9.46073047258e15, kParsec = 3.08567758128e16;
constexpr Unit kLengths[] = {
    {"Angstrom", 1e-10},
    {"AstronomicalUnit", 1.4959787070e11},
    {"Centimeter", 1e-2},
    {"Chain", 20.1168},
    {"DataMile", 1828.8},
    {"Decameter", 10},
    {"Decimeter", 1e-1},
    {"DtpPica", 0.0254 / 6},
    {"DtpPoint", 0.0254 / 72},
    {"Fathom", 1.8288},
    {"Foot", kFoot},
    {"Hand", 0.1016},
    {"Hectometer", 100},
    {"Inch", 0.0254},
    {"KilolightYear", 1e3 * kLightYear},
    {"Kilometer", 1e3},
    {"Kiloparsec", 1e3 * kParsec},
    {"LightYear", kLightYear},
    {"MegalightYear", 1e6 * kLightYear},
    {"Megaparsec", 1e6 * kParsec},
    {"Meter", 1},
    {"Microinch", 2.54e-8},
    {"Micrometer", 1e-6},
    {"Mil", 2.54e-5},
    {"Mile", 1609.344},
    {"Millimeter", 1e-3},
    {"Nanometer", 1e-9},
    {"NauticalMile", 1852},
    {"Parsec", kParsec},
    {"PrinterPica", 1 / 237.106301584},
    {"PrinterPoint", 0.0254 / 72.27},
    {"Shackle", 27.432},
    {"SolarRadius", 6.95510000e8},
    {"Twip", 1 / 56692.913385826},
    {"UsSurveyFoot", kSurveyFoot},
    {"Yard", 0.9144},
};

constexpr double kPound = 0.45359237;
constexpr Unit kMasses[] = {
    {"Centigram", 1e-5},
    {"Decagram", 1e-2},
    {"Decigram", 1e-4},
    {"EarthMass", 5.9722e24},
    {"Grain", 6.479891e-5},
    {"Gram", 1e-3},
    {"Hectogram", 1e-1},
    {"Kilogram", 1},
    {"Kilopound", 1e3 * kPound},
    {"Kilotonne", 1e6},
    {"LongHundredweight", 50.80234544},
    {"LongTon", 1016.0469088},
    {"Megapound", 1e6 * kPound},
    {"Megatonne", 1e9},
    {"Microgram", 1e-9},
    {"Milligram", 1e-6},
    {"Nanogram", 1e-12},
    {"Ounce", kPound / 16},
    {"Pound", kPound},
    {"ShortHundredweight", 45.359237},
    {"ShortTon", 907.18474},
    {"Slug", 14.593902937206},
    {"SolarMass", 1.98947e30},
    {"Stone", 6.35029318},
    {"Tonne", 1e3},
};

constexpr Unit kSpeeds[] = {
    {"CentimeterPerHour", 1e-2 / 3600},
    {"CentimeterPerMinute", 1e-2 / 60},
    {"CentimeterPerSecond", 1e-2},
    {"DecimeterPerMinute", 1e-1 / 60},
    {"DecimeterPerSecond", 1e-1},
    {"FootPerHour", kFoot / 3600},
    {"FootPerMinute", kFoot / 60},
    {"FootPerSecond", kFoot},
    {"InchPerHour", 0.0254 / 3600},
    {"InchPerMinute", 0.0254 / 60},
    {"InchPerSecond", 0.0254},
    {"KilometerPerHour", 1e3 / 3600},
    {"KilometerPerMinute", 1e3 / 60},
    {"KilometerPerSecond", 1e3},
    {"Knot", 1852.0 / 3600},
    {"MeterPerHour", 1.0 / 3600},
    {"MeterPerMinute", 1.0 / 60},
    {"MeterPerSecond", 1},
    {"MicrometerPerMinute", 1e-6 / 60},
    {"MicrometerPerSecond", 1e-6},
    {"MilePerHour", 0.44704},
    {"MillimeterPerHour", 1e-3 / 3600},
    {"MillimeterPerMinute", 1e-3 / 60},
    {"MillimeterPerSecond", 1e-3},
    {"NanometerPerMinute", 1e-9 / 60},
    {"NanometerPerSecond", 1e-9},
    {"UsSurveyFootPerHour", kSurveyFoot / 3600},
    {"UsSurveyFootPerMinute", kSurveyFoot / 60},
    {"UsSurveyFootPerSecond", kSurveyFoot},
    {"YardPerHour", 0.9144 / 3600},
    {"YardPerMinute", 0.9144 / 60},
    {"YardPerSecond", 0.9144},
};

constexpr double kCubicFoot = kFoot * kFoot * kFoot, kUsGallon = 0.003785411784,
                 kImperialGallon = 0.00454609;
constexpr Unit kVolumes[] = {
    {"AcreFoot", 1 / 0.000810714},
    {"AuTablespoon", 2e-5},
    {"BoardFoot", kCubicFoot / 12},
    {"Centiliter", 1e-5},
    {"CubicCentimeter", 1e-6},
    {"CubicDecimeter", 1e-3},
    {"CubicFoot", kCubicFoot},
    {"CubicHectometer", 1e6},
    {"CubicInch", 1.6387064e-5},
    {"CubicKilometer", 1e9},
    {"CubicMeter", 1},
    {"CubicMicrometer", 1e-18},
    {"CubicMile", 4.16818182544058e9},
    {"CubicMillimeter", 1e-9},
    {"CubicYard", 27 * kCubicFoot},
    {"Decaliter", 1e-2},
    {"DecausGallon", 10 * kUsGallon},
    {"Deciliter", 1e-4},
    {"DeciusGallon", kUsGallon / 10},
    {"HectocubicFoot", 100 * kCubicFoot},
    {"HectocubicMeter", 100},
    {"Hectoliter", 1e-1},
    {"HectousGallon", 100 * kUsGallon},
    {"ImperialBeerBarrel", 0.16365924},
    {"ImperialGallon", kImperialGallon},
    {"ImperialOunce", kImperialGallon / 160},
    {"ImperialPint", kImperialGallon / 8},
    {"KilocubicFoot", 1e3 * kCubicFoot},
    {"KilocubicMeter", 1e3},
    {"KiloimperialGallon", 1e3 * kImperialGallon},
    {"Kiloliter", 1},
    {"KilousGallon", 1e3 * kUsGallon},
    {"Liter", 1e-3},
    {"MegacubicFoot", 1e6 * kCubicFoot},
    {"MegaimperialGallon", 1e6 * kImperialGallon},
    {"Megaliter", 1e3},
    {"MegausGallon", 1e6 * kUsGallon},
    {"MetricCup", 2.5e-4},
    {"MetricTeaspoon", 5e-6},
    {"Microliter", 1e-9},
    {"Milliliter", 1e-6},
    {"OilBarrel", 0.158987294928},
    {"UkTablespoon", 1.5e-5},
    {"UsBeerBarrel", 0.117347765},
    {"UsCustomaryCup", 2.365882365e-4},
    {"UsGallon", kUsGallon},
    {"UsLegalCup", 2.4e-4},
    {"UsOunce", kUsGallon / 128},
    {"UsPint", kUsGallon / 8},
    {"UsQuart", kUsGallon / 4},
    {"UsTablespoon", kUsGallon / 256},
    {"UsTeaspoon", kUsGallon / 768},
};

std::optional<double> factor_of(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

template <const auto& kUnits>
std::optional<double> convert(double value, std::string_view from, std::string_view to) {
  const auto a = factor_of(kUnits, from), b = factor_of(kUnits, to);
  if (!a || !b) return std::nullopt;
  if (from == to) return value;
  return value * *a / *b;
}

// A tilt is the sine of an angle.
std::optional<double> convert_angle(double value, std::string_view from, std::string_view to) {
  if (from == to) return convert<kAngles>(value, "Degree", "Degree");
  if (from == "Tilt") return convert<kAngles>(std::asin(value), "Radian", to);
  if (to != "Tilt") return convert<kAngles>(value, from, to);
  const auto radians = convert<kAngles>(value, from, "Radian");
  return radians ? std::optional(std::sin(*radians)) : std::nullopt;
}

// Kelvin is scale * value + offset.
struct Scale {
  std::string_view name;
  double scale;
  double offset;
};
constexpr Scale kTemperatures[] = {
    {"DegreeCelsius", 1, 273.15},
    {"DegreeDelisle", -2.0 / 3, 373.15},
    {"DegreeFahrenheit", 5.0 / 9, 459.67 * 5 / 9},
    {"DegreeNewton", 100.0 / 33, 273.15},
    {"DegreeRankine", 5.0 / 9, 0},
    {"DegreeReaumur", 1.25, 273.15},
    {"DegreeRoemer", 40.0 / 21, 273.15 - 7.5 * 40 / 21},
    {"Kelvin", 1, 0},
    {"MillidegreeCelsius", 1e-3, 273.15},
    {"SolarTemperature", 5778, 0},
};
std::optional<double> convert_temperature(double value, std::string_view from,
                                          std::string_view to) {
  const Scale* a = nullptr;
  const Scale* b = nullptr;
  for (const Scale& scale : kTemperatures) {
    if (scale.name == from) a = &scale;
    if (scale.name == to) b = &scale;
  }
  if (a == nullptr || b == nullptr) return std::nullopt;
  if (a == b) return value;
  return (value * a->scale + a->offset - b->offset) / b->scale;
}

constexpr Udf kFunctions[] = {
    udf<convert_angle>("k_convert_angle"),
    udf<convert<kEnergies>>("k_convert_energy"),
    udf<convert<kForces>>("k_convert_force"),
    udf<convert<kLengths>>("k_convert_length"),
    udf<convert<kMasses>>("k_convert_mass"),
    udf<convert<kSpeeds>>("k_convert_speed"),
    udf<convert_temperature>("k_convert_temperature"),
    udf<convert<kVolumes>>("k_convert_volume"),
};

}  // namespace

std::span<const Udf> unit_functions() {
  return kFunctions;
}

}  // namespace rivulet::functions
