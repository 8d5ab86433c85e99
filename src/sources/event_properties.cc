#include "sources/event_properties.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "common/error.h"
#include "types/json.h"
#include "types/text.h"
#include "types/text_scanner.h"

namespace rivulet::sources {
namespace {

using ingest::Format;
using ingest::is_json;

// The constructor bytes of AMQP 1.0 for values of a variable size. No UTF-8 text begins with one of them.
constexpr unsigned char kBinary8 = 0xa0, kString8 = 0xa1, kSymbol8 = 0xa3;
constexpr unsigned char kBinary32 = 0xb0, kString32 = 0xb1, kSymbol32 = 0xb3;

std::string_view without_quotes(std::string_view text) {
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return text;
  return text.substr(1, text.size() - 2);
}

std::string_view find_property(const Event& event, std::string_view name) {
  for (const Event::Property& property : event.properties) {
    if (text::equals_ignoring_case(property.name, name)) return property_text(property.value);
  }
  return {};
}

// Where the text of the first record begins: after a byte order mark and what stands before every record.
size_t first_record(std::string_view body, Format format) {
  size_t at = body.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  if (!is_json(format)) {
    while (at < body.size() &&
           (body[at] == '\n' || (body[at] == '\r' && body.substr(at + 1, 1) == "\n"))) {
      ++at;
    }
    return at;
  }
  while (at < body.size() && text::is_blank(body[at])) ++at;
  if (format == Format::kMultiJson && at < body.size() && body[at] == '[') ++at;
  while (at < body.size() && text::is_blank(body[at])) ++at;
  return at;
}

void append_field(std::string& out, std::string_view text, Format format) {
  if (format == Format::kTsve) {
    for (char c : text) {
      if (c == '\t' || c == '\n' || c == '\r' || c == '\\') out += '\\';
      out += c == '\t' ? 't' : c == '\n' ? 'n' : c == '\r' ? 'r' : c;
    }
    return;
  }
  out += '"';
  for (char c : text) {
    if (c == '"') out += c;
    out += c;
  }
  out += '"';
}

}  // namespace

std::string_view property_text(std::string_view value) {
  auto byte = [&](size_t at) { return static_cast<unsigned char>(value[at]); };
  if (value.empty() || byte(0) < 0x80) return value;
  size_t head = 0;
  switch (byte(0)) {
    case kBinary8:
    case kString8:
    case kSymbol8:
      head = 2;
      break;
    case kBinary32:
    case kString32:
    case kSymbol32:
      head = 5;
      break;
    default:
      return value;
  }
  if (value.size() < head) return value;
  size_t size = 0;
  for (size_t at = 1; at < head; ++at) size = size << 8 | byte(at);
  return size == value.size() - head ? value.substr(head) : value;
}

EventRoute read_route(const Event& event) {
  static constexpr std::array<std::pair<std::string_view, std::string_view EventRoute::*>, 7>
      kNames = {{{"Table", &EventRoute::table},
                 {"Database", &EventRoute::database},
                 {"Format", &EventRoute::format},
                 {"IngestionMappingReference", &EventRoute::mapping_name},
                 {"Compression", &EventRoute::compression},
                 {"Encoding", &EventRoute::encoding},
                 {"Tags", &EventRoute::tags}}};
  EventRoute route;
  for (const Event::Property& property : event.properties) {
    for (const auto& [name, member] : kNames) {
      if (text::equals_ignoring_case(property.name, name)) {
        route.*member = without_quotes(property_text(property.value));
      }
    }
  }
  return route;
}

std::vector<std::string> parse_tags(std::string_view text) {
  std::string json(text::trim(text));
  if (json.empty()) return {};
  if (json.find('"') == std::string::npos) std::ranges::replace(json, '\'', '"');
  std::optional<std::string> read = read_json(json);
  auto tags = read ? json_strings(*read) : std::nullopt;
  if (!tags) {
    throw bad_request(fmt::format(
        "The event property Tags must be a JSON array of strings, and is {}", text.substr(0, 100)));
  }
  return *std::move(tags);
}

SystemProperties::SystemProperties(const std::vector<std::string>& names) {
  static constexpr std::array<std::pair<std::string_view, Property>, 8> kNames = {
      {{"x-opt-enqueued-time", Property::kEnqueuedTime},
       {"x-opt-sequence-number", Property::kSequenceNumber},
       {"x-opt-offset", Property::kOffset},
       {"x-opt-publisher", Property::kPublisher},
       {"x-opt-partition-key", Property::kPartitionKey},
       {"kafka-key", Property::kKey},
       {"kafka-partition", Property::kPartition},
       {"kafka-timestamp", Property::kEnqueuedTime}}};
  for (const std::string& name : names) {
    for (const auto& [known, property] : kNames) {
      if (name == known) properties_.push_back({name, property});
    }
  }
}

bool SystemProperties::needs_single_record(Format format) {
  return !is_json(format);
}

bool SystemProperties::is_embedded(Format format) const {
  return !properties_.empty() && format != Format::kTxt && format != Format::kRaw;
}

bool SystemProperties::append_value(std::string& out, const Event& event, const Named& named) {
  switch (named.property) {
    case Property::kEnqueuedTime:
      if (event.enqueued >= 0 && event.enqueued <= kMaxDateTimeTicks) {
        append_datetime(out, event.enqueued);
      }
      return false;
    case Property::kSequenceNumber:
    case Property::kOffset:
      fmt::format_to(std::back_inserter(out), "{}", event.offset);
      return named.property == Property::kSequenceNumber;
    case Property::kPartition:
      fmt::format_to(std::back_inserter(out), "{}", event.partition);
      return true;
    case Property::kPublisher:
      out += find_property(event, named.name);
      return false;
    case Property::kPartitionKey: {
      std::string_view key = find_property(event, named.name);
      out += key.empty() ? event.key : key;
      return false;
    }
    case Property::kKey:
      out += event.key;
      return false;
  }
  return false;
}

void SystemProperties::append_json(std::string& out, const Event& event) const {
  thread_local std::string value;
  bool is_first = true;
  for (const Named& named : properties_) {
    value.clear();
    bool is_number = append_value(value, event, named);
    if (value.empty()) continue;
    if (!is_first) out += ',';
    is_first = false;
    append_json_string(out, named.name);
    out += ':';
    if (is_number) {
      out += value;
    } else {
      append_json_string(out, value);
    }
  }
}

void SystemProperties::append_fields(std::string& out, const Event& event, Format format) const {
  thread_local std::string value;
  for (const Named& named : properties_) {
    value.clear();
    append_value(value, event, named);
    append_field(out, value, format);
    out += ingest::delimiter(format);
  }
}

std::string_view SystemProperties::embed(const Event& event, Format format, std::string_view body,
                                         std::string& scratch) const {
  size_t at = first_record(body, format);
  // The byte order marks of UTF-16 are refused where they stand.
  if (at == body.size() || body.starts_with("\xFF\xFE") || body.starts_with("\xFE\xFF"))
    return body;
  scratch.clear();
  if (!is_json(format)) {
    append_fields(scratch, event, format);
    scratch += body.substr(at);
    return scratch;
  }
  if (body[at] != '{') return body;
  scratch += body.substr(0, at + 1);
  append_json(scratch, event);
  std::string_view rest = body.substr(at + 1);
  bool has_properties = !text::trim(rest).starts_with('}');
  if (has_properties && scratch.back() != '{') scratch += ',';
  scratch += rest;
  return scratch;
}

}  // namespace rivulet::sources
