#include "common/testing/fault_file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace rivulet {

using Path = std::filesystem::path;

class FaultFileSystem::TrackedFile final : public File {
 public:
  TrackedFile(FaultFileSystem& files, Path path, std::shared_ptr<Node> node)
      : files_(files), path_(std::move(path)), node_(std::move(node)) {}

  size_t read(uint64_t offset, std::span<std::byte> out) const override {
    std::lock_guard lock(files_.mutex_);
    int error = files_.read_hook_ ? files_.read_hook_(path_) : 0;
    if (error != 0) throw IoError(path_, "read", error);
    return node_->file->read(offset, out);
  }

  void write(uint64_t offset, std::span<const std::byte> data) override {
    std::lock_guard lock(files_.mutex_);
    files_.remember(*node_, offset, data.size());
    try {
      files_.check(Operation::kWrite, path_, "write");
    } catch (...) {
      node_->file->write(offset, data.first(data.size() / 2));
      throw;
    }
    node_->file->write(offset, data);
  }

  void sync() override {
    std::lock_guard lock(files_.mutex_);
    files_.check(Operation::kSync, path_, "sync");
    node_->durable_size = node_->file->size();
    node_->durable_sectors.clear();
  }

  void truncate(uint64_t size) override {
    std::lock_guard lock(files_.mutex_);
    files_.check(Operation::kTruncate, path_, "truncate");
    uint64_t old_size = node_->file->size();
    if (size < old_size) files_.remember(*node_, size, old_size - size);
    node_->file->truncate(size);
  }

  uint64_t size() const override {
    std::lock_guard lock(files_.mutex_);
    return node_->file->size();
  }

 private:
  FaultFileSystem& files_;
  Path path_;
  std::shared_ptr<Node> node_;
};

FaultFileSystem::FaultFileSystem(Path root) : root_(std::move(root)), disk_(posix_file_system()) {
  disk_.create_directories(root_);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
    if (entry.is_directory()) {
      change_names(folder_of(entry.path()),
                   {{{entry.path().filename().string(), std::make_shared<Node>()}}});
    } else if (entry.is_regular_file()) {
      auto node = node_of(entry.path());
      node->durable_size = node->file->size();
    }
  }
  for (auto& [path, folder] : folders_) {
    folder.durable = folder.current;
    folder.changes.clear();
  }
}

FaultFileSystem::~FaultFileSystem() = default;

void FaultFileSystem::set_read_hook(ReadHook hook) {
  std::lock_guard lock(mutex_);
  read_hook_ = std::move(hook);
}

FaultFileSystem::HookScope FaultFileSystem::set_hook(Hook hook) {
  std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
  return HookScope(*this);
}

void FaultFileSystem::HookScope::remove() {
  std::lock_guard lock(files_->mutex_);
  files_->hook_ = nullptr;
}

void FaultFileSystem::set_free_bytes(std::optional<uint64_t> bytes) {
  std::lock_guard lock(mutex_);
  free_bytes_ = bytes;
}

void FaultFileSystem::check(Operation operation, const Path& path, std::string_view name) {
  int error_number = hook_ ? hook_(operation, path) : 0;
  if (error_number != 0) throw IoError(path, name, error_number);
}

FaultFileSystem::Folder& FaultFileSystem::folder_of(const Path& path) {
  return folders_[path.parent_path()];
}

std::shared_ptr<FaultFileSystem::Node> FaultFileSystem::node_of(const Path& path) {
  Folder& folder = folder_of(path);
  std::string name = path.filename().string();
  auto found = folder.current.find(name);
  if (found != folder.current.end()) return found->second;
  auto node = std::make_shared<Node>();
  node->file = disk_.open(path, Mode::kReadWrite);
  change_names(folder, {{{name, node}}});
  return node;
}

void FaultFileSystem::change_names(Folder& folder, NameChange change) {
  for (const auto& [name, node] : change.names) {
    if (node) {
      folder.current[name] = node;
    } else {
      folder.current.erase(name);
    }
  }
  folder.changes.push_back(std::move(change));
}

void FaultFileSystem::remember(Node& node, uint64_t offset, uint64_t size) {
  if (size == 0) return;
  for (uint64_t sector = offset / kSectorBytes; sector <= (offset + size - 1) / kSectorBytes;
       ++sector) {
    if (sector * kSectorBytes >= node.durable_size || node.durable_sectors.contains(sector)) {
      continue;
    }
    Sector content{};
    node.file->read(sector * kSectorBytes, content);
    node.durable_sectors.emplace(sector, content);
  }
}

std::vector<std::byte> FaultFileSystem::survivor(const Node& node, Unsynced unsynced,
                                                 std::mt19937_64& random) const {
  uint64_t size = node.file->size();
  std::vector<std::byte> content(std::max(size, node.durable_size));
  node.file->read(0, content);
  auto is_kept = [&] {
    return unsynced == Unsynced::kKept || (unsynced == Unsynced::kRandom && random() % 2 == 0);
  };
  for (const auto& [sector, durable] : node.durable_sectors) {
    if (is_kept()) continue;
    uint64_t offset = sector * kSectorBytes;
    std::memcpy(content.data() + offset, durable.data(),
                std::min<uint64_t>(kSectorBytes, node.durable_size - offset));
  }
  if (size > node.durable_size) {
    // New sectors of a file that grew are there, or read as zeros, or the file is still short.
    for (uint64_t offset = node.durable_size; offset < size; offset += kSectorBytes) {
      if (!is_kept()) {
        std::memset(content.data() + offset, 0, std::min(kSectorBytes, size - offset));
      }
    }
    if (!is_kept()) content.resize(node.durable_size);
  } else if (is_kept()) {
    content.resize(size);
  }
  return content;
}

void FaultFileSystem::copy_survivors(const Path& to, Unsynced unsynced, uint64_t seed) const {
  std::lock_guard lock(mutex_);
  std::mt19937_64 random(seed);
  disk_.create_directories(to);
  // A folder comes before those in it. One that did not survive takes what is in it along.
  for (const auto& [path, folder] : folders_) {
    Path folder_target = to / path.lexically_relative(root_);
    if (!disk_.exists(folder_target)) continue;
    std::map<std::string, std::shared_ptr<Node>> names = folder.durable;
    size_t kept = unsynced == Unsynced::kLost   ? 0
                  : unsynced == Unsynced::kKept ? folder.changes.size()
                                                : random() % (folder.changes.size() + 1);
    for (size_t i = 0; i < kept; ++i) {
      for (const auto& [name, node] : folder.changes[i].names) {
        if (node) {
          names[name] = node;
        } else {
          names.erase(name);
        }
      }
    }
    for (const auto& [name, node] : names) {
      Path target = folder_target / name;
      if (!node->file) {
        disk_.create_directories(target);
        continue;
      }
      std::vector<std::byte> content = survivor(*node, unsynced, random);
      auto file = disk_.open(target, Mode::kCreate);
      file->write(0, content);
    }
  }
}

std::unique_ptr<File> FaultFileSystem::open(const Path& path, Mode mode) {
  std::lock_guard lock(mutex_);
  if (mode == Mode::kCreate) {
    check(Operation::kCreate, path, "create");
    auto node = std::make_shared<Node>();
    node->file = disk_.open(path, mode);
    change_names(folder_of(path), {{{path.filename().string(), node}}});
    return std::make_unique<TrackedFile>(*this, path, std::move(node));
  }
  check(Operation::kOpen, path, "open");
  return std::make_unique<TrackedFile>(*this, path, node_of(path));
}

bool FaultFileSystem::exists(const Path& path) const {
  return disk_.exists(path);
}

FileStatus FaultFileSystem::status(const Path& path) const {
  return disk_.status(path);
}

std::vector<std::string> FaultFileSystem::list(const Path& directory) const {
  return disk_.list(directory);
}

// In the steps of the real one.
void FaultFileSystem::create_directories(const Path& directory) {
  std::lock_guard lock(mutex_);
  if (disk_.exists(directory)) return;
  create_directories(directory.parent_path());
  check(Operation::kCreateDirectory, directory, "create directory");
  disk_.create_directories(directory);
  change_names(folder_of(directory), {{{directory.filename().string(), std::make_shared<Node>()}}});
  try {
    sync_directory(directory.parent_path());
  } catch (...) {
    disk_.remove(directory);
    change_names(folder_of(directory), {{{directory.filename().string(), nullptr}}});
    throw;
  }
}

void FaultFileSystem::rename(const Path& from, const Path& to) {
  std::lock_guard lock(mutex_);
  check(Operation::kRename, from, "rename");
  std::shared_ptr<Node> node = node_of(from);
  disk_.rename(from, to);
  change_names(folder_of(to),
               {{{from.filename().string(), nullptr}, {to.filename().string(), node}}});
}

void FaultFileSystem::remove(const Path& path) {
  std::lock_guard lock(mutex_);
  check(Operation::kRemove, path, "remove");
  node_of(path);  // keeps the content for as long as the removal is not durable
  disk_.remove(path);
  change_names(folder_of(path), {{{path.filename().string(), nullptr}}});
}

void FaultFileSystem::sync_directory(const Path& directory) {
  std::lock_guard lock(mutex_);
  check(Operation::kSyncDirectory, directory, "sync directory");
  disk_.sync_directory(directory);
  Folder& folder = folders_[directory];
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::string name = entry.path().filename().string();
    if (!entry.is_directory() || folder.current.contains(name)) continue;
    folder.current[name] = std::make_shared<Node>();
  }
  folder.durable = folder.current;
  folder.changes.clear();
}

uint64_t FaultFileSystem::free_bytes(const Path& path) const {
  std::lock_guard lock(mutex_);
  return free_bytes_ ? *free_bytes_ : disk_.free_bytes(path);
}

}  // namespace rivulet
