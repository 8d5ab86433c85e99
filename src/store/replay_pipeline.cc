#include "store/replay_pipeline.h"

#include <stdexcept>
#include <thread>

namespace rivulet::store {
namespace {

constexpr size_t kBatchBytes = 1 << 20;

}  // namespace

log::TailResult ReplayPipeline::run(log::Position from, const log::Log::Visitor& visitor) {
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
      for (const Batch::Place& record : batch.records) {
        std::string_view payload = std::string_view(batch.bytes).substr(start, record.end - start);
        visitor({record.position, record.epoch, payload});
        start = record.end;
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
    result_ = log_.tail(from, [&](const log::StoredRecord& record) {
      batch.bytes.append(record.payload);
      batch.records.push_back({record.position, record.epoch, batch.bytes.size()});
      if (batch.bytes.size() >= kBatchBytes) hand_over(batch);
    });
    if (!batch.records.empty()) hand_over(batch);
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
  batch.records.clear();
  wake_.notify_one();
}

}  // namespace rivulet::store
