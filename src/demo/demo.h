#pragma once

#include <string>

namespace rivulet::demo {

struct DemoArguments {
  std::string server = "http://127.0.0.1:8080";
  std::string database = "NetDefaultDB";
  std::string token;
  // "host:port" of a Kafka broker that the rows go through; empty: they are streamed to the server.
  std::string kafka;
  int seconds = 0;
  int report_seconds = 5;
};

// `rivulet demo`: streams this host's metrics until it is interrupted. 0, or 1 for an error.
int run_demo(const DemoArguments& arguments);

}  // namespace rivulet::demo
