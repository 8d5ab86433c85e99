#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace rivulet::client {

struct IngestArguments {
  std::string server = "http://127.0.0.1:8080";
  std::string database = "NetDefaultDB";
  std::string table;
  std::string format = "csv";
  std::string mapping;
  std::string token;
  uint64_t request_size = 1 << 20;
  std::vector<std::string> files;
};

// `rivulet ingest`: streams files into a table. 0, or 1 when a request failed.
int run_ingest(const IngestArguments& arguments);

}  // namespace rivulet::client
