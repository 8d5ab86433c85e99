#pragma once

#include <string>

#include "catalog/catalog.h"

namespace rivulet::commands {

// [{"Name":"a","Type":"System.Int64","CslType":"long"}, {"Name":"T","Columns":[…]}]: the parameters of a
// function as schemas list them.
std::string parameters_json(const catalog::Function& function);

// The parameters as Kusto shows them: "(a:long, T:(x:string))", without superfluous blanks.
std::string normal_parameters(std::string_view parameters);

}  // namespace rivulet::commands
