// The server under load, seen from outside: streaming ingestion of single rows and of 1 MB bodies, small
// queries while nothing and while rows flow, and whether a row is visible as soon as it is acknowledged.
// The disk's own sync rate is measured in the same run, to judge the rest by.
//
//   load_bench [--url URL | --server BINARY] [--connections 64] [--seconds 5] [--tables 100] [--data DIR]
//              [--only NAME]
//
// Without --url it starts build/rivulet with its data in a new folder under --data (default: here), and
// removes that at the end. Prints one JSON object.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string url;
  std::string server = "build/rivulet";
  std::string data = ".";
  std::string only;
  int connections = 64;
  int tables = 100;
  double seconds = 5;
};

struct Address {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
};

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what);
}

int connect_to(const Address& address) {
  int socket_fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  inet_pton(AF_INET, address.host.c_str(), &to.sin_addr);
  if (connect(socket_fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) fail("cannot connect");
  int on = 1;
  setsockopt(socket_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return socket_fd;
}

std::string post(std::string_view target, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: bench\r\nContent-Length: {}\r\n\r\n{}", target,
                     body.size(), body);
}

// The length of the first answer in `text`, or 0 while it is not complete. Answers have a length or come
// in chunks.
size_t answer_length(const std::string& text) {
  size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string::npos) return 0;
  std::string_view head = std::string_view(text).substr(0, head_end);
  constexpr std::string_view kLength = "Content-Length: ";
  size_t length = head.find(kLength);
  if (length != std::string_view::npos) {
    size_t total = head_end + 4 + std::strtoull(head.data() + length + kLength.size(), nullptr, 10);
    return text.size() >= total ? total : 0;
  }
  size_t last = text.find("\r\n0\r\n\r\n", head_end);
  return last == std::string::npos ? 0 : last + 7;
}

int status_of(const std::string& text) {
  return std::atoi(text.c_str() + 9);
}

// One request at a time over one connection.
class Client {
 public:
  explicit Client(const Address& address) : socket_(connect_to(address)) {}
  ~Client() { close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::string ask(const std::string& request) {
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

  std::string ask_successfully(const std::string& request) {
    std::string answer = ask(request);
    if (status_of(answer) != 200) fail("refused: " + answer);
    return answer;
  }

 private:
  int socket_;
};

std::string query_request(std::string_view target, std::string_view text) {
  return post(target, fmt::format(R"({{"db":"NetDefaultDB","csl":"{}"}})", text));
}

struct Result {
  uint64_t requests = 0;
  uint64_t failures = 0;
  uint64_t bytes = 0;
  uint64_t rows_per_request = 1;  // or queries
  double seconds = 0;
  std::vector<double> milliseconds;

  double percentile(double share) {
    if (milliseconds.empty()) return 0;
    auto at = milliseconds.begin() +
              static_cast<ptrdiff_t>(share * static_cast<double>(milliseconds.size() - 1));
    std::nth_element(milliseconds.begin(), at, milliseconds.end());
    return *at;
  }
  std::string json() {
    return fmt::format(
        R"({{"requests":{},"failures":{},"seconds":{:.2f},"requests_per_second":{:.0f},)"
        R"("rows_per_second":{:.0f},"megabytes_per_second":{:.2f},"p50_ms":{:.3f},"p99_ms":{:.3f},"max_ms":{:.3f}}})",
        requests, failures, seconds, static_cast<double>(requests) / seconds,
        static_cast<double>(requests * rows_per_request) / seconds,
        static_cast<double>(bytes) / 1e6 / seconds, percentile(0.5), percentile(0.99),
        percentile(1));
  }
};

// Every connection sends its next request as soon as it has the answer to the one before. `make` gives
// the request of a connection's n-th turn; it stays valid until the next call for that connection.
Result drive(const Address& address, int connections, double seconds,
             const std::function<const std::string&(int connection, uint64_t turn)>& make) {
  struct Lane {
    int socket = -1;
    uint64_t turn = 0;
    const std::string* request = nullptr;
    size_t sent = 0;
    std::string answer;
    Clock::time_point begun;
    bool is_waiting = false;
  };
  std::vector<Lane> lanes(static_cast<size_t>(connections));
  int poll = epoll_create1(0);
  Result result;
  auto begin = Clock::now();
  auto end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  int open = 0;

  auto push = [&](Lane& lane) {
    while (lane.sent < lane.request->size()) {
      ssize_t n =
          write(lane.socket, lane.request->data() + lane.sent, lane.request->size() - lane.sent);
      if (n < 0 && errno == EAGAIN) break;
      if (n <= 0) fail("the server closed a connection");
      lane.sent += static_cast<size_t>(n);
    }
    epoll_event event{};
    bool is_unfinished = lane.sent < lane.request->size();
    if (is_unfinished != lane.is_waiting) {
      lane.is_waiting = is_unfinished;
      event.events = EPOLLIN | (is_unfinished ? EPOLLOUT : 0u);
      event.data.ptr = &lane;
      epoll_ctl(poll, EPOLL_CTL_MOD, lane.socket, &event);
    }
  };
  auto next = [&](Lane& lane) {
    lane.begun = Clock::now();
    if (lane.begun >= end) {
      close(lane.socket);
      lane.socket = -1;
      --open;
      return;
    }
    lane.request = &make(static_cast<int>(&lane - lanes.data()), lane.turn++);
    lane.sent = 0;
    push(lane);
  };

  for (Lane& lane : lanes) {
    lane.socket = connect_to(address);
    fcntl(lane.socket, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = &lane;
    epoll_ctl(poll, EPOLL_CTL_ADD, lane.socket, &event);
    ++open;
  }
  for (Lane& lane : lanes) next(lane);
  char buffer[65536];
  while (open > 0) {
    epoll_event events[256];
    int count = epoll_wait(poll, events, 256, 5000);
    if (count == 0) fail("no answer for five seconds");
    for (int i = 0; i < count; ++i) {
      Lane& lane = *static_cast<Lane*>(events[i].data.ptr);
      if ((events[i].events & EPOLLOUT) != 0) push(lane);
      if ((events[i].events & EPOLLIN) == 0) continue;
      ssize_t n = read(lane.socket, buffer, sizeof(buffer));
      if (n < 0 && errno == EAGAIN) continue;
      if (n <= 0) fail("the server closed a connection");
      lane.answer.append(buffer, static_cast<size_t>(n));
      if (answer_length(lane.answer) == 0) continue;
      result.milliseconds.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - lane.begun).count());
      ++result.requests;
      result.bytes += lane.request->size();
      if (status_of(lane.answer) != 200) ++result.failures;
      lane.answer.clear();
      next(lane);
    }
  }
  close(poll);
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  return result;
}

// Syncs a second of a small overwrite in a file that is there in full, as the log's are.
double disk_syncs_per_second(const std::filesystem::path& folder) {
  std::filesystem::path file = folder / "sync_rate";
  int fd = open(file.c_str(), O_CREAT | O_RDWR, 0644);
  if (fd < 0) return 0;
  constexpr size_t kBlock = 16 << 10;
  constexpr size_t kBlocks = 256;
  std::string block(kBlock, 'x');
  for (size_t i = 0; i < kBlocks; ++i) {
    if (write(fd, block.data(), kBlock) < 0) fail("cannot write to " + file.string());
  }
  fsync(fd);
  auto begin = Clock::now();
  uint64_t count = 0;
  while (Clock::now() - begin < std::chrono::seconds(1)) {
    if (pwrite(fd, block.data(), kBlock, static_cast<off_t>(count % kBlocks * kBlock)) < 0) break;
    fdatasync(fd);
    ++count;
  }
  double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  close(fd);
  std::filesystem::remove(file);
  return static_cast<double>(count) / seconds;
}

std::string csv_row(uint64_t i) {
  return fmt::format("2026-01-01T{:02}:{:02}:{:02}.{:07}Z,device-{},{},{:.3f},state {}\n",
                     i / 3600 % 24, i / 60 % 60, i % 60, i % 10'000'000, i % 1000, i,
                     static_cast<double>(i) * 0.001, i % 7);
}

std::string json_row(uint64_t i) {
  return fmt::format(
      R"({{"Timestamp":"2026-01-01T{:02}:{:02}:{:02}Z","Device":"device-{}","Sequence":{},"Value":{:.3f},"State":"state {}"}})"
      "\n",
      i / 3600 % 24, i / 60 % 60, i % 60, i % 1000, i, static_cast<double>(i) * 0.001, i % 7);
}

std::string megabyte_of(const std::function<std::string(uint64_t)>& row) {
  std::string out;
  for (uint64_t i = 0; out.size() < 1'000'000; ++i) out += row(i);
  return out;
}

class Bench {
 public:
  Bench(const Options& options, const Address& address) : options_(options), address_(address) {}

  void create_tables() {
    Client client(address_);
    for (int i = 0; i < options_.tables; ++i) {
      client.ask_successfully(query_request(
          "/v1/rest/mgmt",
          fmt::format(
              ".create-merge table Load{} (Timestamp:datetime, Device:string, Sequence:long, "
              "Value:real, State:string)",
              i)));
    }
    client.ask_successfully(query_request("/v1/rest/mgmt", ".create-merge table Seen (Id:long)"));
  }

  Result single_rows(double seconds) {
    std::vector<std::string> requests;
    for (int i = 0; i < options_.tables * 10; ++i) {
      requests.push_back(post(
          fmt::format("/v1/rest/ingest/NetDefaultDB/Load{}?streamFormat=csv", i % options_.tables),
          csv_row(static_cast<uint64_t>(i))));
    }
    return drive(address_, options_.connections, seconds,
                 [&](int lane, uint64_t turn) -> const std::string& {
                   return requests[(static_cast<size_t>(lane) * 131 + turn) % requests.size()];
                 });
  }

  Result megabytes(std::string_view format, const std::string& body) {
    std::string request =
        post(fmt::format("/v1/rest/ingest/NetDefaultDB/Load0?streamFormat={}", format), body);
    Result result = drive(address_, 4, options_.seconds,
                          [&](int, uint64_t) -> const std::string& { return request; });
    result.rows_per_request = static_cast<uint64_t>(std::count(body.begin(), body.end(), '\n'));
    return result;
  }

  Result small_queries(int connections, double seconds) {
    std::string request = query_request(
        "/v2/rest/query", "Load1 | where Device == 'device-1' | summarize count(), max(Value)");
    return drive(address_, connections, seconds,
                 [&](int, uint64_t) -> const std::string& { return request; });
  }

  // A row is written over one connection and, once acknowledged, sought over another.
  std::string visibility() {
    Client writer(address_);
    Client reader(address_);
    uint64_t misses = 0;
    uint64_t rows = 0;
    auto end = Clock::now() + std::chrono::duration<double>(options_.seconds);
    int64_t base = std::chrono::system_clock::now().time_since_epoch().count();
    for (; Clock::now() < end; ++rows) {
      int64_t id = base + static_cast<int64_t>(rows);
      writer.ask_successfully(
          post("/v1/rest/ingest/NetDefaultDB/Seen?streamFormat=csv", fmt::format("{}\n", id)));
      std::string answer = reader.ask_successfully(
          query_request("/v2/rest/query", fmt::format("Seen | where Id == {} | count", id)));
      if (answer.find(R"("Rows":[[1]])") == std::string::npos) ++misses;
    }
    return fmt::format(R"({{"rows":{},"misses":{}}})", rows, misses);
  }

 private:
  const Options& options_;
  const Address& address_;
};

// The server that this run starts and ends.
class OwnServer {
 public:
  OwnServer(const std::string& binary, const std::filesystem::path& folder) : folder_(folder) {
    std::filesystem::create_directories(folder_);
    std::string port_file = folder_ / "port";
    process_ = fork();
    if (process_ == 0) {
      std::string data = folder_ / "data";
      int log = open((folder_ / "log").c_str(), O_CREAT | O_WRONLY, 0644);
      dup2(log, STDOUT_FILENO);
      dup2(log, STDERR_FILENO);
      execl(binary.c_str(), binary.c_str(), "serve", "--listen", "127.0.0.1:0", "--data",
            data.c_str(), "--port-file", port_file.c_str(), nullptr);
      _exit(127);
    }
    for (int i = 0; i < 300 && !std::filesystem::exists(port_file); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    std::ifstream(port_file) >> port_;
    if (port_ == 0) fail("the server did not start: " + binary);
  }
  ~OwnServer() {
    kill(process_, SIGTERM);
    waitpid(process_, nullptr, 0);
    std::filesystem::remove_all(folder_);
  }
  OwnServer(const OwnServer&) = delete;
  OwnServer& operator=(const OwnServer&) = delete;
  uint16_t port() const { return port_; }

 private:
  std::filesystem::path folder_;
  pid_t process_ = 0;
  uint16_t port_ = 0;
};

void run(const Options& options) {
  std::filesystem::path folder =
      std::filesystem::path(options.data) / fmt::format("load_bench.{}", getpid());
  std::unique_ptr<OwnServer> own;
  Address address;
  if (options.url.empty()) {
    own = std::make_unique<OwnServer>(options.server, folder);
    address.port = own->port();
  } else {
    std::string rest = options.url.substr(options.url.find("://") + 3);
    address.host = rest.substr(0, rest.find(':'));
    if (address.host == "localhost") address.host = "127.0.0.1";
    address.port = static_cast<uint16_t>(std::atoi(rest.substr(rest.find(':') + 1).c_str()));
  }
  Bench bench(options, address);
  bench.create_tables();
  auto wanted = [&](std::string_view name) { return options.only.empty() || options.only == name; };
  std::string out =
      fmt::format(R"({{"cores":{},"connections":{},"tables":{})",
                  std::thread::hardware_concurrency(), options.connections, options.tables);
  auto add = [&](std::string_view name, const std::string& value) {
    out += fmt::format(",\n \"{}\":{}", name, value);
  };
  add("disk_syncs_per_second", fmt::format("{:.0f}", disk_syncs_per_second(options.data)));
  if (wanted("single_rows")) {
    bench.single_rows(0.5);
    add("single_rows", bench.single_rows(options.seconds).json());
  }
  if (wanted("csv")) add("csv_megabytes", bench.megabytes("csv", megabyte_of(csv_row)).json());
  if (wanted("json")) add("json_megabytes", bench.megabytes("json", megabyte_of(json_row)).json());
  if (wanted("queries")) {
    add("small_queries", bench.small_queries(1, options.seconds).json());
    add("small_queries_8_connections", bench.small_queries(8, options.seconds).json());
  }
  if (wanted("mixed")) {
    Result queries;
    std::thread asker([&] { queries = bench.small_queries(1, options.seconds); });
    Result rows = bench.single_rows(options.seconds);
    asker.join();
    add("single_rows_beside_queries", rows.json());
    add("small_queries_beside_rows", queries.json());
  }
  if (wanted("visibility")) add("visible_when_acknowledged", bench.visibility());
  fmt::print("{}}}\n", out);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view flag = argv[i];
    const char* value = argv[i + 1];
    if (flag == "--url") {
      options.url = value;
    } else if (flag == "--server") {
      options.server = value;
    } else if (flag == "--data") {
      options.data = value;
    } else if (flag == "--only") {
      options.only = value;
    } else if (flag == "--connections") {
      options.connections = std::atoi(value);
    } else if (flag == "--tables") {
      options.tables = std::atoi(value);
    } else if (flag == "--seconds") {
      options.seconds = std::atof(value);
    } else {
      fmt::print(stderr, "unknown flag {}\n", flag);
      return 2;
    }
  }
  try {
    run(options);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "load_bench: {}\n", error.what());
    return 1;
  }
}
