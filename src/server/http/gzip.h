#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace rivulet::server {

// Makes one gzip stream of pieces. Not thread-safe.
class GzipEncoder {
 public:
  GzipEncoder();
  ~GzipEncoder();
  // Appends to `out` what is ready; with `is_last` the rest. A piece is not flushed: some of it may
  // come out with later ones.
  void encode(std::string_view piece, bool is_last, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string gzip(std::string_view text);

}  // namespace rivulet::server
