#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

// What a benchmark wants to know of the machine and of the server that it runs there.
namespace rivulet::bench {

// What the disk does bare, to judge the rest by: writes over blocks that a file has already, each followed
// by fdatasync.
struct DiskFigures {
  double syncs_per_second = 0;  // of 4 KiB
  double sync_p50_ms = 0;
  double megabytes_per_second = 0;  // in writes of 1 MiB
};
DiskFigures measure_disk(const std::filesystem::path& directory);

// Keeps the cores from sleeping while it lives: an idle core polls (the kernel's PM QoS, see its
// Documentation/power/pm_qos_interface.rst). Some virtual machines hear of a finished disk request only at
// the next timer tick when the core sleeps: 4 ms instead of 0.1. Threads that spin would do the same, but
// the kernel then believes the core busy and leaves work waiting beside it, however low their priority.
// Without the right to ask for it (root has it) nothing changes.
class AwakeCores {
 public:
  AwakeCores();
  ~AwakeCores();
  AwakeCores(const AwakeCores&) = delete;
  AwakeCores& operator=(const AwakeCores&) = delete;

 private:
  int latency_request_;
};

// A server that is started here, with its data in a folder of its own that is removed at the end.
class OwnServer {
 public:
  // Throws std::runtime_error when the server does not start.
  OwnServer(std::string binary, std::filesystem::path folder);
  ~OwnServer();
  OwnServer(const OwnServer&) = delete;
  OwnServer& operator=(const OwnServer&) = delete;

  uint16_t port() const { return port_; }
  double cpu_seconds() const;
  uint64_t resident_bytes() const;
  uint64_t file_count() const;
  // Ends it with SIGTERM, or as a crash would, and starts it again; seconds from the start until it answers.
  double restart(bool as_crash);

 private:
  void start();
  void stop(int signal);

  std::string binary_;
  std::filesystem::path folder_;
  pid_t process_ = 0;
  uint16_t port_ = 0;
};

}  // namespace rivulet::bench
