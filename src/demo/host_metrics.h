#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"

namespace rivulet::demo {

// One row of one table about this host.
struct MetricRow {
  std::string table;
  std::string_view schema;  // of the table: "(Timestamp:datetime, …)"
  std::string csv;          // one line
};

// Reads what the kernel tells in /proc, a table for each CPU, disk, network device, area of memory, mount
// and busy process, and as many of the kernel's further counters as it takes to fill a hundred tables.
// Rates are over the time since the call before. Not thread-safe.
class HostMetrics {
 public:
  static constexpr size_t kWantedTables = 110;

  HostMetrics();

  // A row for every table. A process that ends has no more rows; one that becomes busy gets a table,
  // up to a limit.
  std::vector<MetricRow> sample(Ticks now);

 private:
  void read_cpus();
  void read_disks();
  void read_network();
  void read_memory();
  void read_mounts();
  void read_interrupts();
  void read_processes();
  void read_counters();
  // The growth of a counter in a second since the sample before; 0 at first.
  double rate(const std::string& counter, double value);
  void add(std::string_view kind, std::string_view name, std::string_view schema,
           std::string_view values);

  std::string host_;
  std::string prefix_;  // "<timestamp>,<host>," of this sample
  double elapsed_seconds_ = 0;
  Ticks first_ = 0;
  Ticks last_ = 0;
  std::map<std::string, double> before_;
  std::map<std::string, double> now_;
  std::set<std::string> process_tables_;
  std::set<std::string> counters_;  // chosen by the first sample
  std::vector<MetricRow> rows_;
};

}  // namespace rivulet::demo
