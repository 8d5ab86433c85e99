#include "sources/connection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include "common/error.h"
#include "sources/broker_access.h"

namespace rivulet::sources {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr size_t kMaxBatchEvents = 100'000;
// What an event costs beside its bytes.
constexpr uint64_t kEventOverheadBytes = 64;
// How long the thread sits in one call of the client library: what a stop waits for, at most.
constexpr milliseconds kPollTime = 100ms;
// Where events are known to be at the broker, and none comes: then fetching is woken, this often at most.
constexpr milliseconds kStarvedPollTime = 10ms, kWakeInterval = 100ms;
constexpr milliseconds kBrokerTimeout = 2s;
constexpr size_t kRateSamples = 11;  // of ten seconds

// Another member has the name of this one.
class Fenced : public BrokerError {
 public:
  using BrokerError::BrokerError;
};

uint64_t size_of(const Event& event) {
  uint64_t size = kEventOverheadBytes + event.key.size() + event.body.size();
  for (const Event::Property& property : event.properties) {
    size += property.name.size() + property.value.size();
  }
  return size;
}

}  // namespace

Connection::Connection(EventIngester::Connection definition, store::Store& store,
                       activity::StreamingStatistics& statistics, activity::FailureLog& failures,
                       const Secrets& secrets, const Clock& clock,
                       std::chrono::milliseconds session_timeout)
    : definition_(std::move(definition)),
      log_name_(fmt::format("data connection {}.{}", definition_.database, definition_.name)),
      session_timeout_(session_timeout),
      store_(store),
      secrets_(secrets),
      clock_(clock),
      ingester_(definition_, targets_, statistics, failures, clock),
      positions_(definition_, log_name_),
      commits_(definition_.settings.max_queued_bytes / 2, static_cast<unsigned>(definition_.id.lo),
               [this](const CommitsUnderWay::Commit& commit) { record(commit); }) {
  status_.id = definition_.id;
  status_.database = definition_.database;
  status_.name = definition_.name;
  set_state("Connecting");
  thread_ = std::thread([this] { run(); });
}

Connection::~Connection() {
  stop(false);
  thread_.join();
}

void Connection::stop(bool leaves) {
  std::lock_guard lock(mutex_);
  leaves_ = is_stopping_ ? leaves_ : leaves;
  is_stopping_ = true;
  stop_came_.notify_all();
}

void Connection::run() {
  while (!is_stopping()) {
    bool is_fenced = false;
    try {
      join_group();
      read();
      end_reading();
      return;
    } catch (const Fenced& error) {
      is_fenced = true;
      set_error(error.what());
      set_state("Disconnected");
    } catch (const Error& error) {
      set_error(error.message());
      set_state("Failed");
    } catch (const std::exception& error) {
      set_error(error.what());
      set_state("Disconnected");
    }
    drop_events();
    commits_.wait_for_all();
    commits_.forget_failure();
    retry_at_.reset();
    positions_.clear();
    pause(commits_.next_pause());
    if (is_fenced) await_name();
    consumer_.reset();
  }
}

void Connection::await_name() {
  while (!is_stopping() && consumer_->is_replaced(kBrokerTimeout)) {
    // Going on would only fence the other in turn.
    set_error(
        "Another server reads as this data connection, perhaps with a copy of this data directory. "
        "This one goes on "
        "when the other has left the group");
    set_state("Failed");
    pause(commits_.next_pause());
  }
}

void Connection::join_group() {
  ConsumerOptions options;
  options.access = access_ = broker_access(definition_.settings, secrets_);
  options.group = definition_.settings.consumer_group;
  options.instance_id = to_string(definition_.id);
  options.log_name = log_name_;
  options.session_timeout = session_timeout_;
  options.queue_bytes = definition_.settings.max_queued_bytes / 2;
  {
    std::lock_guard lock(mutex_);
    topic_ = options.access.topic;
  }
  is_joined_ = is_suspect_ = is_disconnected_ = false;
  commits_.stop_retrying();
  consumer_ = std::make_unique<Consumer>(options);
}

void Connection::read() {
  next_second_ = clock_.steady_now();
  while (!is_stopping()) {
    gather();
    take_fault();
    follow_group();
    if (!events_.empty()) store_events();
    commits_.take_outcomes();
    if (commits_.has_failed()) rewind();
    if (retry_at_ && clock_.steady_now() >= *retry_at_) read_again();
    start_partitions();
    if (clock_.steady_now() >= next_second_) each_second();
    update_state();
  }
}

void Connection::end_reading() {
  drop_events();
  commits_.wait_for_all();
  if (is_joined_ && !is_disconnected_)
    consumer_->commit_and_wait(positions_.stored_since_start(), kBrokerTimeout);
  if (leaves_) consumer_->leave(kBrokerTimeout);
  consumer_.reset();
}

void Connection::gather() {
  uint64_t budget = definition_.settings.max_queued_bytes / 2;
  uint64_t limit = std::min(definition_.settings.max_batch_bytes, budget / 2);
  commits_.wait_for_room(limit);
  while (event_bytes_ < limit && events_.size() < kMaxBatchEvents) {
    std::optional<int32_t> starved;
    bool may_wake = events_.empty() && !is_suspect_ && !retry_at_;
    if (may_wake && clock_.steady_now() >= next_wake_) starved = partition_behind();
    milliseconds wait = starved ? kStarvedPollTime : kPollTime;
    Consumer::Message message = consumer_->poll(events_.empty() ? wait : 0ms);
    if (!message) {
      if (starved) wake_fetching(*starved);
      return;
    }
    is_suspect_ = is_disconnected_ = false;
    // The library may still give what it had when the partition was paused.
    if (retry_at_ || !positions_.take(message->partition, message->offset)) continue;
    read_event(*message, events_.emplace_back());
    messages_.push_back(std::move(message));
    event_bytes_ += size_of(events_.back());
  }
}

// Once its queue was full, librdkafka before 2.2 looks only every second whether there is room again
// (fetch.queue.backoff.ms, later). The answer to any request to the broker wakes it.
void Connection::wake_fetching(int32_t partition) {
  try {
    consumer_->find({partition}, Consumer::kEnd, kPollTime);
  } catch (const BrokerError&) {
    // If something is wrong, the library tells it as a fault.
  }
  next_wake_ = clock_.steady_now() + kWakeInterval;
}

std::optional<int32_t> Connection::partition_behind() const {
  for (const auto& [number, next] : positions_.reading()) {
    int64_t end = consumer_->end_offset(number);
    if (next < end && consumer_->polled_end(number) < end) return number;
  }
  return std::nullopt;
}

void Connection::drop_events() {
  events_.clear();
  messages_.clear();
  event_bytes_ = 0;
}

void Connection::take_fault() {
  std::optional<Consumer::Fault> fault = consumer_->take_fault();
  if (!fault) return;
  if (fault->is_fenced) throw Fenced(fault->text);
  if (fault->is_fatal) throw BrokerError(fault->text);
  if (fault->out_of_range) {
    place(*fault->out_of_range);
    return;
  }
  set_error(fault->text);
  is_suspect_ = true;
  positions_.forget_told();  // perhaps it was a commit of these
}

void Connection::follow_group() {
  std::optional<Consumer::Rebalance> rebalance = consumer_->take_rebalance();
  if (!rebalance) return;
  drop_events();
  if (rebalance->is_assignment) {
    positions_.assign(std::move(rebalance->partitions));
    next_start_ = clock_.steady_now();
    is_joined_ = true;
    if (positions_.unstarted().empty()) consumer_->assign({});
    return;
  }
  commits_.wait_for_all();
  // What it concerns is given away, or begins anew at the store's offsets.
  commits_.forget_failure();
  retry_at_.reset();
  if (!rebalance->is_lost)
    consumer_->commit_and_wait(positions_.stored_since_start(), kBrokerTimeout);
  consumer_->unassign();
  positions_.clear();
  is_joined_ = false;
}

void Connection::start_partitions() {
  if (positions_.unstarted().empty() || clock_.steady_now() < next_start_) return;
  try {
    positions_.begin(stored_offsets(), consumer_->committed(positions_.unstarted(), kBrokerTimeout),
                     [this](const auto& partitions) { return first_offsets(partitions); });
  } catch (const BrokerError& error) {
    set_error(error.what());
    is_suspect_ = true;
    next_start_ = clock_.steady_now() + 1s;
    return;
  }
  is_suspect_ = is_disconnected_ = false;
  read_again();
}

Consumer::Offsets Connection::first_offsets(const std::vector<int32_t>& partitions) {
  Ticks from = definition_.settings.retrieval_start;
  if (from <= kUnixEpochTicks)
    return consumer_->find(partitions, Consumer::kOldest, kBrokerTimeout);
  // In this order: an event that arrives between the two is behind the end that was asked for first.
  Consumer::Offsets offsets = consumer_->find(partitions, Consumer::kEnd, kBrokerTimeout);
  int64_t time = (from - kUnixEpochTicks + kTicksPerMillisecond - 1) / kTicksPerMillisecond;
  for (const auto& [number, offset] : consumer_->find(partitions, time, kBrokerTimeout)) {
    offsets[number] = offset;
  }
  return offsets;
}

void Connection::store_events() {
  try {
    std::shared_ptr<const catalog::Catalog> catalog = store_.catalog();
    std::span<Event> rest(events_);
    while (!rest.empty()) {
      EventBatch batch = ingester_.ingest(topic_, rest, catalog);
      std::span<Event> done = rest.first(batch.events);
      rest = rest.subspan(batch.events);
      if (!batch.held.empty()) {
        auto is_held = [&](const Event& event) { return batch.held.contains(event.partition); };
        auto end = std::remove_if(rest.begin(), rest.end(), is_held);
        rest = rest.first(static_cast<size_t>(end - rest.begin()));
      }
      commit(std::move(batch), done);
    }
  } catch (const BrokerError&) {
    throw;
  } catch (...) {
    commits_.fail(std::current_exception());
  }
  drop_events();
}

void Connection::commit(EventBatch batch, std::span<const Event> events) {
  CommitsUnderWay::Commit commit;
  Consumer::Offsets next;
  for (const Event& event : events) {
    auto held = batch.held.find(event.partition);
    if (held != batch.held.end() && event.offset >= held->second.offset) continue;
    next[event.partition] = event.offset + 1;
    commit.event_bytes += size_of(event) - kEventOverheadBytes;
    ++commit.events;
  }
  for (const auto& [number, held] : batch.held) {
    consumer_->pause({number});
    positions_.hold(number, held.offset, held.reason);
  }
  ingest::Ingestion ingestion = ingestion_of(batch, store_);
  store::Transaction& transaction = ingestion.transaction();
  for (const auto& [number, offset] : next) {
    transaction.progress.push_back(
        {definition_.id, topic_, number, positions_.advance(number, offset), offset});
  }
  if (transaction.progress.empty()) return;
  commit.progress = transaction.progress;
  for (const store::Append& append : transaction.appends) {
    commit.memory_bytes += append.rows->memory_bytes();
  }
  commit.batch = std::move(batch);
  commits_.add(std::move(commit), [&ingestion](store::CommitCallback done) {
    std::move(ingestion).commit(std::move(done));
  });
}

void Connection::record(const CommitsUnderWay::Commit& commit) {
  ingester_.record(commit.batch);
  std::lock_guard lock(mutex_);
  positions_.set_stored(commit.progress);
  status_.events += commit.events;
  status_.bytes += commit.event_bytes;
  status_.rows += commit.batch.rows;
  status_.failed_events += commit.batch.failed_events;
}

void Connection::rewind() {
  CommitsUnderWay::Failure failure = commits_.take_failure();
  if (failure.is_outdated) {
    read_again();
    return;
  }
  set_error(fmt::format("Events could not be stored: {}", failure.text));
  pause_reading(failure.pause);
}

void Connection::pause_reading(milliseconds time) {
  retry_at_ = clock_.steady_now() + time;
  drop_events();
  consumer_->pause(positions_.numbers());
}

void Connection::read_again() {
  retry_at_.reset();
  drop_events();
  consumer_->assign(positions_.rewind(stored_offsets()));
}

void Connection::place(int32_t number) {
  if (!positions_.contains(number)) return;
  drop_events();
  commits_.wait_for_all();
  // Reading again comes to this again.
  if (commits_.has_failed() || retry_at_) return;
  try {
    int64_t oldest = consumer_->find({number}, Consumer::kOldest, kBrokerTimeout).at(number);
    int64_t end = consumer_->find({number}, Consumer::kEnd, kBrokerTimeout).at(number);
    std::string problem = positions_.place(number, oldest, end);
    if (!problem.empty()) set_error(std::move(problem));
  } catch (const BrokerError& error) {
    set_error(error.what());
    is_suspect_ = true;
    pause_reading(1s);
    return;
  }
  read_again();
}

void Connection::each_second() {
  auto now = clock_.steady_now();
  next_second_ = now + 1s;
  {
    std::lock_guard lock(mutex_);
    samples_.push_back({now, status_.rows});
    if (samples_.size() > kRateSamples) samples_.pop_front();
  }
  for (int32_t number : positions_.numbers()) {
    positions_.set_end(number, consumer_->end_offset(number));
    if (!retry_at_) positions_.set_polled_end(number, consumer_->polled_end(number));
  }
  if (is_suspect_) probe();
  if (!is_disconnected_) tell_offsets();
  if (retry_at_) return;
  for (const auto& [number, offset] : positions_.resume_held()) consumer_->resume(number, offset);
}

void Connection::tell_offsets() {
  Consumer::Offsets offsets = positions_.untold();
  if (offsets.empty()) return;
  consumer_->commit(offsets);
  positions_.set_told(offsets);
}

void Connection::probe() {
  try {
    // Why it does not was told by what made it suspect.
    is_suspect_ = is_disconnected_ = !consumer_->probe(1s);
  } catch (const BrokerError& error) {
    set_error(error.what());
    is_disconnected_ = true;
  }
  // A secret outside may have been renewed.
  if (is_disconnected_ && broker_access(definition_.settings, secrets_) != access_) {
    throw BrokerError("The connection is made anew with other credentials");
  }
}

Consumer::Offsets Connection::stored_offsets() const {
  Consumer::Offsets offsets;
  for (const store::Progress& progress : store_.progress(definition_.id)) {
    if (progress.stream == topic_) offsets[progress.partition] = progress.position;
  }
  return offsets;
}

bool Connection::is_stopping() const {
  std::lock_guard lock(mutex_);
  return is_stopping_;
}

void Connection::pause(milliseconds time) {
  std::unique_lock lock(mutex_);
  stop_came_.wait_for(lock, time, [this] { return is_stopping_; });
}

}  // namespace rivulet::sources
