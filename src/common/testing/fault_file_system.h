#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/file_system.h"

namespace rivulet {

// The real disk below one directory, that remembers what a power loss would forget, and fails on request.
//
// Content survives a power loss once sync() of its file has returned, names (of folders too) once sync_directory() of
// the folder that they are in has. What is not synced may survive or not: in sectors of 512 bytes and
// in any choice of them for content; for the names of a folder, as a first part of what was done to them. A
// file that appears without this class (DuckDB writes some) has no durable content until it is opened here
// and synced, and a folder that does is lost until the one that it is in is synced. Thread-safe; each operation is one step.
class FaultFileSystem final : public FileSystem {
 public:
  // What is below `root` now is durable.
  explicit FaultFileSystem(std::filesystem::path root);
  ~FaultFileSystem() override;

  enum class Operation {
    kOpen,
    kCreate,
    kWrite,
    kSync,
    kTruncate,
    kRename,
    kRemove,
    kSyncDirectory,
    kCreateDirectory
  };
  // Called before each operation that changes something or makes it durable, with the others held up. It
  // gives the errno that the operation fails with, or 0. A failing write has written half of its bytes, a
  // failing sync leaves it open what is durable, any other failing operation has done nothing.
  using Hook = std::function<int(Operation, const std::filesystem::path&)>;
  // While it lives, the hook is called: what the hook refers to stands before it.
  class [[nodiscard]] HookScope {
   public:
    explicit HookScope(FaultFileSystem& files) : files_(&files) {}
    ~HookScope() { remove(); }
    HookScope(const HookScope&) = delete;
    HookScope& operator=(const HookScope&) = delete;
    void remove();

   private:
    FaultFileSystem* files_;
  };
  HookScope set_hook(Hook hook);
  // Gives the errno that a read of a file fails with, or 0.
  using ReadHook = std::function<int(const std::filesystem::path&)>;
  void set_read_hook(ReadHook hook);
  // Says how many bytes are free; nothing: what the disk says.
  void set_free_bytes(std::optional<uint64_t> bytes);

  enum class Unsynced { kLost, kKept, kRandom };
  // Makes `to` what `root` would be after a power loss now. May be called from the hook.
  void copy_survivors(const std::filesystem::path& to, Unsynced unsynced, uint64_t seed = 0) const;

  std::unique_ptr<File> open(const std::filesystem::path& path, Mode mode) override;
  bool exists(const std::filesystem::path& path) const override;
  FileStatus status(const std::filesystem::path& path) const override;
  std::vector<std::string> list(const std::filesystem::path& directory) const override;
  void create_directories(const std::filesystem::path& directory) override;
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void remove(const std::filesystem::path& path) override;
  void sync_directory(const std::filesystem::path& directory) override;
  uint64_t free_bytes(const std::filesystem::path& path) const override;

 private:
  static constexpr uint64_t kSectorBytes = 512;
  using Sector = std::array<std::byte, kSectorBytes>;

  // A file or a folder, whatever its name is now.
  struct Node {
    std::unique_ptr<File> file;  // null: a folder
    uint64_t durable_size = 0;
    // What the disk held, where it was written since the last sync.
    std::map<uint64_t, Sector> durable_sectors;
  };
  // What happened to a folder since its last sync: a name got another node, or none.
  struct NameChange {
    std::vector<std::pair<std::string, std::shared_ptr<Node>>> names;
  };
  struct Folder {
    std::map<std::string, std::shared_ptr<Node>> durable;
    std::map<std::string, std::shared_ptr<Node>> current;
    std::vector<NameChange> changes;
  };
  class TrackedFile;

  void check(Operation operation, const std::filesystem::path& path, std::string_view name);
  Folder& folder_of(const std::filesystem::path& path);
  // The node of an existing file; one that is not known has no durable content.
  std::shared_ptr<Node> node_of(const std::filesystem::path& path);
  void change_names(Folder& folder, NameChange change);
  void remember(Node& node, uint64_t offset, uint64_t size);
  std::vector<std::byte> survivor(const Node& node, Unsynced unsynced,
                                  std::mt19937_64& random) const;

  const std::filesystem::path root_;
  FileSystem& disk_;
  mutable std::recursive_mutex mutex_;
  Hook hook_;
  ReadHook read_hook_;
  std::optional<uint64_t> free_bytes_;
  std::map<std::filesystem::path, Folder> folders_;
};

}  // namespace rivulet
