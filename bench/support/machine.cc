#include "support/machine.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace rivulet::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Milliseconds of each write with its sync, for a second.
std::vector<double> time_syncs(int file, size_t file_bytes, const std::string& block) {
  std::vector<double> times;
  auto begin = Clock::now();
  size_t offset = 0;
  while (seconds_since(begin) < 1) {
    auto start = Clock::now();
    if (pwrite(file, block.data(), block.size(), static_cast<off_t>(offset)) < 0 ||
        fdatasync(file) != 0) {
      throw std::runtime_error("cannot write to the disk");
    }
    times.push_back(seconds_since(start) * 1e3);
    offset = (offset + block.size()) % file_bytes;
  }
  return times;
}

}  // namespace

DiskFigures measure_disk(const std::filesystem::path& directory) {
  constexpr size_t kFileBytes = 64 << 20;
  std::filesystem::path path = directory / "disk_yardstick";
  int file = open(path.c_str(), O_CREAT | O_RDWR, 0644);
  if (file < 0) throw std::runtime_error("cannot write to " + path.string());
  std::string block(1 << 20, 'x');
  for (size_t i = 0; i < kFileBytes / block.size(); ++i) {
    if (write(file, block.data(), block.size()) < 0) throw std::runtime_error("disk full");
  }
  fsync(file);
  DiskFigures figures;
  std::vector<double> large = time_syncs(file, kFileBytes, block);
  figures.megabytes_per_second = static_cast<double>(large.size() * block.size()) / 1e6;
  block.resize(4096);
  std::vector<double> small = time_syncs(file, kFileBytes, block);
  figures.syncs_per_second = static_cast<double>(small.size());
  std::nth_element(small.begin(), small.begin() + static_cast<ptrdiff_t>(small.size() / 2),
                   small.end());
  figures.sync_p50_ms = small[small.size() / 2];
  close(file);
  std::filesystem::remove(path);
  return figures;
}

AwakeCores::AwakeCores() : latency_request_(open("/dev/cpu_dma_latency", O_WRONLY | O_CLOEXEC)) {
  constexpr int32_t kMicroseconds = 0;
  if (latency_request_ >= 0 &&
      write(latency_request_, &kMicroseconds, sizeof kMicroseconds) != sizeof kMicroseconds) {
    close(latency_request_);
    latency_request_ = -1;
  }
}

AwakeCores::~AwakeCores() {
  if (latency_request_ >= 0) close(latency_request_);
}

OwnServer::OwnServer(std::string binary, std::filesystem::path folder)
    : binary_(std::move(binary)), folder_(std::move(folder)) {
  std::filesystem::create_directories(folder_);
  start();
}

OwnServer::~OwnServer() {
  stop(SIGTERM);
  std::filesystem::remove_all(folder_);
}

void OwnServer::start() {
  std::string port_file = folder_ / "port";
  std::filesystem::remove(port_file);
  process_ = fork();
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    std::string data = folder_ / "data";
    int log = open((folder_ / "log").c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execl(binary_.c_str(), binary_.c_str(), "serve", "--listen", "127.0.0.1:0", "--data",
          data.c_str(), "--port-file", port_file.c_str(), nullptr);
    _exit(127);
  }
  auto begin = Clock::now();
  port_ = 0;
  while (port_ == 0 && seconds_since(begin) < 120 && waitpid(process_, nullptr, WNOHANG) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::ifstream(port_file) >> port_;
  }
  if (port_ == 0) throw std::runtime_error("the server did not start: " + binary_);
}

void OwnServer::stop(int signal) {
  kill(process_, signal);
  waitpid(process_, nullptr, 0);
}

double OwnServer::restart(bool as_crash) {
  stop(as_crash ? SIGKILL : SIGTERM);
  auto begin = Clock::now();
  start();
  return seconds_since(begin);
}

double OwnServer::cpu_seconds() const {
  clockid_t clock;
  timespec time{};
  if (clock_getcpuclockid(process_, &clock) == 0) clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

uint64_t OwnServer::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(process_) + "/statm");
  uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

uint64_t OwnServer::file_count() const {
  uint64_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_ / "data")) {
    count += entry.is_regular_file() ? 1 : 0;
  }
  return count;
}

}  // namespace rivulet::bench
