#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/log.h"

namespace rivulet::store {

// Reads a log with two threads: one reads records and checks them, the caller's carries them out. At most a few
// MiB are on their way between the two, unless one record is larger.
class ReplayPipeline {
 public:
  explicit ReplayPipeline(log::Log& log) : log_(log) {}

  // As Log::tail; `visitor` is called on this thread. Throws what either of them throws.
  log::TailResult run(log::Position from, const log::Log::Visitor& visitor);

 private:
  struct Batch {
    struct Place {
      log::Position position = 0;
      log::Epoch epoch = 0;
      size_t end = 0;  // in `bytes`
    };
    std::string bytes;
    std::vector<Place> records;
  };

  void read(log::Position from);
  // Hands a batch over and gives an empty one; throws when the other side has stopped.
  void hand_over(Batch& batch);

  log::Log& log_;
  log::TailResult result_;
  std::exception_ptr error_;  // of the reading thread

  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Batch> ready_;  // guarded by mutex_
  Batch empty_;                 // guarded by mutex_: memory to be used again
  bool is_at_end_ = false;      // guarded by mutex_
  bool is_stopped_ = false;     // guarded by mutex_
};

}  // namespace rivulet::store
