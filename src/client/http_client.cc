#include "client/http_client.h"

#include <fmt/format.h>
#include <simdjson.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

namespace rivulet::client {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;

struct HttpClient::State {
  std::string host;
  std::string port;
  std::string authority;  // as the Host header has it
  std::string token;
  asio::io_context io;
  tcp::socket socket{io};
  boost::beast::flat_buffer buffer;
};

HttpClient::HttpClient(std::string_view url, std::string token)
    : state_(std::make_unique<State>()) {
  std::string_view rest = url;
  constexpr std::string_view kScheme = "http://";
  if (!rest.starts_with(kScheme)) {
    throw ClientError(fmt::format("'{}' is not an address of the form http://host:port", url));
  }
  rest.remove_prefix(kScheme.size());
  rest = rest.substr(0, rest.find('/'));
  size_t colon = rest.rfind(':');
  bool has_port =
      colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos;
  state_->host = rest.substr(0, has_port ? colon : rest.size());
  state_->port = has_port ? rest.substr(colon + 1) : "80";
  state_->authority = rest;
  if (state_->host.starts_with('[') && state_->host.ends_with(']')) {
    state_->host = state_->host.substr(1, state_->host.size() - 2);
  }
  state_->token = std::move(token);
}

HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;

HttpAnswer HttpClient::get(std::string_view target) {
  return send("GET", target, {}, {});
}

HttpAnswer HttpClient::post(std::string_view target, std::string_view body,
                            const Headers& headers) {
  return send("POST", target, body, headers);
}

HttpAnswer HttpClient::send(std::string_view method, std::string_view target, std::string_view body,
                            const Headers& headers) {
  State& state = *state_;
  std::string head = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", method,
                                 target, state.authority, body.size());
  if (!state.token.empty()) head += fmt::format("Authorization: Bearer {}\r\n", state.token);
  for (const auto& [name, value] : headers) head += fmt::format("{}: {}\r\n", name, value);
  head += "\r\n";
  for (bool is_reused = state.socket.is_open();; is_reused = false) {
    try {
      if (!state.socket.is_open()) {
        tcp::resolver resolver(state.io);
        asio::connect(state.socket, resolver.resolve(state.host, state.port));
        state.socket.set_option(tcp::no_delay(true));
        state.buffer.clear();
      }
      std::array<asio::const_buffer, 2> message = {asio::buffer(head), asio::buffer(body)};
      asio::write(state.socket, message);
      http::response_parser<http::string_body> parser;
      parser.body_limit(boost::none);
      http::read(state.socket, state.buffer, parser);
      if (!parser.get().keep_alive()) state.socket.close();
      return {static_cast<int>(parser.get().result_int()), std::move(parser.get().body())};
    } catch (const boost::system::system_error& error) {
      boost::system::error_code ignored;
      state.socket.close(ignored);
      // A server may close a connection that waits; only then is the request sent a second time.
      if (is_reused && error.code() == http::error::end_of_stream) continue;
      throw ClientError(
          fmt::format("http://{}:{}: {}", state.host, state.port, error.code().message()));
    }
  }
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (unsigned char c : text) {
    if (std::isalnum(c) || c == '-' || c == '_' || c == '.' || c == '~') {
      out += static_cast<char>(c);
    } else {
      out += fmt::format("%{:02X}", c);
    }
  }
  return out;
}

std::string error_text(const HttpAnswer& answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  std::string_view code;
  std::string_view message;
  if (parser.parse(answer.body).get(root) == simdjson::SUCCESS &&
      root["error"]["code"].get(code) == simdjson::SUCCESS &&
      (root["error"]["@message"].get(message) == simdjson::SUCCESS ||
       root["error"]["message"].get(message) == simdjson::SUCCESS)) {
    return fmt::format("{}: {}", code, message);
  }
  return fmt::format("HTTP status {}: {}", answer.status,
                     std::string_view(answer.body).substr(0, 500));
}

}  // namespace rivulet::client
