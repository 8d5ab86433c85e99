#include "server/server.h"

#include <sstream>
#include <system_error>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/http/connection.h"
#include "server/http/io_thread.h"
#include "server/http/router.h"
#include "server/http/tls.h"
#include "server/memory_use.h"
#include "server/rest/ingest_endpoint.h"
#include "server/rest/query_endpoint.h"

namespace rivulet::server {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// The whole document: some clients fail on less, others on an empty answer.
constexpr std::string_view kMetadata =
    R"({"AzureAD":{"LoginEndpoint":"https://login.microsoftonline.com","LoginMfaRequired":false,)"
    R"("KustoClientAppId":"db662dc1-0cfe-4e1c-a843-19a68e65be58","KustoClientRedirectUri":"http://localhost",)"
    R"("KustoServiceResourceId":"https://kusto.kusto.windows.net",)"
    R"("FirstPartyAuthorityUrl":"https://login.microsoftonline.com/f8cdef31-a31e-4b4a-93e4-5f571e91255a"},)"
    R"("dSTS":{}})";

std::string root_page(const Services& services) {
  auto statistics = services.store.statistics();
  return fmt::format(
      "Rivulet {}\n\n"
      "An analytics database that speaks the Azure Data Explorer (Kusto) API.\n"
      "Give this address to any Kusto client as its cluster.\n\n"
      "tables            {}\n"
      "rows in tails     {}\n"
      "rows in extents   {}\n"
      "log               {}\n\n"
      "/healthz          whether the server answers\n"
      "/metrics          metrics in Prometheus' format\n",
      RIVULET_VERSION, services.store.catalog()->table_count(), statistics.tail_rows,
      statistics.extent_rows, format_size(statistics.log_bytes));
}

// To a browser that asks, before it sends what a page of an allowed origin wants sent.
Response preflight_response(Exchange& exchange) {
  Response response;
  response.status = 204;
  response.content_type = "";
  response.headers =
      "Access-Control-Allow-Methods: GET, POST, OPTIONS\r\n"
      "Access-Control-Allow-Headers: authorization, content-type, content-encoding, accept, "
      "cache-control, "
      "x-ms-app, x-ms-user, x-ms-version, x-ms-client-version, x-ms-client-request-id, "
      "x-ms-activitycontext, "
      "x-ms-user-id\r\n"
      "Access-Control-Max-Age: 3600\r\n";
  if (!exchange.route().cors_origin.empty() &&
      exchange.request().header("Access-Control-Request-Private-Network") == "true") {
    response.headers += "Access-Control-Allow-Private-Network: true\r\n";
  }
  return response;
}

}  // namespace

struct Server::State {
  // An address that is listened on, served by the first thread.
  struct Listener {
    Listener(tcp::acceptor given, asio::steady_timer timer)
        : acceptor(std::move(given)), retry(std::move(timer)) {}
    tcp::acceptor acceptor;
    // Of a failed accept. Each has its own, or one would end the other's wait.
    asio::steady_timer retry;
    bool is_failing = false;
  };

  explicit State(Services given)
      : services(std::move(given)),
        router(services.settings),
        tls(make_tls_context(services.settings)),
        queries(services),
        ingestion(services),
        context{services.settings,
                services.memory.request_bytes,
                router,
                services.metrics,
                [this](const ExchangePtr& e) { handle(e); },
                tls.get()} {
    size_t count = services.settings.io_threads;
    if (count == 0) count = std::max(1u, std::thread::hardware_concurrency());
    try {
      for (size_t i = 0; i < count; ++i)
        threads.push_back(std::make_unique<IoThread>(services.clock));
    } catch (const std::system_error&) {
      too_many_threads();
    }
    listen();
  }

  void handle(const ExchangePtr& exchange) {
    Response response;
    switch (exchange->route().endpoint) {
      case Endpoint::kIngest:
        ingestion.handle(exchange);
        return;
      case Endpoint::kQueryV1:
      case Endpoint::kQueryV2:
      case Endpoint::kCommand:
        queries.handle(exchange);
        return;
      case Endpoint::kMetadata:
        response.body = kMetadata;
        break;
      case Endpoint::kHealth:
        response.content_type = "text/plain";
        response.body = "OK\n";
        break;
      case Endpoint::kMetrics:
        response.content_type = "text/plain; version=0.0.4";
        response.body = services.metrics.text(
            services.store.statistics(), services.data_connections.status(), memory_use(services));
        break;
      case Endpoint::kRoot:
        response.content_type = "text/plain; charset=utf-8";
        response.body = root_page(services);
        break;
      case Endpoint::kPreflight:
        response = preflight_response(*exchange);
        break;
      case Endpoint::kNone:
        break;
    }
    exchange->send(std::move(response));
  }

  void listen() {
    HostAndPort address = parse_address(services.settings.listen);
    asio::io_context& io = threads.front()->context();
    tcp::resolver resolver(io);
    boost::system::error_code error;
    std::string host = address.host.empty() ? "0.0.0.0" : address.host;
    auto found =
        resolver.resolve(host, std::to_string(address.port), tcp::resolver::passive, error);
    if (error) throw SettingsError(fmt::format("listen: the host '{}' is not known", host));
    port = address.port;
    for (const auto& entry : found) {
      tcp::endpoint endpoint = entry.endpoint();
      endpoint.port(port);  // with port 0, all addresses take the one that the first was given
      tcp::acceptor acceptor(io);
      acceptor.open(endpoint.protocol(), error);
      if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
      if (!error && endpoint.protocol() == tcp::v6())
        acceptor.set_option(asio::ip::v6_only(true), error);
      if (!error) acceptor.bind(endpoint, error);
      if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
      // A machine without IPv6 knows its addresses all the same. One that somebody else has is another
      // matter: who asks for the name would reach him.
      bool is_taken = error == asio::error::address_in_use && address.port != 0;
      if (is_taken || error == asio::error::access_denied) {
        std::ostringstream name;
        name << endpoint;
        throw SettingsError(fmt::format("listen: {}: {}", name.str(), error.message()));
      }
      if (error) continue;
      port = acceptor.local_endpoint().port();
      listeners.push_back(std::make_unique<Listener>(std::move(acceptor), asio::steady_timer(io)));
    }
    if (listeners.empty()) {
      throw SettingsError(fmt::format("listen: {}: {}", services.settings.listen, error.message()));
    }
  }

  void start() {
    for (auto& listener : listeners) accept(*listener);
    try {
      for (auto& thread : threads) thread->start();
    } catch (const std::system_error&) {
      too_many_threads();
    }
  }

  [[noreturn]] void too_many_threads() const {
    throw SettingsError("io_threads: the system does not allow so many threads here");
  }

  void accept(Listener& listener) {
    IoThread& thread = *threads[next_thread++ % threads.size()];
    listener.acceptor.async_accept(
        thread.context(),
        [this, &listener, &thread](boost::system::error_code error, tcp::socket socket) {
          if (error == asio::error::operation_aborted || !listener.acceptor.is_open()) return;
          if (error) {
            // Out of file descriptors, most likely: trying again at once would only burn time.
            if (!std::exchange(listener.is_failing, true)) {
              spdlog::warn("cannot accept connections, and tries again: {}", error.message());
            }
            listener.retry.expires_after(std::chrono::milliseconds(100));
            listener.retry.async_wait([this, &listener](boost::system::error_code timer_error) {
              if (!timer_error) accept(listener);
            });
            return;
          }
          listener.is_failing = false;
          if (context.connection_count >= static_cast<int64_t>(services.settings.max_connections)) {
            services.metrics.refused_connections.Increment();
            boost::system::error_code ignored;
            socket.close(ignored);
          } else {
            auto connection = std::make_shared<Connection>(thread, std::move(socket), context);
            asio::post(thread.context(), [connection] { connection->start(); });
          }
          accept(listener);
        });
  }

  void stop() {
    if (is_stopped) return;
    is_stopped = true;
    context.is_draining = true;
    asio::post(threads.front()->context(), [this] {
      boost::system::error_code ignored;
      for (auto& listener : listeners) {
        listener->acceptor.close(ignored);
        listener->retry.cancel();
      }
    });
    auto limit = std::chrono::steady_clock::now() + services.settings.shutdown_timeout;
    while (context.connection_count > 0 && std::chrono::steady_clock::now() < limit) {
      for (auto& thread : threads) {
        asio::post(thread->context(), [raw = thread.get()] { raw->close_idle(); });
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    for (auto& thread : threads) thread->stop();
    queries.stop();
    ingestion.stop();
  }

  Services services;
  Router router;
  std::unique_ptr<asio::ssl::context> tls;
  QueryEndpoint queries;
  IngestEndpoint ingestion;
  ConnectionContext context;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::vector<std::unique_ptr<Listener>> listeners;
  size_t next_thread = 0;
  uint16_t port = 0;
  bool is_stopped = false;
};

Server::Server(Services services) : state_(std::make_unique<State>(std::move(services))) {}

Server::~Server() {
  if (state_) state_->stop();
}

uint16_t Server::port() const {
  return state_->port;
}

std::string Server::url() const {
  std::string host = parse_address(state_->services.settings.listen).host;
  if (host.empty()) host = "0.0.0.0";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return fmt::format("{}://{}:{}", state_->tls ? "https" : "http", host, state_->port);
}

void Server::start() {
  state_->start();
}

void Server::stop() {
  state_->stop();
}

}  // namespace rivulet::server
