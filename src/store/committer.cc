#include "store/committer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/error.h"

namespace rivulet::store {
namespace {

// A group takes no more than this, unless one transaction alone is larger.
constexpr uint64_t kGroupBytes = 8 << 20;

uint64_t queue_cost(size_t encoded_bytes) {
  return encoded_bytes + 256;
}

}  // namespace

Committer::Committer(log::Log& log, State& state, const Clock& clock, uint64_t queue_limit_bytes)
    : log_(log), state_(state), clock_(clock), queue_limit_bytes_(queue_limit_bytes) {
  thread_ = std::thread([this] { run(); });
}

Committer::~Committer() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Committer::submit(Transaction transaction, CommitCallback done) {
  Pending pending;
  pending.done = std::move(done);
  try {
    for (const Append& append : transaction.appends) {
      if (append.rows && append.rows->row_count() > 0) encode_append(pending.appends, append);
    }
    pending.transaction = std::move(transaction);
  } catch (...) {
    pending.result.error = std::current_exception();
  }
  bool was_empty;
  {
    std::lock_guard lock(mutex_);
    uint64_t cost = queue_cost(pending.appends.size());
    if (queued_bytes_ > 0 && queued_bytes_ + cost > queue_limit_bytes_ && !pending.result.error) {
      pending.result.error = std::make_exception_ptr(
          throttled("Too much is waiting to be written to the log. Retry later."));
      pending.appends.clear();
      cost = queue_cost(0);
    }
    was_empty = queue_.empty();
    queued_bytes_ += cost;
    queue_.push_back(std::move(pending));
  }
  if (was_empty) wake_.notify_one();
}

void Committer::run() {
  std::vector<Pending> group;
  for (;;) {
    group.clear();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      uint64_t bytes = 0;
      while (!queue_.empty()) {
        uint64_t cost = queue_cost(queue_.front().appends.size());
        if (!group.empty() && bytes + cost > kGroupBytes) break;
        bytes += cost;
        group.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
      queued_bytes_ -= bytes;
    }
    commit_group(group);
  }
}

void Committer::commit_group(std::vector<Pending>& group) {
  std::shared_ptr<const catalog::Catalog> catalog = state_.newest_catalog();
  Ticks now = std::max(clock_.now(), state_.newest_time());
  std::vector<std::array<std::string_view, 2>> pieces;
  std::vector<log::Record> records;
  pieces.reserve(group.size());
  records.reserve(group.size());
  Sequence next = log_.next_position();
  for (Pending& pending : group) {
    if (pending.result.error) continue;
    try {
      prepare(pending, now, catalog);
    } catch (...) {
      pending.result.error = std::current_exception();
      continue;
    }
    pieces.push_back({pending.start, pending.appends});
    records.emplace_back(pieces.back());
    pending.result.sequence = next++;
    pending.result.time = now;
    pending.result.catalog = catalog;
  }
  try {
    log_.append(records);
  } catch (...) {
    for (Pending& pending : group) {
      if (!pending.result.error) pending.result = {.error = std::current_exception()};
    }
    records.clear();
  }
  if (!records.empty()) {
    for (Pending& pending : group) {
      if (!pending.result.error) apply(pending);
    }
    state_.set_newest_time(now);
    state_.publish(next - 1);
  }
  for (Pending& pending : group) pending.done(pending.result);
}

void Committer::prepare(Pending& pending, Ticks now,
                        std::shared_ptr<const catalog::Catalog>& catalog) {
  Transaction& transaction = pending.transaction;
  std::shared_ptr<const catalog::Catalog> made = catalog;
  encode_transaction_start(pending.start, now);
  if (transaction.alter) {
    pending.changes = transaction.alter(*catalog);
    for (const catalog::Change& change : pending.changes) {
      made = made->apply(change);
      pending.catalogs.push_back(made);
      encode_change(pending.start, change);
    }
  }
  for (catalog::TableId table : transaction.clear) {
    if (!made->find_table(table)) throw table_not_found(fmt::format("#{}", table), "");
    encode_clear(pending.start, table);
  }
  for (const Append& append : transaction.appends) {
    auto table = made->find_table(append.table);
    if (!table) throw table_not_found(fmt::format("#{}", append.table), "");
    if (!append.rows) continue;
    if (append.column_ids.size() != append.rows->column_count()) {
      throw internal_error("An append names another number of columns than it has");
    }
    const std::vector<catalog::ColumnDef>& columns = table->columns;
    for (size_t i = 0; i < append.column_ids.size(); ++i) {
      uint32_t id = append.column_ids[i];
      const catalog::ColumnDef* column = nullptr;
      if (i < columns.size() && columns[i].id == id) {
        column = &columns[i];
      } else {
        auto found = std::find_if(columns.begin(), columns.end(),
                                  [id](const catalog::ColumnDef& each) { return each.id == id; });
        if (found != columns.end()) column = &*found;
      }
      if (column != nullptr && column->type != append.rows->column(i).type()) {
        throw internal_error(
            fmt::format("An append has another type than the column '{}' of table '{}'",
                        column->name, table->name));
      }
    }
  }
  catalog = std::move(made);
}

void Committer::apply(Pending& pending) {
  for (size_t i = 0; i < pending.changes.size(); ++i) {
    state_.change(pending.changes[i], pending.catalogs[i]);
  }
  for (catalog::TableId table : pending.transaction.clear) state_.clear(table);
  for (const Append& append : pending.transaction.appends) {
    if (append.rows && append.rows->row_count() > 0) {
      state_.append(append, pending.result.time, pending.result.sequence);
    }
  }
}

}  // namespace rivulet::store
