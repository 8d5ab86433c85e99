#include "sources/commits_under_way.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "common/error.h"
#include "ingest/pipeline.h"

namespace rivulet::sources {
namespace {

// Why a commit failed, and whether the same may succeed at once.
std::pair<std::string, bool> describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const store::ProgressOutdated&) {
    return {"the store holds another offset for the partition", true};
  } catch (const Error& error) {
    return {error.message(), error.is_permanent()};
  } catch (const std::exception& error) {
    return {error.what(), false};
  }
}

}  // namespace

CommitsUnderWay::CommitsUnderWay(uint64_t most_bytes, unsigned seed,
                                 std::function<void(const Commit&)> record)
    : most_bytes_(most_bytes), record_(std::move(record)), random_(seed) {}

void CommitsUnderWay::add(Commit commit,
                          const std::function<void(store::CommitCallback)>& hand_over) {
  // It stays in its place until its outcome is taken.
  UnderWay& added = under_way_.emplace_back(UnderWay{std::move(commit), std::nullopt});
  bytes_ += added.commit.memory_bytes;
  try {
    hand_over([this, &added](const store::CommitResult& result) {
      std::lock_guard lock(mutex_);
      added.outcome = result.error;
      outcome_came_.notify_one();
    });
  } catch (...) {
    bytes_ -= added.commit.memory_bytes;
    under_way_.pop_back();
    throw;
  }
}

void CommitsUnderWay::fail(std::exception_ptr error) {
  if (!failure_) failure_ = std::move(error);
}

void CommitsUnderWay::take_outcomes() {
  while (!under_way_.empty()) {
    {
      std::lock_guard lock(mutex_);
      if (!under_way_.front().outcome) return;
    }
    UnderWay taken = std::move(under_way_.front());
    under_way_.pop_front();
    bytes_ -= taken.commit.memory_bytes;
    if (*taken.outcome) {
      fail(*taken.outcome);
      continue;
    }
    failures_in_a_row_ = 0;
    is_retrying_ = false;
    record_(taken.commit);
  }
}

void CommitsUnderWay::wait_for_outcome() {
  {
    std::unique_lock lock(mutex_);
    outcome_came_.wait(lock, [this] { return under_way_.front().outcome.has_value(); });
  }
  take_outcomes();
}

void CommitsUnderWay::wait_for_room(uint64_t bytes) {
  while (!under_way_.empty() && !failure_ &&
         (under_way_.size() >= kMostCommits || bytes_ + bytes > most_bytes_)) {
    wait_for_outcome();
  }
}

void CommitsUnderWay::wait_for_all() {
  while (!under_way_.empty()) wait_for_outcome();
}

CommitsUnderWay::Failure CommitsUnderWay::take_failure() {
  wait_for_all();
  assert(failure_);
  std::exception_ptr failure = std::exchange(failure_, nullptr);
  if (ingest::is_outdated(failure)) return {.is_outdated = true};
  auto [text, may_succeed_at_once] = describe(failure);
  bool is_first = !std::exchange(is_retrying_, true);
  Milliseconds pause = next_pause();
  if (is_first && may_succeed_at_once) pause = {};
  return {.text = std::move(text), .pause = pause};
}

CommitsUnderWay::Milliseconds CommitsUnderWay::next_pause() {
  Milliseconds longest = kShortestPause * (1 << std::min(failures_in_a_row_++, 10));
  longest = std::min(longest, kLongestPause);
  return Milliseconds(
      std::uniform_int_distribution<int64_t>(longest.count() / 2, longest.count())(random_));
}

}  // namespace rivulet::sources
