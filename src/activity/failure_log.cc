#include "activity/failure_log.h"

namespace rivulet::activity {

void FailureLog::record(IngestionFailure failure) {
  std::lock_guard lock(mutex_);
  if (failures_.size() == kKept) failures_.pop_front();
  failures_.push_back(std::move(failure));
}

std::vector<IngestionFailure> FailureLog::list() const {
  std::lock_guard lock(mutex_);
  return {failures_.rbegin(), failures_.rend()};
}

}  // namespace rivulet::activity
