#include "server/services.h"

namespace rivulet::server {

std::string Services::resolve_database(std::string_view name) const {
  constexpr std::string_view kUnnamed = "NetDefaultDB";
  if (name.empty()) return settings.default_database;
  if (name == kUnnamed && store.catalog()->find_database(name) == nullptr)
    return settings.default_database;
  return std::string(name);
}

}  // namespace rivulet::server
