#include "store/replay_pipeline.h"

#include <stdexcept>
#include <thread>

namespace rivulet::store {
namespace {

constexpr size_t kBatchBytes = 1 << 20;

}  // namespace

log::ReplayResult ReplayPipeline::run(log::Position from, const log::Log::Visitor& visitor) {
  std::thread reader([this, from] { read(from); });
  std::exception_ptr error;
  Batch batch;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      empty_ = std::move(batch);
      wake_.notify_one();
      wake_.wait(lock, [this] { return ready_ || is_at_end_; });
      if (!ready_) break;
      batch = std::move(*ready_);
      ready_.reset();
    }
    wake_.notify_one();
    try {
      size_t start = 0;
      for (size_t i = 0; i < batch.ends.size(); ++i) {
        visitor(batch.first + i,
                std::string_view(batch.bytes).substr(start, batch.ends[i] - start));
        start = batch.ends[i];
      }
    } catch (...) {
      error = std::current_exception();
      std::lock_guard lock(mutex_);
      is_stopped_ = true;
      break;
    }
  }
  wake_.notify_one();
  reader.join();
  if (error) std::rethrow_exception(error);
  if (error_) std::rethrow_exception(error_);
  return result_;
}

void ReplayPipeline::read(log::Position from) {
  try {
    Batch batch;
    result_ = log_.replay(from, [&](log::Position position, std::string_view payload) {
      if (batch.ends.empty()) batch.first = position;
      batch.bytes.append(payload);
      batch.ends.push_back(batch.bytes.size());
      if (batch.bytes.size() >= kBatchBytes) hand_over(batch);
    });
    if (!batch.ends.empty()) hand_over(batch);
  } catch (...) {
    error_ = std::current_exception();
  }
  std::lock_guard lock(mutex_);
  is_at_end_ = true;
  wake_.notify_one();
}

void ReplayPipeline::hand_over(Batch& batch) {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return !ready_ || is_stopped_; });
  if (is_stopped_) throw std::runtime_error("the replay was stopped");
  ready_ = std::move(batch);
  batch = std::move(empty_);
  batch.bytes.clear();
  batch.ends.clear();
  wake_.notify_one();
}

}  // namespace rivulet::store
