#pragma once

#include <functional>
#include <string_view>

#include "commands/catalog_access.h"
#include "commands/form.h"

namespace rivulet::commands {

// Carries `work` out as an operation of this kind, which `.show operations` tells of: on the command's thread, and
// answers what it answers; or, asynchronous, in the background, and answers the operation's id at once.
Action operation_action(const CommandContext& context, std::string_view kind,
                        const TableName& table, bool is_async, std::function<ResultTable()> work);

}  // namespace rivulet::commands
