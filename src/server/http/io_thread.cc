#include "server/http/io_thread.h"

#include <boost/asio/post.hpp>

#include "server/http/connection.h"

namespace rivulet::server {

IoThread::IoThread(const Clock& clock)
    : clock_(clock), work_(context_.get_executor()), timer_(context_), now_(clock.steady_now()) {}

IoThread::~IoThread() {
  stop();
}

void IoThread::start() {
  tick();
  thread_ = std::thread([this] { context_.run(); });
}

void IoThread::stop() {
  if (!thread_.joinable()) return;
  boost::asio::post(context_, [this] {
    timer_.cancel();
    auto connections = std::move(connections_);
    for (auto& [raw, connection] : connections) connection->abandon();
    work_.reset();
    context_.stop();
  });
  thread_.join();
}

void IoThread::wake(std::shared_ptr<Connection> connection) {
  bool is_first = false;
  {
    std::lock_guard lock(wake_mutex_);
    is_first = woken_.empty();
    woken_.push_back(std::move(connection));
  }
  if (is_first) boost::asio::post(context_, [this] { drain_wakes(); });
}

void IoThread::drain_wakes() {
  {
    std::lock_guard lock(wake_mutex_);
    draining_.swap(woken_);
  }
  for (const auto& connection : draining_) connection->on_wake();
  draining_.clear();
}

void IoThread::add(const std::shared_ptr<Connection>& connection) {
  connections_.emplace(connection.get(), connection);
}

void IoThread::remove(Connection* connection) {
  connections_.erase(connection);
}

void IoThread::close_idle() {
  std::vector<std::shared_ptr<Connection>> all;
  for (auto& [raw, connection] : connections_) all.push_back(connection);
  for (auto& connection : all) connection->close_if_idle();
}

void IoThread::tick() {
  constexpr std::chrono::milliseconds kPeriod{250};
  now_ = clock_.steady_now();
  std::vector<std::shared_ptr<Connection>> late;
  for (auto& [raw, connection] : connections_) {
    if (connection->deadline() < now_) late.push_back(connection);
  }
  for (auto& connection : late) connection->on_deadline();
  timer_.expires_after(kPeriod);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

}  // namespace rivulet::server
