#pragma once

#include <memory>

#include "store/committer.h"
#include "store/store.h"

namespace rivulet::store {

// The store without threads of its own, for tests: what they would do is done by step(), so that one thread runs all
// of it in an order that a seed decides. Not thread-safe.
class SteppedStore : public Store {
 public:
  enum class Part {
    kCommitter,    // begins a group of transactions, or finishes one
    kMaintenance,  // seals a tail, makes a checkpoint, removes files
    kUpkeep,       // merges extents, carries out retention
  };
  // One step of a part; false when it has nothing to do. A step of the last two waits for its commits, as do
  // opening the store, seal(), checkpoint() and upkeep(): `drive` is called again and again meanwhile, and must see to it
  // that the committer and the log go on.
  virtual bool step(Part part) = 0;

  // As Store::open(). What is queued when the store goes is dropped, as when the process is killed.
  static std::unique_ptr<SteppedStore> open(const StoreOptions& options, FileSystem& files,
                                            const Clock& clock, Committer::Drive drive);
};

}  // namespace rivulet::store
