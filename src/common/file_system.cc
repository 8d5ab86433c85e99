#include "common/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace rivulet {
namespace {

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::filesystem::path path)
      : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override { ::close(descriptor_); }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  size_t read(uint64_t offset, std::span<std::byte> out) const override {
    size_t done = 0;
    while (done < out.size()) {
      ssize_t n = ::pread(descriptor_, out.data() + done, out.size() - done,
                          static_cast<off_t>(offset + done));
      if (n == 0) break;
      if (n < 0) {
        if (errno == EINTR) continue;
        fail("read");
      }
      done += static_cast<size_t>(n);
    }
    return done;
  }

  void write(uint64_t offset, std::span<const std::byte> data) override {
    while (!data.empty()) {
      ssize_t n = ::pwrite(descriptor_, data.data(), data.size(), static_cast<off_t>(offset));
      if (n < 0) {
        if (errno == EINTR) continue;
        fail("write");
      }
      data = data.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
  }

  // Not retried: after a failed sync the kernel may have dropped the dirty pages, and a second sync
  // would lie.
  void sync() override {
    if (::fdatasync(descriptor_) != 0) fail("sync");
  }

  void truncate(uint64_t size) override {
    while (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) {
      if (errno != EINTR) fail("truncate");
    }
  }

  uint64_t size() const override {
    struct stat status;
    if (::fstat(descriptor_, &status) != 0) fail("stat");
    return static_cast<uint64_t>(status.st_size);
  }

 private:
  [[noreturn]] void fail(std::string_view operation) const {
    throw IoError(path_, operation, errno);
  }

  int descriptor_;
  std::filesystem::path path_;
};

class PosixFileSystem final : public FileSystem {
 public:
  std::unique_ptr<File> open(const std::filesystem::path& path, Mode mode) override {
    int flags = O_CLOEXEC;
    if (mode == Mode::kRead) flags |= O_RDONLY;
    if (mode == Mode::kReadWrite) flags |= O_RDWR;
    if (mode == Mode::kCreate) flags |= O_RDWR | O_CREAT | O_EXCL;
    if (mode == Mode::kDirect) flags |= O_RDWR | O_DIRECT;
    int descriptor = -1;
    do {
      descriptor = ::open(path.c_str(), flags, 0644);
      // Some file systems have no way past the page cache.
      if (descriptor < 0 && errno == EINVAL && (flags & O_DIRECT) != 0) {
        flags &= ~O_DIRECT;
        descriptor = ::open(path.c_str(), flags, 0644);
      }
    } while (descriptor < 0 && errno == EINTR);
    if (descriptor < 0) throw IoError(path, mode == Mode::kCreate ? "create" : "open", errno);
    return std::make_unique<PosixFile>(descriptor, path);
  }

  bool exists(const std::filesystem::path& path) const override {
    std::error_code error;
    bool is_there = std::filesystem::exists(path, error);
    if (error) throw IoError(path, "stat", error.value());
    return is_there;
  }

  FileStatus status(const std::filesystem::path& path) const override {
    struct stat found;
    if (::stat(path.c_str(), &found) != 0) throw IoError(path, "stat", errno);
    return {.is_directory = S_ISDIR(found.st_mode),
            .bytes = static_cast<uint64_t>(found.st_size),
            .modified = kUnixEpochTicks + found.st_mtim.tv_sec * kTicksPerSecond +
                        found.st_mtim.tv_nsec / 100};
  }

  std::vector<std::string> list(const std::filesystem::path& directory) const override {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(directory, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      names.push_back(entry->path().filename().string());
    }
    if (error) throw IoError(directory, "list", error.value());
    std::sort(names.begin(), names.end());
    return names;
  }

  // Those that it makes are durable when it returns.
  void create_directories(const std::filesystem::path& directory) override {
    std::filesystem::path path = directory.has_filename() ? directory : directory.parent_path();
    if (!path.has_relative_path() || exists(path)) return;
    std::filesystem::path parent = path.has_parent_path() ? path.parent_path() : ".";
    create_directories(parent);
    std::error_code error;
    std::filesystem::create_directory(path, error);
    if (error) throw IoError(path, "create directory", error.value());
    try {
      sync_directory(parent);
    } catch (...) {
      // Whoever finds it there takes it for durable.
      std::filesystem::remove(path, error);
      throw;
    }
  }

  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) {
      throw IoError(from, fmt::format("rename to '{}'", to.string()), errno);
    }
  }

  void remove(const std::filesystem::path& path) override {
    if (::remove(path.c_str()) != 0) throw IoError(path, "remove", errno);
  }

  void sync_directory(const std::filesystem::path& directory) override {
    int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) throw IoError(directory, "open directory", errno);
    int result = ::fsync(descriptor);
    int error_number = errno;
    ::close(descriptor);
    if (result != 0) throw IoError(directory, "sync directory", error_number);
  }

  uint64_t free_bytes(const std::filesystem::path& path) const override {
    struct statvfs status;
    if (::statvfs(path.c_str(), &status) != 0) throw IoError(path, "statvfs", errno);
    return static_cast<uint64_t>(status.f_bavail) * status.f_frsize;
  }
};

}  // namespace

IoError::IoError(const std::filesystem::path& path, std::string_view operation, int error_number)
    : message_(fmt::format("{} '{}': {}", operation, path.string(),
                           std::generic_category().message(error_number))),
      error_number_(error_number) {}

bool IoError::is_disk_full() const {
  return error_number_ == ENOSPC || error_number_ == EDQUOT;
}

FileSystem& posix_file_system() {
  static PosixFileSystem files;
  return files;
}

}  // namespace rivulet
