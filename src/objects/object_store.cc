#include "objects/object_store.h"

#include <spdlog/spdlog.h>

namespace rivulet::objects {

void remove_quietly(ObjectStore& objects, std::string_view name) {
  try {
    objects.remove(name);
  } catch (const IoError& error) {
    spdlog::warn("What is not needed could not be removed: {}", error.what());
  }
}

}  // namespace rivulet::objects
