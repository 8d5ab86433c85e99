#pragma once

#include <string>
#include <string_view>

#include "catalog/catalog.h"

namespace rivulet::commands {

// The function as schemas tell it; `output_columns` is the JSON of its columns.
std::string function_json(const catalog::Function& function, std::string_view output_columns);

// Appends {"Name":…,"Type":…,"CslType":… without the bracket that closes it.
void append_typed_name(std::string& json, const std::string& name, ScalarType type);

// [{"Name":"a","Type":"System.Int64","CslType":"long"}, {"Name":"T","Columns":[…]}]: the parameters of a
// function as schemas list them.
std::string parameters_json(const catalog::Function& function);

// A call of the function with nothing in its arguments: nulls, and tables without rows.
std::string empty_call(const catalog::Function& function);

// The parameters as Kusto shows them: "(a:long, T:(x:string))", without superfluous blanks.
std::string normal_parameters(std::string_view parameters);

}  // namespace rivulet::commands
