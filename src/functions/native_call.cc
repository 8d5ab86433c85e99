#include "functions/native_call.h"

#include <utility>

namespace rivulet::functions {
namespace {

thread_local std::shared_ptr<QueryControl> planning;

}  // namespace

PlanningScope::PlanningScope(std::shared_ptr<QueryControl> control)
    : outer_(std::exchange(planning, std::move(control))) {}

PlanningScope::~PlanningScope() {
  planning = std::move(outer_);
}

const std::shared_ptr<QueryControl>& PlanningScope::current() {
  return planning;
}

NativeCall::NativeCall(const QueryControl* control, MemoryCharge* memory, KeptByCall* kept) {
  native_detail::work.control = control;
  native_detail::work.memory = memory;
  native_detail::work.kept = kept;
  native_detail::work.block_bytes = 0;
  if (memory != nullptr) memory->set(0);
}

NativeCall::~NativeCall() {
  native_detail::work.control = nullptr;
  native_detail::work.memory = nullptr;
  native_detail::work.kept = nullptr;
}

void native_detail::look() {
  work.left = kWorkBetweenLooks;
  if (work.control == nullptr) return;
  if (work.control->stop() != QueryControl::Stop::kNone) throw stop_error(work.control->stop());
}

}  // namespace rivulet::functions
