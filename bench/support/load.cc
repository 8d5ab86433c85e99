#include "support/load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <stdexcept>

namespace rivulet::bench {
namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

int connect_to(const Address& address) {
  int descriptor = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
  if (connect(descriptor, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
    fail(fmt::format("cannot connect to {}:{}", address.host, address.port));
  }
  int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return descriptor;
}

// The length of the first answer in `text`, or 0 while it is not complete. Answers have a length or come
// in chunks.
size_t answer_length(std::string_view text) {
  size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return 0;
  std::string_view head = text.substr(0, head_end);
  constexpr std::string_view kLength = "Content-Length: ";
  size_t length = head.find(kLength);
  if (length != std::string_view::npos) {
    size_t total = head_end + 4 + std::strtoull(head.data() + length + kLength.size(), nullptr, 10);
    return text.size() >= total ? total : 0;
  }
  size_t last = text.find("\r\n0\r\n\r\n", head_end);
  return last == std::string_view::npos ? 0 : last + 7;
}

bool is_success(std::string_view answer) {
  return answer.substr(9, 3) == "200";
}

double thread_cpu_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

class Driver {
 public:
  Driver(const Address& address, const Load& load)
      : load_(load),
        lanes_(static_cast<size_t>(load.connections)),
        poll_(epoll_create1(0)),
        buffer_(1 << 20) {
    for (Lane& lane : lanes_) {
      lane.socket = connect_to(address);
      fcntl(lane.socket, F_SETFL, O_NONBLOCK);
      watch(lane, EPOLL_CTL_ADD);
    }
  }
  ~Driver() {
    for (Lane& lane : lanes_) close(lane.socket);
    close(poll_);
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  LoadResult run() {
    double cpu = thread_cpu_seconds();
    begin_ = Clock::now();
    end_ = begin_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(load_.seconds));
    if (load_.rate > 0) {
      run_at_rate();
    } else {
      run_in_turns();
    }
    result_.seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    result_.generator_cpu_seconds = thread_cpu_seconds() - cpu;
    return result_;
  }

 private:
  struct Lane {
    int socket = -1;
    uint64_t turn = 0;
    const std::string* request = nullptr;  // being answered, or null
    size_t sent = 0;
    std::string answer;  // the part that came before the rest
    Clock::time_point due;
    uint64_t waiting = 0;  // requests that are due and have to wait for the connection
    uint64_t due_count = 0;
    bool waits_for_room = false;
  };

  void run_in_turns() {
    for (Lane& lane : lanes_) begin_turn(lane);
    while (busy_ > 0) {
      wait(nullptr, [&](Lane& lane) { begin_turn(lane); });
    }
  }

  void begin_turn(Lane& lane) {
    Clock::time_point now = Clock::now();
    bool is_over = load_.requests > 0 ? begun_ >= load_.requests : now >= end_;
    if (!is_over) send(lane, now);
  }

  // Request k goes to connection k modulo their number and is due k / rate after the beginning.
  void run_at_rate() {
    // Between two looks at the schedule. A timer that fires sooner takes more of the processor than the requests
    // that it sends, on a virtual machine; while all connections wait for answers none is needed.
    constexpr timespec kPause{0, 1'000'000};
    uint64_t next = 0;
    auto due_time = [&](uint64_t number) {
      return begin_ + std::chrono::nanoseconds(
                          static_cast<int64_t>(static_cast<double>(number) / load_.rate * 1e9));
    };
    auto send_due = [&](Lane& lane) {
      if (lane.waiting == 0) return;
      --lane.waiting;
      auto index = static_cast<uint64_t>(&lane - lanes_.data());
      send(lane, due_time(lane.due_count++ * lanes_.size() + index));
    };
    for (;;) {
      Clock::time_point now = Clock::now();
      for (; due_time(next) <= now && due_time(next) < end_; ++next) {
        Lane& lane = lanes_[next % lanes_.size()];
        ++lane.waiting;
        if (lane.request == nullptr) send_due(lane);
      }
      if (now >= end_ && busy_ == 0) return;
      wait(busy_ < lanes_.size() ? &kPause : nullptr, send_due);
    }
  }

  void send(Lane& lane, Clock::time_point due) {
    lane.request = &load_.make(static_cast<int>(&lane - lanes_.data()), lane.turn++);
    lane.due = due;
    lane.sent = 0;
    ++busy_;
    ++begun_;
    push(lane);
  }

  void push(Lane& lane) {
    while (lane.sent < lane.request->size()) {
      ssize_t n =
          write(lane.socket, lane.request->data() + lane.sent, lane.request->size() - lane.sent);
      if (n < 0 && errno == EAGAIN) break;
      if (n <= 0) fail("the server closed a connection");
      lane.sent += static_cast<size_t>(n);
    }
    bool is_unfinished = lane.sent < lane.request->size();
    if (is_unfinished == lane.waits_for_room) return;
    lane.waits_for_room = is_unfinished;
    watch(lane, EPOLL_CTL_MOD);
  }

  void watch(Lane& lane, int operation) {
    epoll_event event{};
    event.events = EPOLLIN | (lane.waits_for_room ? EPOLLOUT : 0u);
    event.data.ptr = &lane;
    epoll_ctl(poll_, operation, lane.socket, &event);
  }

  // Waits for what comes next, without a pause for at most ten seconds; `answered` gets each connection
  // that has its answer.
  template <typename Answered>
  void wait(const timespec* pause, const Answered& answered) {
    constexpr timespec kPatience{10, 0};
    epoll_event events[256];
    int count = epoll_pwait2(poll_, events, 256, pause != nullptr ? pause : &kPatience, nullptr);
    if (count == 0 && pause == nullptr) fail("no answer for ten seconds");
    for (int i = 0; i < count; ++i) {
      Lane& lane = *static_cast<Lane*>(events[i].data.ptr);
      if ((events[i].events & EPOLLOUT) != 0 && lane.request != nullptr) push(lane);
      if ((events[i].events & EPOLLIN) != 0 && receive(lane)) answered(lane);
    }
  }

  // Whether the answer is complete.
  bool receive(Lane& lane) {
    ssize_t n = read(lane.socket, buffer_.data(), buffer_.size());
    if (n < 0 && errno == EAGAIN) return false;
    if (n <= 0 || lane.request == nullptr) fail("the server closed a connection");
    std::string_view answer(buffer_.data(), static_cast<size_t>(n));
    if (!lane.answer.empty()) answer = lane.answer.append(answer);
    if (answer_length(answer) == 0) {
      if (lane.answer.empty()) lane.answer = answer;
      return false;
    }
    Clock::time_point now = Clock::now();
    auto time = std::chrono::duration_cast<std::chrono::microseconds>(now - lane.due);
    result_.latency.add(static_cast<uint64_t>(std::max<int64_t>(time.count(), 0)));
    auto second =
        static_cast<size_t>(std::chrono::floor<std::chrono::seconds>(now - begin_).count());
    if (second >= result_.longest_ms.size()) result_.longest_ms.resize(second + 1);
    double& longest = result_.longest_ms[second];
    longest = std::max(longest, static_cast<double>(time.count()) / 1e3);
    ++result_.requests;
    result_.bytes += lane.request->size();
    if (!is_success(answer)) ++result_.failures;
    lane.answer.clear();
    lane.request = nullptr;
    --busy_;
    return true;
  }

  const Load& load_;
  std::vector<Lane> lanes_;
  int poll_;
  std::vector<char> buffer_;
  Clock::time_point begin_, end_;
  uint64_t busy_ = 0;
  uint64_t begun_ = 0;
  LoadResult result_;
};

}  // namespace

std::string post(std::string_view target, std::string_view body) {
  return fmt::format(
      "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n\r\n{}",
      target, body.size(), body);
}

std::string query_request(std::string_view target, std::string_view text) {
  return post(target, fmt::format(R"({{"db":"NetDefaultDB","csl":"{}"}})", text));
}

Client::Client(const Address& address) : socket_(connect_to(address)) {}

Client::~Client() {
  close(socket_);
}

std::string Client::ask(const std::string& request) {
  for (size_t sent = 0; sent < request.size();) {
    ssize_t n = write(socket_, request.data() + sent, request.size() - sent);
    if (n <= 0) fail("the server closed a connection");
    sent += static_cast<size_t>(n);
  }
  std::string answer;
  char buffer[65536];
  while (answer_length(answer) == 0) {
    ssize_t n = read(socket_, buffer, sizeof(buffer));
    if (n <= 0) fail("the server closed a connection");
    answer.append(buffer, static_cast<size_t>(n));
  }
  return answer;
}

std::string Client::ask_successfully(const std::string& request) {
  std::string answer = ask(request);
  if (!is_success(answer)) fail("refused: " + answer);
  return answer;
}

uint64_t Histogram::bucket_of(uint64_t microseconds) {
  if (microseconds < kSteps) return microseconds;
  auto shift = static_cast<uint64_t>(std::bit_width(microseconds)) - std::bit_width(kSteps);
  return (shift + 1) * kSteps + (microseconds >> shift) - kSteps;
}

uint64_t Histogram::floor_of(uint64_t bucket) {
  if (bucket < kSteps) return bucket;
  return (bucket % kSteps + kSteps) << (bucket / kSteps - 1);
}

void Histogram::add(uint64_t microseconds) {
  ++counts_[std::min<uint64_t>(bucket_of(microseconds), counts_.size() - 1)];
  ++total_;
}

double Histogram::percentile_ms(double share) const {
  if (total_ == 0) return 0;
  auto rank = static_cast<uint64_t>(share * static_cast<double>(total_ - 1));
  uint64_t bucket = 0;
  for (uint64_t seen = counts_[0]; seen <= rank; seen += counts_[bucket]) ++bucket;
  return static_cast<double>(floor_of(bucket)) / 1e3;
}

LoadResult drive(const Address& address, const Load& load) {
  return Driver(address, load).run();
}

}  // namespace rivulet::bench
