#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/clock.h"
#include "types/column.h"

// The text forms of Kusto's scalar values: what literals, casts (todatetime, tolong, …), ingestion and
// answers share. A parser returns nothing when the text is no such value; none throws. All are pure.
namespace rivulet {

// ISO 8601 and the other forms that Kusto documents for datetime (RFC 822/850, "2014-05-25 08:20:03",
// dates alone, offsets, "2016-06-15T10:20Z", US style "1/31/2017 10:00:00 AM"). UTC ticks. Digits of the
// fraction past the seventh are dropped.
std::optional<Ticks> parse_datetime(std::string_view text);
// "2020-03-04T14:05:01.3109965Z": always seven digits, as Kusto prints in tostring(); with `trim`
// trailing zeros of the fraction are dropped, as in answers.
void append_datetime(std::string& out, Ticks ticks, bool trim = false);
// "[-][d.]hh:mm:ss[.fffffff]", and literal forms: "2d", "1.5h", "30m", "10s", "0.1s", "100ms", "10us"
// ("microsecond", "microseconds"), "1tick", bare number = days.
std::optional<int64_t> parse_timespan(std::string_view text);
// "[-][d.]hh:mm:ss[.fffffff]".
void append_timespan(std::string& out, int64_t ticks);

// true/false (any case) and numbers (0 is false).
std::optional<bool> parse_bool(std::string_view text);
// Decimal or 0x-hexadecimal, surrounding blanks allowed; out of range is no value.
std::optional<int32_t> parse_int(std::string_view text);
std::optional<int64_t> parse_long(std::string_view text);
// Also "NaN", "inf", "+inf", "-inf", "Infinity".
std::optional<double> parse_real(std::string_view text);
// The shortest text that reads back as the same double, as Kusto prints it in tostring() and in answers:
// "1.0", "0.25", "1E+20", "NaN", "-Infinity".
void append_real(std::string& out, double value);
// Digits past the 18th of the fraction are rounded; past DECIMAL(38,18) is no value.
std::optional<Decimal> parse_decimal(std::string_view text);
// Without zeros at the end of the fraction: "2", "2.5".
void append_decimal(std::string& out, Decimal value);

// Appends the cell as Kusto's tostring() does; nothing for null.
void append_cell_text(std::string& out, const ColumnView& column, size_t row);
// Appends the cell as it stands in a v1 or v2 answer: numbers bare, real NaN/Infinity and decimal as
// strings, datetime/timespan/guid as strings, dynamic as nested JSON, null as null (strings: "").
void append_cell_json(std::string& out, const ColumnView& column, size_t row);
// Appends a JSON string literal with its quotes; invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);
// Appends the text as JSON that types/json.h promises, all else as it is (order, spelling of numbers,
// escapes). False, and nothing appended, when it is no JSON. Invalid UTF-8 becomes U+FFFD.
bool append_compact_json(std::string& out, std::string_view json);
// Appends what the text between the quotes of a JSON string stands for; half of a surrogate pair becomes U+FFFD.
// False, and only what stands before it appended, at an escape that JSON does not know.
bool append_json_string_content(std::string& out, std::string_view inside);
// Appends a code point: less than 0x110000, and no surrogate.
void append_utf8(std::string& out, uint32_t code_point);
// Appends the text with every invalid sequence of UTF-8 replaced by U+FFFD.
void append_valid_utf8(std::string& out, std::string_view text);
bool is_valid_utf8(std::string_view text);
// Appends a field of CSV, quoted where it must be.
void append_csv_field(std::string& out, std::string_view text);

}  // namespace rivulet
