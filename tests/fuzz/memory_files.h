#pragma once

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include "common/file_system.h"

namespace rivulet::fuzz {

// Files in memory, without faults and without directories; of one thread.
class MemoryFileSystem final : public FileSystem {
 public:
  void put(const std::filesystem::path& path, std::string content) {
    files_[path] = std::make_shared<std::string>(std::move(content));
  }

  std::unique_ptr<rivulet::File> open(const std::filesystem::path& path, Mode mode) override {
    if (mode == Mode::kCreate) put(path, {});
    auto found = files_.find(path);
    if (found == files_.end()) throw IoError(path, "open", ENOENT);
    return std::make_unique<File>(found->second);
  }
  bool exists(const std::filesystem::path& path) const override { return files_.contains(path); }
  FileStatus status(const std::filesystem::path& path) const override {
    auto found = files_.find(path);
    if (found == files_.end()) throw IoError(path, "stat", ENOENT);
    return {.bytes = found->second->size()};
  }
  std::vector<std::string> list(const std::filesystem::path& directory) const override {
    std::vector<std::string> names;
    for (const auto& [path, content] : files_) {
      if (path.parent_path() == directory) names.push_back(path.filename());
    }
    return names;
  }
  void create_directories(const std::filesystem::path&) override {}
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    files_[to] = files_.at(from);
    files_.erase(from);
  }
  void remove(const std::filesystem::path& path) override { files_.erase(path); }
  void sync_directory(const std::filesystem::path&) override {}
  uint64_t free_bytes(const std::filesystem::path&) const override { return uint64_t{1} << 40; }

 private:
  class File final : public rivulet::File {
   public:
    explicit File(std::shared_ptr<std::string> content) : content_(std::move(content)) {}
    size_t read(uint64_t offset, std::span<std::byte> out) const override {
      if (offset >= content_->size()) return 0;
      size_t size = std::min<size_t>(out.size(), content_->size() - offset);
      std::memcpy(out.data(), content_->data() + offset, size);
      return size;
    }
    void write(uint64_t offset, std::span<const std::byte> data) override {
      if (data.empty()) return;
      content_->resize(std::max<size_t>(content_->size(), offset + data.size()));
      std::memcpy(content_->data() + offset, data.data(), data.size());
    }
    void sync() override {}
    void truncate(uint64_t size) override { content_->resize(size); }
    uint64_t size() const override { return content_->size(); }

   private:
    std::shared_ptr<std::string> content_;
  };

  std::map<std::filesystem::path, std::shared_ptr<std::string>> files_;
};

}  // namespace rivulet::fuzz
