#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/error.h"
#include "common/settings.h"
#include "server/http/origin_policy.h"
#include "server/http/request.h"
#include "server/http/target.h"

namespace rivulet::server {

enum class Endpoint {
  kNone,
  kIngest,
  kQueryV1,
  kQueryV2,
  kCommand,
  kMetadata,
  kHealth,
  kMetrics,
  kRoot,
  kPreflight
};

// What a request head asks for, found before its body is read.
struct Route {
  Endpoint endpoint = Endpoint::kNone;
  Target target{""};
  // Longest body that is accepted.
  uint64_t body_limit = 0;
  // Set when the request is refused whatever its body holds.
  std::optional<Error> refusal;
  // The Origin to allow in the answer, or empty.
  std::string cors_origin;
};

// Maps request heads to routes, and checks what a head tells: who asks (OriginPolicy, tokens), method and
// content type. Thread-safe.
class Router {
 public:
  explicit Router(const Settings& settings) : settings_(settings), origins_(settings) {}
  Route route(const Request& request) const;

 private:
  bool is_authenticated(const Request& request) const;

  const Settings& settings_;
  const OriginPolicy origins_;
};

}  // namespace rivulet::server
