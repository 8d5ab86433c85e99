#include "objects/directory_objects.h"

#include <spdlog/spdlog.h>

#include <cerrno>

namespace rivulet::objects {
namespace {

constexpr std::string_view kUnfinished = ".tmp";

ObjectFailure failure_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return ObjectFailure::kNotFound;
    case EEXIST:
      return ObjectFailure::kExists;
    default:
      return ObjectFailure::kUnavailable;
  }
}

// Does `work`, whose failures become those of the object.
auto as_object(const std::filesystem::path& path, std::string_view operation, auto&& work) {
  try {
    return work();
  } catch (const IoError& error) {
    throw ObjectError(failure_of(error.error_number()), path, operation, error.error_number());
  }
}

}  // namespace

class DirectoryObjects::Staged final : public StagedObject {
 public:
  Staged(FileSystem& files, std::filesystem::path path)
      : files_(files), path_(std::move(path)), staged_(path_.string() + std::string(kUnfinished)) {}

  ~Staged() override {
    if (is_put_) return;
    for (const auto& path : {staged_, path_}) {
      // What has the name is another's, unless it was given to this one.
      if (path == path_ && !is_named_) continue;
      try {
        if (files_.exists(path)) files_.remove(path);
      } catch (const IoError& error) {
        spdlog::warn("A file that is not needed could not be removed: {}", error.what());
      }
    }
  }

  const std::filesystem::path& path() const override { return staged_; }
  std::unique_ptr<File> open(FileSystem::Mode mode) override {
    return as_object(staged_, "open", [&] { return files_.open(staged_, mode); });
  }

  void put() override {
    as_object(path_, "put", [&] {
      files_.open(staged_, FileSystem::Mode::kReadWrite)->sync();
      give_name();
      files_.sync_directory(path_.parent_path());
    });
    is_put_ = true;
  }
  void put_unsynced() override {
    as_object(path_, "put", [&] { give_name(); });
    is_put_ = true;
  }

 private:
  // Of two that were staged under one name the second finds the first one's file, or its object.
  void give_name() {
    if (files_.exists(path_)) throw IoError(path_, "put", EEXIST);
    is_named_ = true;  // from here on it may be so
    files_.rename(staged_, path_);
  }

  FileSystem& files_;
  const std::filesystem::path path_, staged_;
  bool is_named_ = false, is_put_ = false;
};

std::unique_ptr<StagedObject> DirectoryObjects::stage(std::string_view name) {
  std::filesystem::path path = path_of(name);
  as_object(path, "stage", [&] { make_folder(path.parent_path()); });
  return std::make_unique<Staged>(files_, std::move(path));
}

void DirectoryObjects::make_folder(const std::filesystem::path& folder) {
  // Whoever finds it there must find it durable.
  std::lock_guard lock(folders_mutex_);
  files_.create_directories(folder);
}

std::unique_ptr<const File> DirectoryObjects::open(std::string_view name) const {
  std::filesystem::path path = path_of(name);
  return as_object(path, "open", [&]() -> std::unique_ptr<const File> {
    return files_.open(path, FileSystem::Mode::kRead);
  });
}

std::optional<ObjectInfo> DirectoryObjects::head(std::string_view name) const {
  std::filesystem::path path = path_of(name);
  return as_object(path, "look at", [&]() -> std::optional<ObjectInfo> {
    if (!files_.exists(path)) return std::nullopt;
    FileStatus status = files_.status(path);
    return ObjectInfo{std::string(name), status.bytes, status.modified};
  });
}

void DirectoryObjects::list(std::string_view prefix,
                            const std::function<void(const ObjectInfo&)>& visit) const {
  std::filesystem::path folder = path_of(prefix.substr(0, prefix.rfind('/') + 1));
  as_object(folder, "list", [&] {
    visit_files(folder, [&](const std::string& name, const FileStatus& status) {
      if (!name.starts_with(prefix) || name.ends_with(kUnfinished)) return;
      visit({name, status.bytes, status.modified});
    });
  });
}

void DirectoryObjects::visit_files(
    const std::filesystem::path& folder,
    const std::function<void(const std::string& name, const FileStatus&)>& visit) const {
  if (!files_.exists(folder)) return;
  for (const std::string& name : files_.list(folder)) {
    std::filesystem::path path = folder / name;
    FileStatus status = files_.status(path);
    if (status.is_directory) {
      visit_files(path, visit);
    } else {
      visit(path.lexically_relative(root_).string(), status);
    }
  }
}

void DirectoryObjects::remove(std::string_view name) {
  std::filesystem::path path = path_of(name);
  as_object(path, "remove", [&] {
    if (files_.exists(path)) files_.remove(path);
  });
}

LocalCopy DirectoryObjects::local_copy(std::string_view name) const {
  return std::make_shared<const std::filesystem::path>(path_of(name));
}

uint64_t DirectoryObjects::free_bytes() const {
  return as_object(root_, "look at", [&] { return files_.free_bytes(root_); });
}

void DirectoryObjects::remove_unfinished(std::string_view prefix) {
  std::filesystem::path folder = path_of(prefix);
  as_object(folder, "tidy", [&] {
    if (!files_.exists(folder)) return;
    // A folder that was made just before the last process ended may not be durable yet.
    files_.sync_directory(folder);
    visit_files(folder, [&](const std::string& name, const FileStatus&) {
      if (name.ends_with(kUnfinished)) files_.remove(root_ / name);
    });
  });
}

}  // namespace rivulet::objects
