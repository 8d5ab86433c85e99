#include "main/check_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "common/clock.h"
#include "common/file_system.h"
#include "store/check.h"

namespace rivulet {

int run_check(const CheckArguments& arguments) {
  try {
    store::CheckResult result =
        store::check_data(posix_file_system(), arguments.data, system_clock());
    for (const std::string& line : result.found) fmt::print("{}\n", line);
    for (const std::string& line : result.problems) fmt::print("DAMAGED: {}\n", line);
    size_t count = result.problems.size();
    fmt::print("{}\n", count == 0   ? "No damage was found."
                       : count == 1 ? "One problem was found."
                                    : fmt::format("{} problems were found.", count));
    return result.problems.empty() ? 0 : 1;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}

}  // namespace rivulet
