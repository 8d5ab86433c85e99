// What others see of a connection: its state, its last error and its partitions.
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "sources/connection.h"

namespace rivulet::sources {

using namespace std::chrono_literals;

ConnectionStatus Connection::status() const {
  std::lock_guard lock(mutex_);
  ConnectionStatus status = status_;
  if (!samples_.empty()) {
    std::chrono::duration<double> time = clock_.steady_now() - samples_.front().time;
    auto rows = static_cast<double>(status.rows - samples_.front().rows);
    if (time > 100ms) status.rows_per_second = rows / time.count();
  }
  status.partitions = positions_.status();
  for (PartitionStatus& shown : status.partitions) {
    shown.topic = topic_;
    bool tells_reason =
        status.state == "Holding" ? shown.state != "Reading" : status.state == "Running";
    if (tells_reason && status.state_reason.empty() && !shown.reason.empty()) {
      status.state_reason = fmt::format("Partition {}: {}", shown.partition, shown.reason);
    }
  }
  if (status.state == "Connecting") {
    status.state_reason = fmt::format(
        "The consumer group '{}' has not given it partitions yet. The group waits for a member "
        "that "
        "went away without leaving: up to {} s, if that was a server like this one.",
        definition_.settings.consumer_group,
        std::chrono::ceil<std::chrono::seconds>(session_timeout_).count());
  }
  return status;
}

void Connection::update_state() {
  set_state(is_disconnected_                                 ? "Disconnected"
            : commits_.is_retrying()                         ? "Retrying"
            : !is_joined_ || !positions_.unstarted().empty() ? "Connecting"
            : positions_.is_any_held()                       ? "Holding"
                                                             : "Running");
}

void Connection::set_state(std::string_view state) {
  if (status_.state == state) return;
  spdlog::info("{}: {}", log_name_, state);
  std::lock_guard lock(mutex_);
  status_.state = state;
  status_.since = clock_.now();
}

void Connection::set_error(std::string text) {
  std::lock_guard lock(mutex_);
  // A broker that is away gives two or three errors by turns, with every attempt to reach it.
  auto now = clock_.steady_now();
  if (status_.last_error != text && (!is_disconnected_ || now >= next_warning_)) {
    spdlog::warn("{}: {}", log_name_, text);
    next_warning_ = now + 1min;
  }
  status_.last_error = std::move(text);
  status_.last_error_time = clock_.now();
}

}  // namespace rivulet::sources
