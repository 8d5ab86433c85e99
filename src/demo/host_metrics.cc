#include "demo/host_metrics.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "types/text.h"

namespace rivulet::demo {
namespace {

constexpr size_t kProcessTables = 40;

// Table names are words, so that queries need no quotes.
std::string as_word(std::string_view text) {
  std::string out;
  for (char c : text) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  while (out.starts_with('_')) out.erase(0, 1);
  return out.empty() ? "root" : out;
}

std::vector<std::string> lines_of(const std::string& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

double number(const std::vector<std::string>& words, size_t i) {
  return i < words.size() ? std::strtod(words[i].c_str(), nullptr) : 0;
}

}  // namespace

HostMetrics::HostMetrics() {
  char name[256] = "host";
  gethostname(name, sizeof(name) - 1);
  host_ = name;
}

double HostMetrics::rate(const std::string& counter, double value) {
  now_[counter] = value;
  auto before = before_.find(counter);
  if (before == before_.end() || elapsed_seconds_ <= 0) return 0;
  return std::max(0.0, (value - before->second) / elapsed_seconds_);
}

void HostMetrics::add(std::string_view kind, std::string_view name, std::string_view schema,
                      std::string_view values) {
  rows_.push_back({name.empty() ? std::string(kind) : fmt::format("{}_{}", kind, as_word(name)),
                   schema, fmt::format("{}{}\n", prefix_, values)});
}

std::vector<MetricRow> HostMetrics::sample(Ticks now) {
  rows_.clear();
  elapsed_seconds_ = last_ == 0 ? 0 : static_cast<double>(now - last_) / kTicksPerSecond;
  last_ = now;
  if (first_ == 0) first_ = now;
  prefix_.clear();
  append_datetime(prefix_, now);
  prefix_ += ',';
  append_csv_field(prefix_, host_);
  prefix_ += ',';
  read_cpus();
  read_disks();
  read_network();
  read_memory();
  read_mounts();
  read_processes();
  read_interrupts();
  read_counters();
  before_.swap(now_);
  now_.clear();
  return std::move(rows_);
}

void HostMetrics::read_cpus() {
  for (const std::string& line : lines_of("/proc/stat")) {
    if (!line.starts_with("cpu") || line.starts_with("cpu ")) continue;
    auto words = words_of(line);
    const std::string& name = words[0];
    // The kernel counts in hundredths of a second, so a rate of 1 is one percent.
    double user = rate(name + " user", number(words, 1) + number(words, 2));
    double system = rate(name + " system", number(words, 3) + number(words, 6) + number(words, 7));
    double idle = rate(name + " idle", number(words, 4));
    double waiting = rate(name + " wait", number(words, 5));
    add("Cpu", name.substr(3),
        "(Timestamp:datetime, Host:string, UserPercent:real, SystemPercent:real, IdlePercent:real, "
        "WaitPercent:real)",
        fmt::format("{:.1f},{:.1f},{:.1f},{:.1f}", user, system, idle, waiting));
  }
  auto load = lines_of("/proc/loadavg");
  if (!load.empty()) {
    auto words = words_of(load[0]);
    add("Load", "",
        "(Timestamp:datetime, Host:string, OneMinute:real, FiveMinutes:real, FifteenMinutes:real)",
        fmt::format("{},{},{}", number(words, 0), number(words, 1), number(words, 2)));
  }
}

void HostMetrics::read_disks() {
  constexpr double kSector = 512;
  for (const std::string& line : lines_of("/proc/diskstats")) {
    auto words = words_of(line);
    if (words.size() < 14 || words[2].starts_with("loop") || words[2].starts_with("ram")) continue;
    const std::string key = "disk " + words[2];
    add("Disk", words[2],
        "(Timestamp:datetime, Host:string, ReadsPerSecond:real, WritesPerSecond:real, "
        "ReadBytesPerSecond:real, WrittenBytesPerSecond:real, BusyPercent:real)",
        fmt::format("{:.1f},{:.1f},{:.0f},{:.0f},{:.1f}", rate(key + " reads", number(words, 3)),
                    rate(key + " writes", number(words, 7)),
                    rate(key + " in", number(words, 5) * kSector),
                    rate(key + " out", number(words, 9) * kSector),
                    rate(key + " busy", number(words, 12) / 10)));
  }
}

void HostMetrics::read_network() {
  for (const std::string& line : lines_of("/proc/net/dev")) {
    size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string name = words_of(line.substr(0, colon)).at(0);
    auto words = words_of(line.substr(colon + 1));
    const std::string key = "net " + name;
    add("Network", name,
        "(Timestamp:datetime, Host:string, ReceivedBytesPerSecond:real, "
        "ReceivedPacketsPerSecond:real, "
        "SentBytesPerSecond:real, SentPacketsPerSecond:real, Errors:long)",
        fmt::format("{:.0f},{:.1f},{:.0f},{:.1f},{:.0f}", rate(key + " rb", number(words, 0)),
                    rate(key + " rp", number(words, 1)), rate(key + " sb", number(words, 8)),
                    rate(key + " sp", number(words, 9)), number(words, 2) + number(words, 10)));
  }
}

void HostMetrics::read_memory() {
  for (const std::string& line : lines_of("/proc/meminfo")) {
    auto words = words_of(line);
    if (words.size() < 2) continue;
    words[0].pop_back();  // the colon
    double unit = words.size() > 2 && words[2] == "kB" ? 1024 : 1;
    add("Memory", words[0],
        unit == 1 ? std::string_view("(Timestamp:datetime, Host:string, Pages:long)")
                  : std::string_view("(Timestamp:datetime, Host:string, Bytes:long)"),
        fmt::format("{:.0f}", number(words, 1) * unit));
  }
}

void HostMetrics::read_mounts() {
  std::set<std::string> seen;
  for (const std::string& line : lines_of("/proc/self/mounts")) {
    auto words = words_of(line);
    if (words.size() < 3 || !seen.insert(as_word(words[1])).second) continue;
    struct statvfs space {};
    if (statvfs(words[1].c_str(), &space) != 0 || space.f_blocks == 0) continue;
    double size = static_cast<double>(space.f_blocks) * static_cast<double>(space.f_frsize);
    double free = static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
    std::string values;
    append_csv_field(values, words[1]);
    add("Mount", words[1],
        "(Timestamp:datetime, Host:string, Path:string, SizeBytes:long, FreeBytes:long, "
        "UsedPercent:real)",
        fmt::format("{},{:.0f},{:.0f},{:.1f}", values, size, free, 100 * (1 - free / size)));
  }
}

void HostMetrics::read_processes() {
  struct Process {
    std::string table;
    std::string values;
    double cpu_percent;
  };
  std::vector<Process> processes;
  const double page_size = static_cast<double>(sysconf(_SC_PAGESIZE));
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    std::string id = entry.path().filename();
    if (!std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isdigit(c); }))
      continue;
    auto lines = lines_of("/proc/" + id + "/stat");
    if (lines.empty()) continue;
    // The name stands in parentheses and may hold blanks.
    size_t open = lines[0].find('(');
    size_t close = lines[0].rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    std::string name = lines[0].substr(open + 1, close - open - 1);
    auto words = words_of(lines[0].substr(close + 1));
    double cpu = rate("process " + id, number(words, 11) + number(words, 12));
    std::string quoted_name;
    append_csv_field(quoted_name, name);
    processes.push_back({fmt::format("{}_{}", as_word(name), id),
                         fmt::format("{},{},{:.1f},{:.0f},{:.0f}", id, quoted_name, cpu,
                                     number(words, 21) * page_size, number(words, 17)),
                         cpu});
  }
  std::stable_sort(processes.begin(), processes.end(), [](const Process& a, const Process& b) {
    return a.cpu_percent > b.cpu_percent;
  });
  for (const Process& process : processes) {
    bool is_known = process_tables_.contains(process.table);
    bool is_busy = process.cpu_percent > 0;
    if (!is_known && (process_tables_.size() >= kProcessTables || !is_busy)) continue;
    process_tables_.insert(process.table);
    add("Process", process.table,
        "(Timestamp:datetime, Host:string, ProcessId:long, Name:string, CpuPercent:real, "
        "ResidentBytes:long, Threads:long)",
        process.values);
  }
}

void HostMetrics::read_interrupts() {
  for (const char* file : {"/proc/interrupts", "/proc/softirqs"}) {
    std::string_view kind =
        file == std::string_view("/proc/interrupts") ? "Interrupt" : "SoftInterrupt";
    for (const std::string& line : lines_of(file)) {
      size_t colon = line.find(':');
      if (colon == std::string::npos) continue;
      std::string name = words_of(line.substr(0, colon)).at(0);
      double total = 0;
      for (const std::string& word : words_of(line.substr(colon + 1))) {
        if (!std::isdigit(static_cast<unsigned char>(word[0]))) break;
        total += std::strtod(word.c_str(), nullptr);
      }
      if (total == 0) continue;
      add(kind, name, "(Timestamp:datetime, Host:string, PerSecond:real, Total:long)",
          fmt::format("{:.1f},{:.0f}", rate(fmt::format("{} {}", kind, name), total), total));
    }
  }
}

void HostMetrics::read_counters() {
  for (const std::string& line : lines_of("/proc/vmstat")) {
    auto words = words_of(line);
    if (words.size() < 2) continue;
    bool is_wanted = last_ == first_ ? rows_.size() < kWantedTables : counters_.contains(words[0]);
    if (!is_wanted) continue;
    counters_.insert(words[0]);
    add("Kernel", words[0], "(Timestamp:datetime, Host:string, PerSecond:real, Value:long)",
        fmt::format("{:.1f},{:.0f}", rate("vmstat " + words[0], number(words, 1)),
                    number(words, 1)));
  }
}

}  // namespace rivulet::demo
