#pragma once

#include <string_view>

#include <spdlog/spdlog.h>

// Log with spdlog::info("… {}", value) and its siblings; this only says where it goes and how it looks.
namespace rivulet {

// Sends log lines to standard error as "2020-03-04T14:05:01.310Z info text", in UTC, and sets the lowest
// level that is shown: "trace", "debug", "info", "warning", "error", "critical" or "off". Throws
// std::invalid_argument for any other name. Call it once, before threads start.
void set_up_logging(std::string_view level);

}  // namespace rivulet
