#include "store/committer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <future>

#include "common/error.h"
#include "store/transaction_codec.h"

namespace rivulet::store {
namespace {

// A group takes no more than this, unless one transaction alone is larger.
constexpr uint64_t kGroupBytes = 8 << 20;
// What a queued transaction costs beside its encoded rows.
constexpr uint64_t kQueueOverheadBytes = 512;

bool has_rows(const Append& append) {
  return append.rows && append.rows->row_count() > 0;
}

const catalog::ColumnDef* find_column(const catalog::Table& table, uint32_t id, size_t hint) {
  const auto& columns = table.columns;
  if (hint < columns.size() && columns[hint].id == id) return &columns[hint];
  auto found = std::find_if(columns.begin(), columns.end(),
                            [id](const catalog::ColumnDef& column) { return column.id == id; });
  return found == columns.end() ? nullptr : &*found;
}

}  // namespace

Committer::Committer(log::Log& log, State& state, CommitListener& listener, const Clock& clock,
                     const CommitterLimits& limits)
    : log_(log), state_(state), listener_(listener), clock_(clock), limits_(limits) {
  thread_ = std::thread([this] { work(); });
}

Committer::~Committer() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Committer::Pending::refuse(std::exception_ptr error) {
  result.error = std::move(error);
  transaction = {};
  body = std::string();
}

void Committer::submit(Transaction transaction, CommitCallback done) {
  Pending pending;
  pending.done = std::move(done);
  pending.transaction = std::move(transaction);
  try {
    encode(pending);
  } catch (...) {
    pending.refuse(std::current_exception());
  }
  enqueue(std::move(pending));
}

void Committer::encode(Pending& pending) const {
  encode_offsets(pending.body, pending.transaction.offsets);
  for (const Append& append : pending.transaction.appends) {
    if (has_rows(append)) encode_append(pending.body, append);
    if (pending.body.size() > limits_.transaction_bytes) {
      throw payload_too_large(
          fmt::format("The request takes more than {} MiB of the log. Send it in parts.",
                      limits_.transaction_bytes >> 20));
    }
  }
}

void Committer::run(std::function<void()> task) {
  Pending pending;
  auto done = std::make_shared<std::promise<void>>();
  std::future<void> is_done = done->get_future();
  pending.task = std::move(task);
  pending.done = [done](const CommitResult&) { done->set_value(); };
  enqueue(std::move(pending));
  is_done.wait();
}

void Committer::enqueue(Pending pending) {
  uint64_t cost = pending.body.size() + kQueueOverheadBytes;
  bool must_wake;
  {
    std::lock_guard lock(mutex_);
    if (!pending.task && queued_bytes_ > 0 && queued_bytes_ + cost > limits_.queue_bytes) {
      pending.refuse(std::make_exception_ptr(
          throttled("Too much is waiting to be written to the log. Retry later.")));
      cost = kQueueOverheadBytes;
    }
    must_wake = queue_.empty() || pending.task;
    has_task_ |= pending.task != nullptr;
    queued_bytes_ += cost;
    queue_.push_back(std::move(pending));
  }
  if (must_wake) wake_.notify_one();
}

void Committer::commit(Transaction transaction) {
  auto outcome = std::make_shared<std::promise<std::exception_ptr>>();
  std::future<std::exception_ptr> error = outcome->get_future();
  submit(std::move(transaction),
         [outcome](const CommitResult& result) { outcome->set_value(result.error); });
  if (std::exception_ptr refused = error.get()) std::rethrow_exception(refused);
}

bool Committer::replace(Replace replace,
                        std::function<bool(const catalog::Catalog&)> is_still_due) {
  Transaction transaction;
  transaction.replace.push_back(std::move(replace));
  if (is_still_due) {
    transaction.alter = [&](const catalog::Catalog& newest) -> std::vector<catalog::Change> {
      if (!is_still_due(newest)) throw ReplaceOutdated();
      return {};
    };
  }
  try {
    commit(std::move(transaction));
  } catch (const ReplaceOutdated&) {
    return false;
  }
  return true;
}

void Committer::work() {
  std::vector<Pending> waiting;
  for (;;) {
    waiting.clear();
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
    }
    std::chrono::microseconds pause = slowdown();
    {
      std::unique_lock lock(mutex_);
      if (pause.count() > 0) {
        ++slowed_groups_;
        wake_.wait_for(lock, pause, [this] { return is_stopping_ || has_task_; });
      }
      has_task_ = false;
      // What is there makes the group. Waiting for more, 200 us from the beginning of the last group when that
      // had several transactions, cost 4 to 9 % of the requests of 64 connections, and 400 us 7 to 15 %.
      waiting.swap(queue_);
    }
    for (size_t done = 0; done < waiting.size();) {
      uint64_t bytes = 0;
      size_t end = done;
      for (; end < waiting.size(); ++end) {
        uint64_t cost = waiting[end].body.size() + kQueueOverheadBytes;
        // Whether a table has rows is known when the groups before are applied.
        bool is_first = !waiting[end].transaction.if_empty.empty();
        if (end > done && (bytes + cost > kGroupBytes || is_first)) break;
        bytes += cost;
      }
      {
        std::lock_guard lock(mutex_);
        queued_bytes_ -= bytes;
      }
      std::span<Pending> group(waiting.data() + done, end - done);
      commit_group(group);
      // The rows are in the row store: what waits behind them may need the memory.
      if (end < waiting.size()) {
        for (Pending& pending : group) pending = Pending();
      }
      done = end;
    }
  }
}

std::chrono::microseconds Committer::slowdown() const {
  constexpr double kFrom = 7.0 / 8, kMicrosecondsAtLimit = 20'000;
  auto share = [](uint64_t used, uint64_t limit) {
    return static_cast<double>(used) / static_cast<double>(limit);
  };
  double used = share(state_.tail_bytes(), limits_.tail_bytes);
  if (limits_.disk_usage) used = std::max(used, share(limits_.disk_usage(), limits_.disk_bytes));
  if (used <= kFrom) return {};
  double part = std::min(1.0, (used - kFrom) / (1 - kFrom));
  return std::chrono::microseconds(static_cast<int64_t>(part * kMicrosecondsAtLimit));
}

void Committer::commit_group(std::span<Pending> group) {
  Staged staged{std::max(clock_.now(), state_.newest_time()), state_.newest_catalog(), {}};
  is_disk_short_ = limits_.disk_usage && limits_.disk_usage() > limits_.disk_bytes;
  std::vector<std::array<std::string_view, 2>> pieces;
  std::vector<log::Record> records;
  pieces.reserve(group.size());
  records.reserve(group.size());
  uint64_t bytes = 0;
  Sequence next = log_.next_position();
  for (Pending& pending : group) {
    if (pending.result.error || pending.task || is_repeat(pending, staged)) continue;
    try {
      prepare(pending, staged, next);
    } catch (...) {
      pending.result.error = std::current_exception();
      continue;
    }
    pieces.push_back({pending.start, pending.body});
    records.emplace_back(pieces.back());
    bytes += pending.start.size() + pending.body.size();
    if (pending.transaction.key) staged.keys.emplace(*pending.transaction.key, next);
    pending.result.sequence = next++;
    pending.result.time = staged.now;
    pending.result.catalog = staged.catalog;
  }
  if (!records.empty()) {
    try {
      log_.append(records);
    } catch (...) {
      for (Pending& pending : group) {
        if (pending.result.error || pending.task) continue;
        pending.result = {.error = std::current_exception()};
        for (const Replace& replace : pending.transaction.replace) {
          uncertain_.insert(uncertain_.end(), replace.added.begin(), replace.added.end());
        }
      }
      records.clear();
    }
  }
  if (!records.empty()) uncertain_.clear();
  bool has_tasks = false;
  for (const Pending& pending : group) {
    if (pending.task) {
      pending.task();
      has_tasks = true;
    } else if (!pending.result.error && !pending.result.is_repeat) {
      apply(pending);
    }
  }
  if (!records.empty() || has_tasks) {
    if (records.empty()) bytes = 0;
    if (!records.empty()) state_.set_newest_time(staged.now);
    events_.clear();
    uint64_t logged = state_.publish(log_.next_position() - 1, bytes, events_);
    for (const Pending& pending : group) {
      if (pending.result.error) continue;
      for (const Replace& replace : pending.transaction.replace) {
        if (!replace.added.empty()) listener_.on_extents_added(replace.table);
      }
    }
    listener_.on_published(events_, logged, state_.tail_bytes());
  }
  for (Pending& pending : group) pending.done(pending.result);
}

bool Committer::is_repeat(Pending& pending, const Staged& staged) const {
  const std::optional<IdempotencyKey>& key = pending.transaction.key;
  if (!key) return false;
  if (auto committed = state_.keys().find(*key, staged.now)) {
    pending.result.sequence = committed->sequence;
    pending.result.time = committed->time;
  } else {
    auto found = staged.keys.find(*key);
    if (found == staged.keys.end()) return false;
    pending.result.sequence = found->second;
    pending.result.time = staged.now;
  }
  pending.result.is_repeat = true;
  pending.result.catalog = staged.catalog;
  return true;
}

void Committer::prepare(Pending& pending, Staged& staged, Sequence sequence) {
  const Transaction& transaction = pending.transaction;
  std::shared_ptr<const catalog::Catalog> catalog = staged.catalog;
  std::vector<catalog::TableId> cleared = transaction.clear;
  encode_transaction_start(pending.start, staged.now);
  if (transaction.key) encode_key(pending.start, *transaction.key);
  if (transaction.alter) {
    pending.changes = transaction.alter(*catalog);
    for (const catalog::Change& change : pending.changes) {
      catalog = catalog->apply(change);
      pending.catalogs.push_back(catalog);
      encode_change(pending.start, change);
    }
  }
  for (catalog::TableId table : transaction.clear) {
    if (!catalog->find_table(table)) throw table_not_found(fmt::format("#{}", table), "");
    encode_clear(pending.start, table);
  }
  for (catalog::TableId table : transaction.if_empty) {
    if (!state_.is_empty(table)) throw TableNotEmpty();
  }
  for (const Append& append : transaction.appends) check_append(append, *catalog);
  check_replaces(transaction, *catalog, staged);
  SourceOffsets offsets = check_offsets(transaction, *catalog, staged);
  for (const Replace& replace : transaction.replace) {
    for (const auto& extent : replace.added) {
      if (extent->has_system_columns) continue;
      extent->min_time = extent->max_time = staged.now;
      if (extent->max_created == 0) extent->min_created = extent->max_created = staged.now;
      extent->min_sequence = extent->max_sequence = sequence;
    }
    encode_replace(pending.start, replace);
    staged.removed.insert(replace.removed.begin(), replace.removed.end());
    if (replace.up_to > 0) staged.cut.push_back(replace.table);
    for (const auto& extent : replace.added) {
      for (const std::string& tag : extent->tags) staged.tags.emplace(replace.table, tag);
    }
  }
  staged.offsets.set_all(offsets);
  staged.catalog = std::move(catalog);
  staged.cleared.insert(staged.cleared.end(), cleared.begin(), cleared.end());
}

void Committer::check_replaces(const Transaction& transaction, const catalog::Catalog& catalog,
                               const Staged& staged) const {
  auto has = [](const auto& tables, catalog::TableId table) {
    return std::find(tables.begin(), tables.end(), table) != tables.end();
  };
  for (const Replace& replace : transaction.replace) {
    bool takes_nothing = replace.up_to == 0 && replace.removed.empty();
    bool is_current =
        catalog.find_table(replace.table) != nullptr &&
        (takes_nothing ||
         (!has(staged.cleared, replace.table) && !has(transaction.clear, replace.table) &&
          !(replace.up_to > 0 && has(staged.cut, replace.table)) &&
          std::none_of(replace.removed.begin(), replace.removed.end(),
                       [&](const Guid& extent) { return staged.removed.contains(extent); }) &&
          state_.is_current(replace)));
    if (!is_current) throw ReplaceOutdated();
    check_tags(replace, staged);
  }
}

void Committer::check_tags(const Replace& replace, const Staged& staged) const {
  const auto& tags = replace.unless_tags;
  bool is_staged = std::any_of(tags.begin(), tags.end(), [&](const std::string& tag) {
    return staged.tags.contains({replace.table, tag});
  });
  if (is_staged || state_.has_tag(replace.table, tags)) throw TagExists();
}

SourceOffsets Committer::check_offsets(const Transaction& transaction,
                                       const catalog::Catalog& catalog,
                                       const Staged& staged) const {
  SourceOffsets moved;
  for (const SourceOffset& offset : transaction.offsets) {
    if (offset.partition < 0 || offset.next < 0) {
      throw internal_error("A partition or an offset of a data connection is negative");
    }
    std::optional<int64_t> current = moved.find(offset);
    if (!current) current = staged.offsets.find(offset);
    if (!current) current = state_.source_offset(offset);
    if (current != offset.expected || !has_connection(offset.connection, catalog))
      throw OffsetOutdated();
    moved.set(offset);
  }
  return moved;
}

bool Committer::has_connection(const Guid& guid, const catalog::Catalog& catalog) const {
  if (&catalog == state_.newest_catalog().get()) return state_.has_connection(guid);
  // After a change in this group.
  for (const auto& database : catalog.databases()) {
    for (const auto& [name, connection] : database->data_connections()) {
      if (connection.id == guid) return true;
    }
  }
  return false;
}

void Committer::check_append(const Append& append, const catalog::Catalog& catalog) const {
  std::shared_ptr<const catalog::Table> staged;
  const catalog::Table* table;
  if (&catalog == state_.newest_catalog().get()) {
    table = state_.find_table(append.table);
  } else {
    staged = catalog.find_table(append.table);
    table = staged.get();
  }
  if (table == nullptr) throw table_not_found(fmt::format("#{}", append.table), "");
  if (!has_rows(append)) return;
  if (state_.tail_bytes() > limits_.tail_bytes) {
    throw throttled(
        "Recent rows take all the memory that they may, and are being written to disk. Retry "
        "later.");
  }
  if (is_disk_short_) {
    throw throttled(
        "The log and the recent rows take all the disk space that they may "
        "(row_store_disk_limit), and are being sealed. Retry later.");
  }
  if (append.column_ids.size() != append.rows->column_count()) {
    throw internal_error("An append names another number of columns than it has");
  }
  for (size_t i = 0; i < append.column_ids.size(); ++i) {
    const catalog::ColumnDef* column = find_column(*table, append.column_ids[i], i);
    if (column != nullptr && column->type != append.rows->column(i).type()) {
      throw internal_error(fmt::format("An append has another type than column '{}' of table '{}'",
                                       column->name, table->name));
    }
  }
}

// The records are durable: nothing here may fail, and if memory runs out the process must end, so that
// recovery does it.
void Committer::apply(const Pending& pending) {
  for (size_t i = 0; i < pending.changes.size(); ++i) {
    state_.change(pending.changes[i], pending.catalogs[i]);
  }
  for (catalog::TableId table : pending.transaction.clear) state_.clear(table);
  for (const Replace& replace : pending.transaction.replace) state_.replace(replace);
  for (const Append& append : pending.transaction.appends) {
    if (has_rows(append)) state_.append(append, pending.result.time, pending.result.sequence);
  }
  for (const SourceOffset& offset : pending.transaction.offsets) state_.set_offset(offset);
  if (pending.transaction.key) {
    state_.keys().add(*pending.transaction.key, {pending.result.sequence, pending.result.time});
  }
}

}  // namespace rivulet::store
