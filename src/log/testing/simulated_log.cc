#include "log/testing/simulated_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/error.h"

namespace rivulet::log {
namespace {

constexpr std::string_view kDeposed =
    "Another server has taken the log over: this one writes no more. Retry there.";

Outcome refused(std::string_view why) {
  return {.kind = Outcome::Kind::kRefused,
          .error = std::make_exception_ptr(unavailable(std::string(why)))};
}

Outcome unknown() {
  return {.kind = Outcome::Kind::kUnknown,
          .error = std::make_exception_ptr(unavailable(
              "The log has not answered: whether the request was stored is not known. Retry it, "
              "with the same Idempotency-Key if it had one."))};
}

}  // namespace

SimulatedTopic::SimulatedTopic(uint64_t seed, const SimulatedFaults& faults)
    : random_(seed), faults_(faults) {}

void SimulatedTopic::set_faults(const SimulatedFaults& faults) {
  std::lock_guard lock(mutex_);
  faults_ = faults;
}

SimulatedTopic::Voids SimulatedTopic::voids() const {
  std::lock_guard lock(mutex_);
  return voids_;
}

bool SimulatedTopic::step() {
  std::vector<Answer> answers;
  {
    std::lock_guard lock(mutex_);
    std::vector<Writer*> waiting;
    for (const auto& writer : writers_) {
      if (!writer->in_flight.empty()) waiting.push_back(writer.get());
    }
    if (network_.empty() && waiting.empty()) return false;
    Writer* writer = waiting.empty() ? nullptr : waiting[random_() % waiting.size()];
    if (writer == nullptr || (!network_.empty() && chance(600))) {
      deliver();
    } else if (chance(faults_.given_up)) {
      answers = give_up(*writer);
    } else if (writer->in_flight.front().first != 0) {
      Writer::Group& group = writer->in_flight.front();
      answers.emplace_back(std::move(group.done),
                           Outcome{.kind = Outcome::Kind::kStored, .first = group.first});
      writer->in_flight.pop_front();
    } else if (is_deposed(*writer)) {
      answers = give_up(*writer);
    } else {
      // What is not on its way was lost, or was overtaken.
      for (const Writer::Group& group : writer->in_flight) {
        if (!is_under_way(group.message)) send(group.message);
      }
      if (!network_.empty()) deliver();
    }
  }
  for (auto& [done, outcome] : answers) done(outcome);
  return true;
}

std::vector<SimulatedTopic::Answer> SimulatedTopic::give_up(Writer& writer) {
  writer.is_unknown = true;
  std::vector<Answer> answers;
  for (Writer::Group& group : std::exchange(writer.in_flight, {})) {
    // What has not counted before the epoch of another one never will.
    bool is_void = is_deposed(writer) && group.first == 0;
    answers.emplace_back(std::move(group.done), is_void ? refused(kDeposed) : unknown());
  }
  return answers;
}

bool SimulatedTopic::is_under_way(const Message& message) const {
  return std::any_of(network_.begin(), network_.end(), [&](const Message& other) {
    return other.epoch == message.epoch && other.number == message.number;
  });
}

void SimulatedTopic::send(const Message& message) {
  if (chance(faults_.lost)) return;
  network_.push_back(message);
  if (chance(faults_.doubled)) network_.push_back(message);
}

void SimulatedTopic::deliver() {
  size_t next = chance(faults_.late) ? random_() % network_.size() : 0;
  Message message = std::move(network_[next]);
  network_.erase(network_.begin() + static_cast<ptrdiff_t>(next));
  take(message);
}

void SimulatedTopic::take(const Message& message) {
  if (chance(faults_.gap)) next_ += 1 + random_() % 3;
  Position first = next_;
  next_ += message.records->size();
  if (message.epoch != epoch_) {
    ++voids_.deposed;
  } else if (message.number < expected_number_) {
    ++voids_.repeated;
  } else if (message.number > expected_number_) {
    ++voids_.overtaking;
  } else {
    ++expected_number_;
    ++groups_;
    records_ += message.records->size();
    stored_.push_back({first, message.epoch, message.records});
    for (const auto& writer : writers_) {
      if (writer->epoch != message.epoch) continue;
      for (Writer::Group& group : writer->in_flight) {
        if (group.message.number == message.number) group.first = first;
      }
    }
  }
}

SimulatedLog::SimulatedLog(std::shared_ptr<SimulatedTopic> topic)
    : topic_(std::move(topic)), writer_(std::make_shared<SimulatedTopic::Writer>()) {
  std::lock_guard lock(topic_->mutex_);
  topic_->writers_.push_back(writer_);
}

SimulatedLog::~SimulatedLog() {
  std::lock_guard lock(topic_->mutex_);
  std::erase(topic_->writers_, writer_);
}

TailResult SimulatedLog::tail(Position from, const Visitor& visitor) {
  std::deque<SimulatedTopic::Stored> stored;
  TailResult result;
  {
    std::lock_guard lock(topic_->mutex_);
    if (from < topic_->first_kept_) {
      throw internal_error(fmt::format("Records {} to {} are not in the log any more", from,
                                       topic_->first_kept_ - 1));
    }
    stored = topic_->stored_;
    result.next = std::max(from, topic_->next_);
  }
  for (const SimulatedTopic::Stored& group : stored) {
    for (size_t i = 0; i < group.records->size(); ++i) {
      const std::string& payload = (*group.records)[i];
      if (group.first + i < from) continue;
      visitor({group.first + i, group.epoch, payload});
      ++result.records;
      result.bytes += payload.size();
    }
  }
  return result;
}

void SimulatedLog::open() {
  std::lock_guard lock(topic_->mutex_);
  SimulatedTopic& topic = *topic_;
  // What was sent before may arrive before this, or after it.
  while (!topic.network_.empty() && topic.chance(500)) topic.deliver();
  if (writer_->epoch != 0 && topic.is_deposed(*writer_)) throw unavailable(std::string(kDeposed));
  if (topic.chance(topic.faults_.refused)) {
    throw unavailable("The log cannot be had now. Retry later.");
  }
  writer_->epoch = ++topic.epoch_;
  writer_->next_number = topic.expected_number_ = 0;
  writer_->is_unknown = false;
  ++topic.next_;
}

void SimulatedLog::submit(std::span<const Record> records, Done done) {
  Outcome outcome;
  {
    std::lock_guard lock(topic_->mutex_);
    if (topic_->is_deposed(*writer_) && writer_->in_flight.empty()) {
      outcome = refused(kDeposed);
    } else if (writer_->is_unknown) {
      outcome = refused("What became of the group before is not known yet. Retry later.");
    } else if (writer_->in_flight.empty() && topic_->chance(topic_->faults_.refused)) {
      outcome = refused("The log takes nothing now. Retry later.");
    } else {
      auto payloads = std::make_shared<std::vector<std::string>>();
      for (Record record : records) {
        std::string& payload = payloads->emplace_back();
        for (std::string_view piece : record) payload += piece;
      }
      SimulatedTopic::Message message{writer_->epoch, writer_->next_number++, std::move(payloads)};
      topic_->send(message);
      writer_->in_flight.push_back({std::move(message), 0, std::move(done)});
      return;
    }
  }
  done(outcome);
}

void SimulatedLog::truncate(Position before) {
  std::lock_guard lock(topic_->mutex_);
  SimulatedTopic& topic = *topic_;
  if (topic.is_keeping_all_ || topic.is_deposed(*writer_)) return;
  topic.first_kept_ = std::max(topic.first_kept_, std::min(before, topic.next_));
  while (!topic.stored_.empty() &&
         topic.stored_.front().first + topic.stored_.front().records->size() <= before) {
    topic.stored_.pop_front();
  }
}

LogStatistics SimulatedLog::statistics() const {
  std::lock_guard lock(topic_->mutex_);
  LogStatistics result{.records = topic_->records_, .syncs = topic_->groups_, .segments = 1};
  for (const SimulatedTopic::Stored& group : topic_->stored_) {
    for (const std::string& payload : *group.records) result.bytes += payload.size();
  }
  return result;
}

}  // namespace rivulet::log
