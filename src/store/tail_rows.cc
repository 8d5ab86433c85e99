#include "store/tail_rows.h"

namespace rivulet::store {

TailRows::TailRows(catalog::TableId table, const rowstore::TailView& tail, uint64_t extent_rows,
                   uint64_t extent_bytes)
    : table_(table),
      runs_(tail.runs),
      chunks_(tail),
      extent_rows_(extent_rows),
      extent_bytes_(extent_bytes) {
  if (!chunks_.views().empty()) {
    const ChunkView& last = chunks_.views().back();
    first_sequence_ = static_cast<Sequence>(chunks_.views().front().sequences[0]);
    last_sequence_ = static_cast<Sequence>(last.sequences[last.row_count - 1]);
  }
  if (runs_) {
    first_sequence_ = runs_->front().first_sequence;
    if (last_sequence_ == 0) last_sequence_ = runs_->back().last_sequence;
  }
}

bool TailRows::begin_extent() {
  rows_ = bytes_ = 0;
  return next_of_run_ < run_.size() || (runs_ && next_run_ < runs_->size()) ||
         next_chunk_ < chunks_.views().size();
}

const ChunkView* TailRows::next() {
  if (next_of_run_ == run_.size() && runs_ && next_run_ < runs_->size()) {
    run_.clear();
    next_of_run_ = 0;
    try {
      run_ = rowstore::read_run(table_, (*runs_)[next_run_++]);
    } catch (...) {
      throw UnreadableRun{std::current_exception()};
    }
  }
  bool is_of_run = next_of_run_ < run_.size();
  if (is_of_run) of_run_ = run_[next_of_run_]->closed_view();
  if (!is_of_run && next_chunk_ == chunks_.views().size()) return nullptr;
  const ChunkView* chunk = is_of_run ? &of_run_ : &chunks_.views()[next_chunk_];
  uint64_t bytes = value_bytes(*chunk);
  bool is_full = rows_ + chunk->row_count > extent_rows_ || bytes_ + bytes > extent_bytes_;
  if (rows_ > 0 && is_full) return nullptr;
  ++(is_of_run ? next_of_run_ : next_chunk_);
  rows_ += chunk->row_count;
  bytes_ += bytes;
  return chunk;
}

std::vector<rowstore::TailView> readable_parts(catalog::TableId table,
                                               const rowstore::TailView& tail) {
  std::vector<rowstore::TailView> parts;
  rowstore::RunList runs;  // of the next part
  auto share = [&] {
    return runs.empty() ? nullptr : std::make_shared<const rowstore::RunList>(std::move(runs));
  };
  Sequence unread = 0;  // the last that cannot be read
  for (size_t i = 0; tail.runs && i < tail.runs->size(); ++i) {
    const rowstore::Run& run = (*tail.runs)[i];
    bool is_readable = run.first_sequence > unread;
    try {
      if (is_readable) rowstore::read_run(table, run);
    } catch (const std::exception&) {
      is_readable = false;
    }
    if (is_readable) {
      runs.push_back(run);
      continue;
    }
    while (!runs.empty() && runs.back().last_sequence >= run.first_sequence) runs.pop_back();
    if (!runs.empty()) parts.push_back({.runs = share()});
    runs.clear();
    unread = run.last_sequence;
  }
  rowstore::TailView last = tail;
  last.runs = share();
  if (!last.empty()) parts.push_back(std::move(last));
  return parts;
}

}  // namespace rivulet::store
