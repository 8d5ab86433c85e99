#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>
#include <unordered_map>
#include <vector>

#include "catalog/catalog.h"
#include "extents/extent_files.h"

namespace rivulet::extents {

// Which extents each table has. One thread, the committer, changes it, and nobody sees that until publish();
// the caller holds the lock that orders readers against publish().
class Manifest {
 public:
  // An extent that was adopted.
  void add(catalog::TableId table, std::shared_ptr<const ExtentView> extent);
  // False, and nothing removed, when the table does not have all of them.
  bool remove(catalog::TableId table, std::span<const Guid> extents);
  void clear(catalog::TableId table);

  // Makes visible what was prepared. Lists that are not current any more go into `garbage`, to be freed
  // after the lock.
  void publish(std::vector<std::shared_ptr<const ExtentList>>& garbage);

  // Whether the published table has all of the extents.
  bool contains(catalog::TableId table, std::span<const Guid> extents) const;
  // What is published. Null: no extents.
  std::shared_ptr<const ExtentList> view(catalog::TableId table) const;
  void for_each(const std::function<void(catalog::TableId,
                                         const std::shared_ptr<const ExtentList>&)>& visit) const;
  uint64_t extent_count() const { return extent_count_; }
  uint64_t row_count() const { return row_count_; }
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  struct Edit {
    bool is_cleared = false;
    std::set<Guid> removed;  // of the published ones
    ExtentList added;
  };

  std::unordered_map<catalog::TableId, std::shared_ptr<const ExtentList>> tables_;
  uint64_t extent_count_ = 0, row_count_ = 0, size_bytes_ = 0;
  std::unordered_map<catalog::TableId, Edit> edits_;  // the committer's
};

}  // namespace rivulet::extents
