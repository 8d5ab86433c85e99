#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace rivulet::client {

// The server could not be reached, or did not speak HTTP. The message is a sentence for the user.
class ClientError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// A plain HTTP/1.1 client with one connection that it keeps open. Not thread-safe.
class HttpClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  // `url` is "http://host:port". Throws ClientError for anything else.
  explicit HttpClient(std::string_view url, std::string token = {});
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;

  // Connects when it has to, and once more when the server has closed the connection since the last
  // request. Throws ClientError.
  HttpAnswer get(std::string_view target);
  HttpAnswer post(std::string_view target, std::string_view body, const Headers& headers = {});

 private:
  struct State;
  HttpAnswer send(std::string_view method, std::string_view target, std::string_view body,
                  const Headers& headers);
  std::unique_ptr<State> state_;
};

std::string percent_encode(std::string_view text);
// "code: message" of a Kusto error body, or the start of what the body is.
std::string error_text(const HttpAnswer& answer);

}  // namespace rivulet::client
