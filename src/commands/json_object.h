#pragma once

#include <string>
#include <string_view>

#include "types/text.h"

namespace rivulet::commands {

// "name":value pairs of a JSON object, in the order in which they are given.
class JsonObject {
 public:
  void text(std::string_view key, std::string_view value) {
    start(key);
    append_json_string(json_, value);
  }
  // `value` is JSON.
  void raw(std::string_view key, std::string_view value) {
    start(key);
    json_ += value;
  }
  std::string end() const { return json_ + "}"; }

 private:
  void start(std::string_view key) {
    if (json_.size() > 1) json_ += ',';
    append_json_string(json_, key);
    json_ += ':';
  }
  std::string json_ = "{";
};

}  // namespace rivulet::commands
