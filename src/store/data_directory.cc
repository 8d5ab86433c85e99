#include "store/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <string>

#include "common/error.h"

namespace rivulet::store {
namespace {

constexpr int kDirectoryVersion = 2;
constexpr const char* kVersionFile = "VERSION";
constexpr const char* kNewVersionFile = "VERSION.new";
constexpr const char* kLockFile = "LOCK";

}  // namespace

DataDirectory::DataDirectory(FileSystem& files, const std::filesystem::path& path) : path_(path) {
  files.create_directories(path_);
  lock();
  try {
    check_version(files);
    for (const auto& part : {log(), checkpoints(), rows(), extents()})
      files.create_directories(part);
    files.sync_directory(path_);
  } catch (...) {
    ::close(lock_descriptor_);
    throw;
  }
}

DataDirectory::~DataDirectory() {
  ::close(lock_descriptor_);
}

// Not through FileSystem: a lock is no data, and the one thing that a test of lost data must not lose.
void DataDirectory::lock() {
  std::filesystem::path file = path_ / kLockFile;
  lock_descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_descriptor_ < 0) throw IoError(file, "open", errno);
  if (::flock(lock_descriptor_, LOCK_EX | LOCK_NB) != 0) {
    int error_number = errno;
    std::array<char, 32> holder{};
    ssize_t size = ::pread(lock_descriptor_, holder.data(), holder.size() - 1, 0);
    ::close(lock_descriptor_);
    if (error_number != EWOULDBLOCK) throw IoError(file, "lock", error_number);
    std::string_view process(holder.data(), size > 0 ? static_cast<size_t>(size) : 0);
    process = process.substr(0, process.find('\n'));
    throw unavailable(fmt::format("The data directory {} is in use by process {}", path_.string(),
                                  process.empty() ? "(unknown)" : process));
  }
  std::string process = fmt::format("{}\n", ::getpid());
  if (::ftruncate(lock_descriptor_, 0) != 0 ||
      ::pwrite(lock_descriptor_, process.data(), process.size(), 0) < 0) {
    // Only who asks for the holder misses it; a full disk must not keep the store from opening.
    return;
  }
}

void DataDirectory::check_version(FileSystem& files) {
  std::filesystem::path file = path_ / kVersionFile;
  if (files.exists(file)) {
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
    return;
  }
  for (const std::string& name : files.list(path_)) {
    if (name != kLockFile && name != kNewVersionFile && name != "lost+found") {
      throw bad_request(
          fmt::format("{} is not empty, and not a data directory of Rivulet (it has "
                      "no file {}, but {})",
                      path_.string(), kVersionFile, name));
    }
  }
  std::filesystem::path fresh = path_ / kNewVersionFile;
  if (files.exists(fresh)) files.remove(fresh);
  std::string text = fmt::format("{}\n", kDirectoryVersion);
  {
    auto opened = files.open(fresh, FileSystem::Mode::kCreate);
    opened->write(0, std::as_bytes(std::span(text)));
    opened->sync();
  }
  files.rename(fresh, file);
  files.sync_directory(path_);
}

}  // namespace rivulet::store
