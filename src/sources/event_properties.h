#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ingest/ingest.h"
#include "sources/event.h"

namespace rivulet::sources {

// The text that the value of an event property (a Kafka header) stands for. Event Hubs gives the properties that a
// producer set by AMQP or HTTPS as AMQP encodes them: strings, symbols and binary values are taken out of that.
// Anything else is the text itself.
std::string_view property_text(std::string_view value);

// What an event says itself of where and how it is to be ingested; empty: nothing. Texts of the event.
struct EventRoute {
  std::string_view database, table, format, mapping_name, compression, encoding, tags;
};
// By the names of the properties in any case. Serializers that write JSON put quotes around a text: they are taken
// off. Of a property that stands twice, the last counts.
EventRoute read_route(const Event& event);

// The tags of the property Tags: a JSON array of strings, whose quotes may be single ones. Throws bad_request.
std::vector<std::string> parse_tags(std::string_view text);

// Puts system properties of events into their bodies, as the service does: into the first object of JSON as
// properties, and at the beginning of a delimited record as fields.
class SystemProperties {
 public:
  // Names of known_system_properties().
  explicit SystemProperties(const std::vector<std::string>& names);

  // Delimited text with system properties must be a single record.
  static bool needs_single_record(ingest::Format format);
  // Whether there is anything to put into bodies of the format.
  bool is_embedded(ingest::Format format) const;
  // The body with them, held by `scratch`; or the body as it is when it has no record or cannot be parsed anyway.
  std::string_view embed(const Event& event, ingest::Format format, std::string_view body,
                         std::string& scratch) const;

 private:
  enum class Property {
    kEnqueuedTime,
    kSequenceNumber,
    kOffset,
    kPublisher,
    kPartitionKey,
    kKey,
    kPartition,
  };
  struct Named {
    std::string name;
    Property property;
  };
  // Appends the value and says whether it is a number; nothing when the event has none.
  static bool append_value(std::string& out, const Event& event, const Named& named);
  void append_json(std::string& out, const Event& event) const;
  void append_fields(std::string& out, const Event& event, ingest::Format format) const;

  std::vector<Named> properties_;
};

}  // namespace rivulet::sources
