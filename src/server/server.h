#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/services.h"

namespace rivulet::server {

// The HTTP server: listens, and answers Kusto's REST routes with the services it is given.
class Server {
 public:
  // Binds the address of the settings, so that port() and url() are known. Throws SettingsError when the
  // address, the certificate or the key cannot be used.
  explicit Server(Services services);
  // As stop() with no time.
  ~Server();

  // The port that it listens on.
  uint16_t port() const;
  // "http://127.0.0.1:8080".
  std::string url() const;

  // Begins to accept connections.
  void start();
  // Accepts no more connections, lets requests under way end for at most the time of the settings, and
  // closes everything.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rivulet::server
