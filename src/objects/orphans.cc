#include "objects/orphans.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>

namespace rivulet::objects {

void Orphans::add(ObjectInfo object) {
  std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(object));
}

void Orphans::remove_old(Ticks now) {
  std::vector<ObjectInfo> old;
  {
    std::lock_guard lock(mutex_);
    auto first = std::partition(waiting_.begin(), waiting_.end(), [&](const ObjectInfo& object) {
      return now - object.modified < kAge;
    });
    old.assign(std::make_move_iterator(first), std::make_move_iterator(waiting_.end()));
    waiting_.erase(first, waiting_.end());
  }
  for (ObjectInfo& object : old) {
    try {
      objects_.remove(object.name);
      spdlog::info("{}, which nothing named since the start, was removed",
                   objects_.location(object.name));
    } catch (const IoError& error) {
      spdlog::warn("What nothing names could not be removed: {}", error.what());
      add(std::move(object));
    }
  }
}

}  // namespace rivulet::objects
