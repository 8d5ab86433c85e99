#pragma once

#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "common/clock.h"

namespace rivulet::server {

class Connection;

// One thread that runs the reactor of its share of the connections. A connection is touched by its
// thread only, so connections need no locks; other threads reach one through wake().
class IoThread {
 public:
  explicit IoThread(const Clock& clock);
  ~IoThread();

  void start();
  // Closes every connection and ends the thread.
  void stop();

  boost::asio::io_context& context() { return context_; }
  const Clock& clock() const { return clock_; }

  // Has the connection's on_wake() called on this thread, soon. Wake-ups that come together cost one.
  // From any thread.
  void wake(std::shared_ptr<Connection> connection);

  // On this thread only, from here on.
  void add(const std::shared_ptr<Connection>& connection);
  void remove(Connection* connection);
  // Closes the connections that wait for a request; the others close after their answer.
  void close_idle();
  // Coarse: good for deadlines of seconds.
  std::chrono::steady_clock::time_point now() const { return now_; }

 private:
  void drain_wakes();
  void tick();

  const Clock& clock_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer timer_;
  std::thread thread_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_;
  std::chrono::steady_clock::time_point now_;

  std::mutex wake_mutex_;
  std::vector<std::shared_ptr<Connection>> woken_;  // guarded by wake_mutex_
  std::vector<std::shared_ptr<Connection>> draining_;
};

}  // namespace rivulet::server
