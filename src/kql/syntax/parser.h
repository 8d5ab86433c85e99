#pragma once

#include <string_view>

#include "kql/syntax/syntax.h"

namespace rivulet::kql {

// Columns of a table that a query makes.
constexpr size_t kMaxColumns = 10'000;

// Parses a whole query. Throws syntax_error, and not_supported for statements that Rivulet refuses.
Script parse_query(std::string_view text);

// Parses "| operator | operator …", a pipeline without a source, and what statements follow it.
Script parse_continuation(std::string_view text);

// Parses a function from the two texts that a stored function consists of: "(a: long, b: string = 'x')"
// and "{ … }". The text need not outlive the call.
std::shared_ptr<const FunctionDefinition> parse_function(std::string_view parameters,
                                                         std::string_view body);

// Parses one scalar expression and nothing else.
ExpressionPtr parse_scalar(std::string_view text);

}  // namespace rivulet::kql
