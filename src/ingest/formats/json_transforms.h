#pragma once

#include <string>
#include <string_view>

#include "ingest/mappings/mapping.h"
#include "types/json_reader.h"

// The transformations of ingestion mappings, applied to a JSON value of the input. Each appends one cell.
namespace rivulet::ingest {

// The text that a JSON string stands for; `scratch` holds it where it is not plain.
std::string_view string_content(const JsonValue& value, std::string& scratch);

// The value's JSON without blanks; `scratch` holds it where that differs from its text.
std::string_view compact_json(const JsonValue& value, std::string& scratch);

// Unix time in seconds, milli-, micro- or nanoseconds (a number, or a string with one) to a datetime.
void append_unix_time(Column& column, const JsonValue& value, Transform unit);

// [{"n1":"v1"},{"n2":"v2"}] to {"n1":"v1","n2":"v2"}; of one name the last value.
void append_dictionary(Column& column, const JsonValue& value);

void append_base64_text(std::string& out, std::string_view bytes);
// An array of bytes (numbers from 0 to 255) to base64; null for anything else.
void append_base64(Column& column, const JsonValue& value);

// An object without those of its properties, however deep, that other columns of the mapping take.
void append_without_mapped_fields(Column& column, const JsonValue& value, const Mapping& mapping,
                                  const Mapping::Node& node);

}  // namespace rivulet::ingest
