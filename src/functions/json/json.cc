#include "functions/json/json.h"

#include "types/text.h"

namespace rivulet::functions {

std::vector<std::string_view> json_elements(std::string_view array) {
  std::vector<std::string_view> elements;
  for_each_element(array, [&](std::string_view element) {
    elements.push_back(element);
    return true;
  });
  return elements;
}

std::vector<JsonMember> json_members(std::string_view object) {
  count_work(kJsonStepWork + object.size());
  return rivulet::json_members(object);
}

std::string_view json_member(std::string_view object, std::string_view key) {
  count_work(kJsonStepWork + object.size());
  return rivulet::json_member(object, key);
}

std::string_view json_element(std::string_view array, int64_t index) {
  count_work(kJsonStepWork + array.size());
  return rivulet::json_element(array, index);
}

std::optional<std::vector<std::string>> json_strings(std::string_view array) {
  count_work(kJsonStepWork + array.size());
  return rivulet::json_strings(array);
}

std::optional<Json> json_result(std::string_view value) {
  if (value.empty() || value == "null") return std::nullopt;
  return Json{std::string(value)};
}

void JsonArray::add_string(std::string_view text) {
  append_json_string(next(), text);
}

std::string& JsonObject::next(std::string_view key) {
  count_work(kJsonStepWork + key.size());
  check_text_size(text_.size());
  if (text_.size() > 1) text_ += ',';
  append_json_string(text_, key);
  text_ += ':';
  return text_;
}

void JsonObject::add_string(std::string_view key, std::string_view text) {
  append_json_string(next(key), text);
}

bool json_equal(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const JsonKind kind_a = json_kind(a);
  const JsonKind kind_b = json_kind(b);
  const bool number_a = kind_a == JsonKind::kLong || kind_a == JsonKind::kReal;
  const bool number_b = kind_b == JsonKind::kLong || kind_b == JsonKind::kReal;
  if (number_a && number_b) {
    if (kind_a == JsonKind::kLong && kind_b == JsonKind::kLong) return json_long(a) == json_long(b);
    return json_double(a) == json_double(b);
  }
  if (kind_a != kind_b) return false;
  if (kind_a == JsonKind::kString) return json_text(a) == json_text(b);
  return false;
}

}  // namespace rivulet::functions
