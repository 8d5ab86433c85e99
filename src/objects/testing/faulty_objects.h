#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/testing/temporary_directory.h"
#include "objects/object_store.h"

namespace rivulet::objects::testing {

// Another store, that fails on request, and whose local copies are files of their own, which go with whoever holds
// them: who reads a path without holding it finds nothing. Thread-safe.
class FaultyObjects final : public ObjectStore {
 public:
  enum class Operation { kStage, kPut, kOpen, kHead, kList, kRemove, kCopy };
  // Called before each operation. What it gives is thrown, and nothing is done; of a put, kUnavailable is thrown
  // behind what was done: it is not known what became of it.
  using Hook = std::function<std::optional<ObjectFailure>(Operation, std::string_view name)>;

  explicit FaultyObjects(std::unique_ptr<ObjectStore> objects) : objects_(std::move(objects)) {}
  void set_hook(Hook hook);

  std::unique_ptr<StagedObject> stage(std::string_view name) override;
  std::unique_ptr<const File> open(std::string_view name) const override;
  std::optional<ObjectInfo> head(std::string_view name) const override;
  void list(std::string_view prefix,
            const std::function<void(const ObjectInfo&)>& visit) const override;
  void remove(std::string_view name) override;
  LocalCopy local_copy(std::string_view name) const override;
  uint64_t free_bytes() const override { return objects_->free_bytes(); }
  std::string location(std::string_view name) const override { return objects_->location(name); }
  void remove_unfinished(std::string_view prefix) override { objects_->remove_unfinished(prefix); }

 private:
  class Staged;

  // What the hook says to the operation.
  std::optional<ObjectError> failure(Operation operation, std::string_view name) const;
  void check(Operation operation, std::string_view name) const;

  const std::unique_ptr<ObjectStore> objects_;
  TemporaryDirectory copies_;
  mutable std::mutex mutex_;
  Hook hook_;                     // guarded by mutex_
  mutable uint64_t copied_ = 0;  // guarded by mutex_
};

}  // namespace rivulet::objects::testing
