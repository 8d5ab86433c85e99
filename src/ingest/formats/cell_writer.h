#pragma once

#include <string_view>

#include "types/column.h"

namespace rivulet::ingest {

// Appends the value that a text of the input stands for in a column of this type. An empty text, and one
// that is no value of the type, is null. In a dynamic column a text that is JSON is that JSON value, and
// any other text is a string. The text must be valid UTF-8.
void append_text_value(Column& column, std::string_view text);

// Appends the whole number as a value of the column's type; null where there is none.
void append_whole_number(Column& column, int64_t value);

// Appends a text to a dynamic column as a JSON string.
void append_dynamic_string(Column& column, std::string_view text);

}  // namespace rivulet::ingest
