#pragma once

#include <map>
#include <string>

namespace rivulet {

struct ServeArguments {
  std::string config_file;
  std::map<std::string, std::string> flags;  // setting name to value
};

// `rivulet serve`: runs until SIGINT or SIGTERM. The exit status.
int run_serve(const ServeArguments& arguments);

}  // namespace rivulet
