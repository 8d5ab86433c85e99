#pragma once

#include <string>

namespace rivulet {

struct CheckArguments {
  std::string data = "rivulet-data";
};

// `rivulet check`: verifies a data directory that no server has open, and prints what it found. 0: all is
// well; 1: it is damaged; 2: it could not be checked.
int run_check(const CheckArguments& arguments);

}  // namespace rivulet
