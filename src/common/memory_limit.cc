#include "common/memory_limit.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace rivulet {
namespace {

using Path = std::filesystem::path;

std::vector<std::string> lines_of(const Path& file) {
  std::ifstream in(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in{std::string(text)};
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool has_memory(std::string_view controllers) {
  auto names = split(controllers, ',');
  return std::find(names.begin(), names.end(), "memory") != names.end();
}

// A number of bytes; "max", a file that is not there and anything else are no limit.
uint64_t limit_in(std::string_view text) {
  uint64_t bytes = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  return error == std::errc() && end == text.data() + text.size() ? bytes : UINT64_MAX;
}

uint64_t limit_of_file(const Path& file) {
  auto lines = lines_of(file);
  return lines.empty() ? UINT64_MAX : limit_in(lines.front());
}

uint64_t limit_of_group(const Path& group, bool is_v2) {
  if (is_v2)
    return std::min(limit_of_file(group / "memory.max"), limit_of_file(group / "memory.high"));
  uint64_t limit = limit_of_file(group / "memory.limit_in_bytes");
  // Of the groups around this one, which a container may not see.
  constexpr std::string_view kHierarchical = "hierarchical_memory_limit ";
  for (const std::string& line : lines_of(group / "memory.stat")) {
    if (line.starts_with(kHierarchical)) {
      limit = std::min(limit, limit_in(std::string_view(line).substr(kHierarchical.size())));
    }
  }
  return limit;
}

// The process's group in the hierarchy that counts memory, as /proc/self/cgroup names it: "/system.slice/x".
std::optional<std::string> group_of_process(const Path& root, bool is_v2) {
  for (const std::string& line : lines_of(root / "proc/self/cgroup")) {
    // number:controllers:group
    size_t first = line.find(':');
    size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(first + 1, second - first - 1);
    if (is_v2 ? controllers.empty() : has_memory(controllers)) return line.substr(second + 1);
  }
  return std::nullopt;
}

// Octal escapes for blanks and the like, as the kernel writes paths.
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    int value = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 4], value, 8).ptr == &text[i + 4]) {
      out += static_cast<char>(value);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

uint64_t limit_of_mount(const Path& root, const std::string& shown_root, const Path& mount_point,
                        bool is_v2) {
  std::optional<std::string> group = group_of_process(root, is_v2);
  if (!group) return UINT64_MAX;
  Path mounted = root / mount_point.relative_path();
  // A container may see but its own group, at the mount point, and yet be told the whole path.
  Path inside = Path(*group).lexically_relative(shown_root);
  if (inside.empty() || *inside.begin() == "..") inside = ".";
  uint64_t limit = limit_of_group(mounted, is_v2);
  Path at = mounted;
  for (const Path& name : inside) {
    if (name == "." || name.empty()) continue;
    at /= name;
    limit = std::min(limit, limit_of_group(at, is_v2));
  }
  return limit;
}

}  // namespace

uint64_t memory_limit_bytes(const Path& root) {
  auto pages = static_cast<uint64_t>(std::max<long>(::sysconf(_SC_PHYS_PAGES), 0));
  uint64_t limit = pages * static_cast<uint64_t>(std::max<long>(::sysconf(_SC_PAGESIZE), 0));
  for (const std::string& line : lines_of(root / "proc/self/mountinfo")) {
    // number parent device root mount-point options … - type source super-options
    auto fields = split(line, ' ');
    auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 6 || fields.end() - dash < 4) continue;
    bool is_v2 = dash[1] == "cgroup2";
    if (!is_v2 && (dash[1] != "cgroup" || !has_memory(dash[3]))) continue;
    limit =
        std::min(limit, limit_of_mount(root, unescaped(fields[3]), unescaped(fields[4]), is_v2));
  }
  return limit;
}

}  // namespace rivulet
