#include "store/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>

#include "common/error.h"

namespace rivulet::store {
namespace {

constexpr int kDirectoryVersion = 3;
constexpr const char* kVersionFile = "VERSION";
constexpr const char* kNewVersionFile = "VERSION.new";
constexpr const char* kLockFile = "LOCK";

// Whoever made the folder, an acknowledged row must not go with its name.
void sync_parent(FileSystem& files, const std::filesystem::path& path) {
  try {
    files.sync_directory(
        std::filesystem::absolute(path / "").lexically_normal().parent_path().parent_path());
  } catch (const IoError& error) {
    // A folder that this user may not open; then it was not made by this program either.
    if (error.error_number() != EACCES && error.error_number() != EPERM) throw;
  }
}

}  // namespace

class DataDirectory::PlacedFiles final : public FileSystem {
 public:
  PlacedFiles(const DataDirectory& directory, FileSystem& files)
      : directory_(directory), files_(files) {}

  std::unique_ptr<File> open(const std::filesystem::path& path, Mode mode) override {
    check(path, "open");
    return files_.open(path, mode);
  }
  bool exists(const std::filesystem::path& path) const override { return files_.exists(path); }
  FileStatus status(const std::filesystem::path& path) const override {
    return files_.status(path);
  }
  std::vector<std::string> list(const std::filesystem::path& directory) const override {
    check(directory, "list");
    return files_.list(directory);
  }
  void create_directories(const std::filesystem::path& directory) override {
    check(directory, "create directory");
    files_.create_directories(directory);
  }
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override {
    check(from, "rename");
    files_.rename(from, to);
  }
  void remove(const std::filesystem::path& path) override {
    check(path, "remove");
    files_.remove(path);
  }
  void sync_directory(const std::filesystem::path& directory) override {
    check(directory, "sync directory");
    files_.sync_directory(directory);
  }
  uint64_t free_bytes(const std::filesystem::path& path) const override {
    return files_.free_bytes(path);
  }

 private:
  void check(const std::filesystem::path& path, std::string_view operation) const {
    if (directory_.error_of_place() != 0) throw IoError(path, operation, ESTALE);
  }

  const DataDirectory& directory_;
  FileSystem& files_;
};

DataDirectory::Handle::~Handle() {
  if (descriptor >= 0) ::close(descriptor);
}

DataDirectory::DataDirectory(FileSystem& files, const std::filesystem::path& path)
    : path_(path), placed_files_(std::make_unique<PlacedFiles>(*this, files)) {
  files.create_directories(path_);
  // What is no data directory does not even get a lock.
  if (!version(files) && !files.exists(path_ / kLockFile)) check_empty(files);
  hold();
  if (!version(files)) {
    check_empty(files);
    write_version(files);
  }
  sync_parent(files, path_);
  for (const char* part : {"log", "checkpoint", "rows", "extents"}) {
    files.create_directories(path_ / part);
  }
  files.sync_directory(path_);
}

DataDirectory::~DataDirectory() = default;

// Not through FileSystem: a lock is no data, and the one thing that a test of lost data must not lose.
void DataDirectory::hold() {
  std::filesystem::path file = path_ / kLockFile;
  lock_.descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  // Who may only read, to check what is there, holds the lock all the same; of a copy without LOCK, its folder's.
  bool may_only_read = lock_.descriptor < 0 && (errno == EROFS || errno == EACCES);
  if (may_only_read) lock_.descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock_.descriptor >= 0) {
    lock(lock_.descriptor, file);
  } else if (!may_only_read || errno != ENOENT) {
    throw IoError(file, "open", errno);
  }
  folder_.descriptor = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat status;
  if (folder_.descriptor < 0 || ::fstat(folder_.descriptor, &status) != 0) {
    throw IoError(path_, "open directory", errno);
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
  lock(folder_.descriptor, path_);
  write_holder();
}

void DataDirectory::lock(int descriptor, const std::filesystem::path& file) const {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return;
  if (errno != EWOULDBLOCK) {
    if (descriptor == folder_.descriptor) return;
    throw IoError(file, "lock", errno);
  }
  std::array<char, 32> holder{};
  ssize_t size = ::pread(lock_.descriptor, holder.data(), holder.size() - 1, 0);
  std::string_view process(holder.data(), size > 0 ? static_cast<size_t>(size) : 0);
  process = process.substr(0, process.find('\n'));
  throw unavailable(fmt::format("The data directory {} is in use by process {}", path_.string(),
                                process.empty() ? "(unknown)" : process));
}

void DataDirectory::write_holder() const {
  std::string process = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock_.descriptor, 0) != 0 ||
      ::pwrite(lock_.descriptor, process.data(), process.size(), 0) < 0) {
    // Only who asks for the holder misses it; a full disk must not keep the store from opening.
    return;
  }
}

int DataDirectory::error_of_place() const {
  struct stat status;
  if (::stat(path_.c_str(), &status) != 0) return errno;
  return status.st_dev == device_ && status.st_ino == inode_ ? 0 : ESTALE;
}

void DataDirectory::check_in_place() const {
  int error = error_of_place();
  if (error == 0) return;
  std::string found =
      error == ESTALE ? "another one is in its place" : std::generic_category().message(error);
  throw unavailable(
      fmt::format("The data directory is not at {} any more: {}. It was renamed or unmounted while "
                  "the server runs. Nothing is stored until it is back there; to use it elsewhere, "
                  "stop the server and start it with the other path.",
                  path_.string(), found));
}

std::optional<int> DataDirectory::version(FileSystem& files) const {
  std::filesystem::path file = path_ / kVersionFile;
  if (!files.exists(file)) return std::nullopt;
  std::array<std::byte, 32> content{};
  size_t size = files.open(file, FileSystem::Mode::kRead)->read(0, content);
  const char* text = reinterpret_cast<const char*>(content.data());
  int version = 0;
  auto [end, error] = std::from_chars(text, text + size, version);
  if (error != std::errc() || version < 1) {
    throw internal_error(fmt::format("{} does not hold a version number", file.string()));
  }
  if (version > kDirectoryVersion) {
    throw internal_error(
        fmt::format("The data directory {} was written in version {} of the format, by a newer "
                    "Rivulet; this one knows versions up to {}",
                    path_.string(), version, kDirectoryVersion));
  }
  return version;
}

void DataDirectory::upgrade() {
  if (version(files()) != kDirectoryVersion) write_version(files());
}

void DataDirectory::check_empty(FileSystem& files) const {
  for (const std::string& name : files.list(path_)) {
    if (name != kLockFile && name != kNewVersionFile && name != "lost+found") {
      throw bad_request(
          fmt::format("{} is not empty, and not a data directory of Rivulet (it has "
                      "no file {}, but {})",
                      path_.string(), kVersionFile, name));
    }
  }
}

void DataDirectory::write_version(FileSystem& files) const {
  std::filesystem::path fresh = path_ / kNewVersionFile;
  if (files.exists(fresh)) files.remove(fresh);
  std::string text = fmt::format("{}\n", kDirectoryVersion);
  {
    auto opened = files.open(fresh, FileSystem::Mode::kCreate);
    opened->write(0, std::as_bytes(std::span(text)));
    opened->sync();
  }
  files.rename(fresh, path_ / kVersionFile);
  files.sync_directory(path_);
}

}  // namespace rivulet::store
