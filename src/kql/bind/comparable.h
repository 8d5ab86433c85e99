#pragma once

#include <utility>

#include "kql/sql/expr.h"

namespace rivulet::kql {

// The two sides of `==` as values of one type. A text beside a value of another type stands for the value that it
// spells in that type, null where it spells none. Throws semantic_error where Kusto compares no such types.
std::pair<Expr, Expr> as_comparable(const Expr& a, const Expr& b);

}  // namespace rivulet::kql
