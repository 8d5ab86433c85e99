#pragma once

#include <vector>

#include "common/memory_budget.h"
#include "server/services.h"

namespace rivulet::server {

// What the whole, and each share of it, takes at this moment. Asks the query engine, so not for every request.
std::vector<MemoryUse> memory_use(const Services& services);

}  // namespace rivulet::server
