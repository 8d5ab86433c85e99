#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// A load generator that shares the machine with the server: requests are made beforehand, one thread
// drives all connections, and of an answer only its status and its length are read.
namespace rivulet::bench {

struct Address {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
};

// An HTTP request ready to be sent.
std::string post(std::string_view target, std::string_view body);
// A query or command against the first database.
std::string query_request(std::string_view target, std::string_view text);

// One request at a time over one connection of its own. Throws std::runtime_error when the connection fails.
class Client {
 public:
  explicit Client(const Address& address);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The answer as it came, head and body.
  std::string ask(const std::string& request);
  // Throws when the status is not 200.
  std::string ask_successfully(const std::string& request);

 private:
  int socket_;
};

// Times in microseconds, counted in buckets that are at most 1.6 % wide.
class Histogram {
 public:
  void add(uint64_t microseconds);
  double percentile_ms(double share) const;

 private:
  static constexpr uint64_t kSteps = 64;  // to each power of two
  static uint64_t bucket_of(uint64_t microseconds);
  static uint64_t floor_of(uint64_t bucket);

  std::array<uint64_t, 40 * kSteps> counts_{};
  uint64_t total_ = 0;
};

struct Load {
  int connections = 64;
  double seconds = 5;
  // Requests a second, due at equal intervals whatever the answers do, and measured from when they were
  // due; 0: each connection sends its next request when it has the answer to the one before.
  double rate = 0;
  // Sends so many requests instead of stopping after `seconds`; 0: no limit.
  uint64_t requests = 0;
  // The request of a connection's n-th turn; valid until the next call for that connection.
  std::function<const std::string&(int connection, uint64_t turn)> make;
};

struct LoadResult {
  uint64_t requests = 0;
  uint64_t failures = 0;  // answers with another status than 200
  uint64_t bytes = 0;
  double seconds = 0;
  double generator_cpu_seconds = 0;
  Histogram latency;
  std::vector<double> longest_ms;  // of the answers that came in each second
};

// Runs the load on the calling thread and returns when every request has its answer.
LoadResult drive(const Address& address, const Load& load);

}  // namespace rivulet::bench
