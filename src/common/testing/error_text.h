#pragma once

#include <string>

#include "common/error.h"

namespace rivulet {

// "syntax: Syntax error: SYN0002: …": the kind of an error and its message, for tests to compare.
std::string error_text(const Error& error);

}  // namespace rivulet
