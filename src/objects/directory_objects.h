#pragma once

#include <mutex>

#include "objects/object_store.h"

namespace rivulet::objects {

// Objects as files below a directory of this machine: a name is the path there. A file that is being staged is
// beside its place, with `.tmp` behind its name, and gets the name in one step.
class DirectoryObjects final : public ObjectStore {
 public:
  // Whoever uses it is the only one who writes there. `files` outlives it.
  DirectoryObjects(FileSystem& files, std::filesystem::path root)
      : files_(files), root_(std::move(root)) {}

  std::unique_ptr<StagedObject> stage(std::string_view name) override;
  std::unique_ptr<const File> open(std::string_view name) const override;
  std::optional<ObjectInfo> head(std::string_view name) const override;
  void list(std::string_view prefix,
            const std::function<void(const ObjectInfo&)>& visit) const override;
  void remove(std::string_view name) override;
  LocalCopy local_copy(std::string_view name) const override;
  uint64_t free_bytes() const override;
  std::string location(std::string_view name) const override { return path_of(name).string(); }
  void remove_unfinished(std::string_view prefix) override;

 private:
  class Staged;

  std::filesystem::path path_of(std::string_view name) const { return root_ / name; }
  void make_folder(const std::filesystem::path& folder);
  // Visits the files below a folder, their paths relative to the root.
  void visit_files(
      const std::filesystem::path& folder,
      const std::function<void(const std::string& name, const FileStatus&)>& visit) const;

  FileSystem& files_;
  const std::filesystem::path root_;
  std::mutex folders_mutex_;  // held while a folder is made
};

}  // namespace rivulet::objects
