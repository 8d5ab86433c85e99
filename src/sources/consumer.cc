#include "sources/consumer.h"

#include <algorithm>

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
#include <spdlog/spdlog.h>

#include "common/error.h"
#include "common/guid.h"
#include "sources/kafka_handle.h"

namespace rivulet::sources {
namespace {

using SteadyClock = std::chrono::steady_clock;
using Milliseconds = Consumer::Milliseconds;

// Messages are small next to what the library keeps beside each: this many of them count as a full queue, even if
// their bytes do not.
constexpr uint64_t kSmallestMessageBytes = 256;
constexpr Milliseconds kSeekTimeout{2'000};

using List = KafkaHandle<rd_kafka_topic_partition_list_t, rd_kafka_topic_partition_list_destroy>;

List make_list(size_t size) {
  return List(rd_kafka_topic_partition_list_new(static_cast<int>(size)));
}

List make_list(const std::string& topic, const std::vector<int32_t>& partitions, int64_t offset) {
  List list = make_list(partitions.size());
  for (int32_t partition : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  return list;
}

List make_list(const std::string& topic, const Consumer::Offsets& offsets) {
  List list = make_list(offsets.size());
  for (const auto& [partition, offset] : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = offset;
  }
  return list;
}

[[noreturn]] void fail(std::string_view what, rd_kafka_resp_err_t error) {
  throw BrokerError(fmt::format("{}: {}", what, rd_kafka_err2str(error)));
}

void check(std::string_view what, rd_kafka_resp_err_t error) {
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) fail(what, error);
}

// Takes over the error.
void check(std::string_view what, rd_kafka_error_t* error) {
  if (error == nullptr) return;
  std::string text = fmt::format("{}: {}", what, rd_kafka_error_string(error));
  rd_kafka_error_destroy(error);
  throw BrokerError(text);
}

// What the broker said of each.
Consumer::Offsets read_list(std::string_view what, const rd_kafka_topic_partition_list_t& list) {
  Consumer::Offsets offsets;
  for (int i = 0; i < list.cnt; ++i) {
    check(what, list.elems[i].err);
    if (list.elems[i].offset >= 0) offsets[list.elems[i].partition] = list.elems[i].offset;
  }
  return offsets;
}

// Of this process: tells its own members of a group from those of others with the same instance_id.
const std::string& client_id() {
  static const std::string id = "rivulet-" + to_string(new_guid());
  return id;
}

}  // namespace

struct Consumer::State {
  std::string log_name;
  std::string topic;
  std::string group;
  std::string instance_id;
  rd_kafka_t* client = nullptr;
  std::string broker_error;  // the last
  std::optional<Rebalance> rebalance;
  std::optional<Fault> fault;
  Offsets polled_ends;

  ~State() {
    if (client != nullptr) rd_kafka_destroy_flags(client, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }

  void set_fault(Fault next) {
    // What ends the consumer, or stops a partition, is not to be lost behind something smaller.
    if (fault && (fault->is_fatal || (fault->out_of_range && !next.is_fatal))) return;
    fault = std::move(next);
  }

  void read_fatal_error() {
    char text[512];
    rd_kafka_resp_err_t error = rd_kafka_fatal_error(client, text, sizeof text);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    set_fault({.text = text,
               .is_fatal = true,
               .is_fenced = error == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID});
  }

  static void on_log(const rd_kafka_t* client, int level, const char*, const char* text) {
    // What concerns the owner comes as a fault too; here it comes again with every attempt to connect.
    constexpr int kInfo = 6;  // of syslog
    auto to = level <= kInfo ? spdlog::level::debug : spdlog::level::trace;
    spdlog::log(to, "{}: {}", static_cast<const State*>(rd_kafka_opaque(client))->log_name, text);
  }

  static void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t error,
                           rd_kafka_topic_partition_list_t* partitions, void* opaque) {
    auto& state = *static_cast<State*>(opaque);
    Rebalance rebalance;
    rebalance.is_assignment = error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    rebalance.is_lost = rd_kafka_assignment_lost(client) != 0;
    for (int i = 0; i < partitions->cnt; ++i) {
      rebalance.partitions.push_back(partitions->elems[i].partition);
    }
    state.rebalance = std::move(rebalance);
    rd_kafka_yield(client);
  }

  static void on_error(rd_kafka_t* client, int error, const char* reason, void* opaque) {
    auto& state = *static_cast<State*>(opaque);
    auto code = static_cast<rd_kafka_resp_err_t>(error);
    // That all brokers are down is what other errors come to, and tells less.
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || state.broker_error.empty()) {
      state.broker_error = fmt::format("{} ({})", reason, rd_kafka_err2str(code));
    }
    state.set_fault({.text = state.broker_error});
    rd_kafka_yield(client);
  }

  static void on_commit(rd_kafka_t*, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t*,
                        void* opaque) {
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR || error == RD_KAFKA_RESP_ERR__NO_OFFSET) return;
    static_cast<State*>(opaque)->set_fault(
        {.text = fmt::format("The group's offsets could not be committed: {}",
                             rd_kafka_err2str(error))});
  }
};

void Consumer::DestroyMessage::operator()(rd_kafka_message_s* message) const {
  rd_kafka_message_destroy(message);
}

Consumer::Consumer(const ConsumerOptions& options) : state_(std::make_unique<State>()) {
  const BrokerAccess& access = options.access;
  state_->log_name = options.log_name;
  state_->topic = access.topic;
  state_->group = options.group;
  state_->instance_id = options.instance_id;

  KafkaHandle<rd_kafka_conf_t, rd_kafka_conf_destroy> conf(rd_kafka_conf_new());
  char message[512];
  auto set = [&](const char* name, const std::string& value) {
    if (rd_kafka_conf_set(conf.get(), name, value.c_str(), message, sizeof message) ==
        RD_KAFKA_CONF_OK) {
      return;
    }
    // The library's own message may contain the value.
    throw bad_request(fmt::format("The client library refuses the setting {}", name));
  };
  auto set_number = [&](const char* name, uint64_t value) { set(name, std::to_string(value)); };

  set("bootstrap.servers", access.brokers);
  set("client.id", client_id());
  set("security.protocol",
      access.security_protocol.empty() ? "plaintext" : access.security_protocol);
  if (!access.sasl_mechanism.empty()) {
    set("sasl.mechanisms", access.sasl_mechanism);
    set("sasl.username", access.username);
    set("sasl.password", access.password);
  }
  if (!access.ca_pem.empty()) set("ssl.ca.pem", access.ca_pem);

  set("group.id", options.group);
  if (!options.instance_id.empty()) set("group.instance.id", options.instance_id);
  set_number("session.timeout.ms", static_cast<uint64_t>(options.session_timeout.count()));
  set("enable.auto.commit", "false");
  set("enable.auto.offset.store", "false");
  // A position that the broker does not have is for the owner to judge.
  set("auto.offset.reset", "error");
  // Events of a producer's transaction that is aborted, or not ended, are nobody's.
  set("isolation.level", "read_committed");
  set("check.crcs", "true");
  set("enable.partition.eof", "true");

  set_number("queued.max.messages.kbytes", std::max<uint64_t>(options.queue_bytes >> 10, 1));
  set_number("queued.min.messages",
             std::clamp<uint64_t>(options.queue_bytes / kSmallestMessageBytes, 1, 10'000'000));
  // The library's own 50 MiB of one answer may be more than the queue.
  uint64_t fetch = std::clamp<uint64_t>(options.queue_bytes / 4, 1 << 20, 32 << 20);
  set_number("fetch.max.bytes", fetch);
  set_number("receive.message.max.bytes", fetch + (1 << 20));
  set_number("max.partition.fetch.bytes",
             std::clamp<uint64_t>(options.queue_bytes / 4, 64 << 10, 1 << 20));
  // An event is sent as soon as it is there; without one the broker answers after this time.
  set("fetch.min.bytes", "1");
  set("fetch.wait.max.ms", "500");
  set("fetch.error.backoff.ms", "100");

  // New partitions, and a topic that is made later, are seen after this time; and Azure ends connections that are idle
  // for longer than four minutes without a word.
  set("topic.metadata.refresh.interval.ms", "30000");
  set("connections.max.idle.ms", "180000");
  set("socket.keepalive.enable", "true");
  set("reconnect.backoff.max.ms", "5000");
  set("log.connection.close", "false");

  rd_kafka_conf_set_opaque(conf.get(), state_.get());
  rd_kafka_conf_set_rebalance_cb(conf.get(), State::on_rebalance);
  rd_kafka_conf_set_error_cb(conf.get(), State::on_error);
  rd_kafka_conf_set_offset_commit_cb(conf.get(), State::on_commit);
  rd_kafka_conf_set_log_cb(conf.get(), State::on_log);

  state_->client = rd_kafka_new(RD_KAFKA_CONSUMER, conf.get(), message, sizeof message);
  if (state_->client == nullptr) {
    throw bad_request(fmt::format("The client library refuses the settings: {}", message));
  }
  conf.release();
  check("The consumer group", rd_kafka_poll_set_consumer(state_->client));
  List topics = make_list(access.topic, {RD_KAFKA_PARTITION_UA}, RD_KAFKA_OFFSET_INVALID);
  check("The topic", rd_kafka_subscribe(state_->client, topics.get()));
}

Consumer::~Consumer() = default;

Consumer::Message Consumer::poll(Milliseconds timeout) {
  Message message(rd_kafka_consumer_poll(state_->client, static_cast<int>(timeout.count())));
  if (message == nullptr || message->err == RD_KAFKA_RESP_ERR_NO_ERROR) return message;
  if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    state_->polled_ends[message->partition] = message->offset;
    return nullptr;
  }
  // The library tells a consumer of such an error in no other way.
  if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
    state_->read_fatal_error();
    return nullptr;
  }
  Fault fault;
  fault.text = rd_kafka_message_errstr(message.get());
  if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
      message->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
    fault.out_of_range = message->partition;
  }
  state_->set_fault(std::move(fault));
  return nullptr;
}

std::optional<Consumer::Rebalance> Consumer::take_rebalance() {
  return std::exchange(state_->rebalance, std::nullopt);
}

std::optional<Consumer::Fault> Consumer::take_fault() {
  return std::exchange(state_->fault, std::nullopt);
}

void Consumer::assign(const Offsets& offsets) {
  state_->polled_ends.clear();
  List list = make_list(state_->topic, offsets);
  check("The partitions could not be assigned", rd_kafka_assign(state_->client, list.get()));
  check("The partitions could not be resumed",
        rd_kafka_resume_partitions(state_->client, list.get()));
}

void Consumer::unassign() {
  check("The partitions could not be given up", rd_kafka_assign(state_->client, nullptr));
}

void Consumer::pause(const std::vector<int32_t>& partitions) {
  List list = make_list(state_->topic, partitions, RD_KAFKA_OFFSET_INVALID);
  check("The partitions could not be paused",
        rd_kafka_pause_partitions(state_->client, list.get()));
}

void Consumer::resume(int32_t partition, int64_t offset) {
  state_->polled_ends.erase(partition);
  List list = make_list(state_->topic, Offsets{{partition, offset}});
  check("The partition could not be resumed",
        rd_kafka_resume_partitions(state_->client, list.get()));
  // Afterwards, as resuming alone goes on behind the last event that was polled.
  list->elems[0].offset = offset;
  check(
      "The partition could not be read again",
      rd_kafka_seek_partitions(state_->client, list.get(), static_cast<int>(kSeekTimeout.count())));
  check("The partition could not be read again", list->elems[0].err);
}

Consumer::Offsets Consumer::committed(const std::vector<int32_t>& partitions,
                                      Milliseconds timeout) {
  constexpr std::string_view kWhat = "The group's offsets could not be read";
  List list = make_list(state_->topic, partitions, RD_KAFKA_OFFSET_INVALID);
  check(kWhat, rd_kafka_committed(state_->client, list.get(), static_cast<int>(timeout.count())));
  return read_list(kWhat, *list);
}

Consumer::Offsets Consumer::find(const std::vector<int32_t>& partitions, int64_t time,
                                 Milliseconds timeout) {
  constexpr std::string_view kWhat = "The offsets of the partitions could not be read";
  List list = make_list(state_->topic, partitions, time);
  check(kWhat,
        rd_kafka_offsets_for_times(state_->client, list.get(), static_cast<int>(timeout.count())));
  return read_list(kWhat, *list);
}

bool Consumer::probe(Milliseconds timeout) {
  KafkaHandle<rd_kafka_topic_t, rd_kafka_topic_destroy> topic(
      rd_kafka_topic_new(state_->client, state_->topic.c_str(), nullptr));
  const rd_kafka_metadata_t* metadata = nullptr;
  if (rd_kafka_metadata(state_->client, 0, topic.get(), &metadata,
                        static_cast<int>(timeout.count())) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return false;
  }
  rd_kafka_resp_err_t error =
      metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
  rd_kafka_metadata_destroy(metadata);
  check(fmt::format("The topic '{}'", state_->topic), error);
  return true;
}

bool Consumer::is_replaced(Milliseconds timeout) {
  KafkaHandle<rd_kafka_queue_t, rd_kafka_queue_destroy> queue(rd_kafka_queue_new(state_->client));
  const char* group = state_->group.c_str();
  rd_kafka_DescribeConsumerGroups(state_->client, &group, 1, nullptr, queue.get());
  KafkaHandle<rd_kafka_event_t, rd_kafka_event_destroy> answer(
      rd_kafka_queue_poll(queue.get(), static_cast<int>(timeout.count())));
  if (answer == nullptr) return true;
  rd_kafka_resp_err_t error = rd_kafka_event_error(answer.get());
  if (error == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE) return false;
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return true;
  size_t count = 0;
  const auto** groups = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(answer.get()), &count);
  if (count != 1 || rd_kafka_ConsumerGroupDescription_error(groups[0]) != nullptr) return true;
  for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(groups[0]); ++i) {
    const auto* member = rd_kafka_ConsumerGroupDescription_member(groups[0], i);
    const char* name = rd_kafka_MemberDescription_group_instance_id(member);
    if (name != nullptr && name == state_->instance_id &&
        rd_kafka_MemberDescription_client_id(member) != client_id()) {
      return true;
    }
  }
  return false;
}

void Consumer::commit(const Offsets& offsets) {
  List list = make_list(state_->topic, offsets);
  rd_kafka_resp_err_t error = rd_kafka_commit(state_->client, list.get(), 1);
  State::on_commit(state_->client, error, nullptr, state_.get());
}

bool Consumer::commit_and_wait(const Offsets& offsets, Milliseconds timeout) {
  if (offsets.empty()) return true;
  List list = make_list(state_->topic, offsets);
  KafkaHandle<rd_kafka_queue_t, rd_kafka_queue_destroy> queue(rd_kafka_queue_new(state_->client));
  if (rd_kafka_commit_queue(state_->client, list.get(), queue.get(), nullptr, nullptr) !=
      RD_KAFKA_RESP_ERR_NO_ERROR) {
    return false;
  }
  KafkaHandle<rd_kafka_event_t, rd_kafka_event_destroy> event(
      rd_kafka_queue_poll(queue.get(), static_cast<int>(timeout.count())));
  return event != nullptr && rd_kafka_event_error(event.get()) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

void Consumer::leave(Milliseconds timeout) {
  auto deadline = SteadyClock::now() + timeout;
  rd_kafka_unsubscribe(state_->client);
  // A static member stays in the group when it is closed, but not when it unsubscribes; the library forgets its
  // member id as it sends that.
  auto is_member = [&] {
    std::unique_ptr<char, void (*)(char*)> id(rd_kafka_memberid(state_->client),
                                              [](char* text) { rd_kafka_mem_free(nullptr, text); });
    return id != nullptr && *id != '\0';
  };
  while (is_member() && SteadyClock::now() < deadline) {
    poll(Milliseconds(10));
    if (take_rebalance()) rd_kafka_assign(state_->client, nullptr);
  }
  KafkaHandle<rd_kafka_queue_t, rd_kafka_queue_destroy> queue(rd_kafka_queue_new(state_->client));
  if (rd_kafka_error_t* error = rd_kafka_consumer_close_queue(state_->client, queue.get())) {
    rd_kafka_error_destroy(error);
    return;
  }
  while (rd_kafka_consumer_closed(state_->client) == 0 && SteadyClock::now() < deadline) {
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue.get(), 10);
    if (event == nullptr) continue;
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
      rd_kafka_assign(state_->client, nullptr);
    }
    rd_kafka_event_destroy(event);
  }
}

int64_t Consumer::end_offset(int32_t partition) const {
  int64_t low = -1, high = -1;
  rd_kafka_get_watermark_offsets(state_->client, state_->topic.c_str(), partition, &low, &high);
  return std::max<int64_t>(high, -1);
}

int64_t Consumer::polled_end(int32_t partition) const {
  auto found = state_->polled_ends.find(partition);
  return found == state_->polled_ends.end() ? -1 : found->second;
}

void read_event(const rd_kafka_message_s& message, Event& event) {
  event.partition = message.partition;
  event.offset = message.offset;
  rd_kafka_timestamp_type_t type;
  int64_t timestamp = rd_kafka_message_timestamp(&message, &type);
  event.enqueued = timestamp < 0 ? 0 : kUnixEpochTicks + timestamp * kTicksPerMillisecond;
  event.key = {static_cast<const char*>(message.key), message.key == nullptr ? 0 : message.key_len};
  event.body = {static_cast<const char*>(message.payload),
                message.payload == nullptr ? 0 : message.len};
  event.properties.clear();
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(&message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
  const char* name;
  const void* value;
  size_t size;
  for (size_t i = 0;
       rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
       ++i) {
    event.properties.push_back(
        {name, {static_cast<const char*>(value), value == nullptr ? 0 : size}});
  }
}

}  // namespace rivulet::sources
