#pragma once

#include <mutex>
#include <vector>

#include "objects/object_store.h"

namespace rivulet::objects {

// What was there at the start and that nothing named: made by an earlier process, which ended before it was committed.
// It is removed when it is a day old, so that nothing goes that was being made elsewhere, or that somebody put there to
// restore it. What this process makes is not its business: that goes with its last holder. Thread-safe.
class Orphans {
 public:
  static constexpr Ticks kAge = kTicksPerDay;

  explicit Orphans(ObjectStore& objects) : objects_(objects) {}

  void add(ObjectInfo object);
  // Removes those that are old enough at the time `now`. Those that cannot be removed are told of in the log, and tried
  // again by a later call.
  void remove_old(Ticks now);

 private:
  ObjectStore& objects_;
  std::mutex mutex_;
  std::vector<ObjectInfo> waiting_;  // guarded by mutex_
};

}  // namespace rivulet::objects
