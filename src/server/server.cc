#include "server/server.h"

#include <optional>
#include <thread>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "server/connection.h"
#include "server/ingest_endpoint.h"
#include "server/io_thread.h"
#include "server/query_endpoint.h"
#include "server/router.h"

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

Response preflight_response() {
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
  return response;
}

std::unique_ptr<asio::ssl::context> make_tls(const Settings& settings) {
  if (settings.tls_certificate.empty()) return nullptr;
  auto tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  tls->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                   asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                   asio::ssl::context::no_tlsv1_1);
  boost::system::error_code error;
  tls->use_certificate_chain_file(settings.tls_certificate, error);
  if (error) {
    throw SettingsError(
        fmt::format("tls_certificate: {}: {}", settings.tls_certificate, error.message()));
  }
  tls->use_private_key_file(settings.tls_key, asio::ssl::context::pem, error);
  if (error) throw SettingsError(fmt::format("tls_key: {}: {}", settings.tls_key, error.message()));
  return tls;
}

}  // namespace

struct Server::State {
  explicit State(Services given)
      : services(std::move(given)),
        router(services.settings),
        tls(make_tls(services.settings)),
        queries(services),
        ingestion(services),
        context{services.settings, router, services.metrics,
                [this](const ExchangePtr& e) { handle(e); }, tls.get()} {
    size_t count = services.settings.io_threads;
    if (count == 0) count = std::max(1u, std::thread::hardware_concurrency());
    for (size_t i = 0; i < count; ++i)
      threads.push_back(std::make_unique<IoThread>(services.clock));
    retry_timer.emplace(threads.front()->context());
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
        response.body =
            services.metrics.text(services.store.statistics(), services.data_connections.status());
        break;
      case Endpoint::kRoot:
        response.content_type = "text/plain; charset=utf-8";
        response.body = root_page(services);
        break;
      case Endpoint::kPreflight:
        response = preflight_response();
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
    if (error) throw SettingsError(fmt::format("listen: {}: {}", host, error.message()));
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
      if (error) continue;
      port = acceptor.local_endpoint().port();
      acceptors.push_back(std::make_unique<tcp::acceptor>(std::move(acceptor)));
    }
    if (acceptors.empty()) {
      throw SettingsError(fmt::format("listen: {}: {}", services.settings.listen, error.message()));
    }
  }

  void start() {
    for (auto& acceptor : acceptors) accept(*acceptor);
    for (auto& thread : threads) thread->start();
  }

  void accept(tcp::acceptor& acceptor) {
    IoThread& thread = *threads[next_thread++ % threads.size()];
    acceptor.async_accept(
        thread.context(),
        [this, &acceptor, &thread](boost::system::error_code error, tcp::socket socket) {
          if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
          if (error) {
            // Out of file descriptors, most likely: trying again at once would only burn time.
            spdlog::warn("cannot accept a connection: {}", error.message());
            retry_timer->expires_after(std::chrono::milliseconds(100));
            retry_timer->async_wait([this, &acceptor](boost::system::error_code timer_error) {
              if (!timer_error) accept(acceptor);
            });
            return;
          }
          if (context.connection_count >= static_cast<int64_t>(services.settings.max_connections)) {
            services.metrics.refused_connections.Increment();
            boost::system::error_code ignored;
            socket.close(ignored);
          } else {
            auto connection = std::make_shared<Connection>(thread, std::move(socket), context);
            asio::post(thread.context(), [connection] { connection->start(); });
          }
          accept(acceptor);
        });
  }

  void stop() {
    if (is_stopped) return;
    is_stopped = true;
    context.is_draining = true;
    asio::post(threads.front()->context(), [this] {
      boost::system::error_code ignored;
      for (auto& acceptor : acceptors) acceptor->close(ignored);
      retry_timer->cancel();
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
  std::optional<asio::steady_timer> retry_timer;  // runs on the first thread, which accepts
  std::vector<std::unique_ptr<tcp::acceptor>> acceptors;
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
