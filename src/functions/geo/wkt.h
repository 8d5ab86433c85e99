#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace rivulet::functions::geo {

// The GeoJSON of a geometry in well-known text ("POINT (1 2)"), in two dimensions and any case. Nothing for
// other text, and for empty geometries.
std::optional<std::string> wkt_to_geojson(std::string_view wkt);

}  // namespace rivulet::functions::geo
