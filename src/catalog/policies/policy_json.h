#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// What the files of the policies make their JSON with.
namespace rivulet::catalog {

// The compact JSON that a text is; throws bad_request.
std::string parse_policy(std::string_view text);

// A member of a policy's JSON object. Limits are of the number, or of the timespan's ticks.
struct Member {
  enum class Kind { kBool, kNumber, kTimeSpan, kDateTime, kEnabledOrDisabled, kTagPrefix };
  std::string_view name;
  Kind kind;
  std::string_view otherwise;  // JSON where the member is not given; empty: it must be
  double min = 0;
  double max = 1e300;
};

// The object as it is stored: its members in this order, all of them, and each as Kusto writes it. Throws
// bad_request.
std::string normalize_members(std::string_view text, std::span<const Member> members);
// The same, of compact JSON.
std::string normalize_object(std::string_view json, std::span<const Member> members);
// Any object or array.
std::string normalize_any(std::string_view text);

// The JSON object with the members of `changes` put over those of `base`; `base` may be empty.
std::string merge_json(std::string_view base, std::string_view changes);

// For reading what is stored, which an older version may have written without checking it: compact JSON, or nothing; and a
// member of it that is a string, or a number, or nothing.
std::string stored_json(std::string_view text);
std::optional<std::string> text_member(std::string_view json, std::string_view name);
std::optional<double> number_member(std::string_view json, std::string_view name);
// Sets the limit where the member is a number. Zero and less: no limit, as Kusto documents it.
void set_limit(uint64_t& limit, std::string_view json, std::string_view name, double factor = 1);

}  // namespace rivulet::catalog
