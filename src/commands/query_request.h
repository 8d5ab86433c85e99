#pragma once

#include <string>

#include "commands/commands.h"

namespace rivulet::commands {

// A query on behalf of a command, with the options of the command's request.
inline query::QueryRequest query_request(const CommandRequest& request, std::string text) {
  query::QueryRequest query;
  query.text = std::move(text);
  query.database = request.database;
  query.now = request.now;
  query.parameters = request.parameters;
  query.properties = request.properties;
  query.timeout = request.timeout;
  query.max_timeout = request.max_timeout;
  query.max_records = request.max_records;
  query.max_bytes = request.max_bytes;
  query.client_activity_id = request.client_request_id;
  query.user = request.user;
  query.application = request.application;
  return query;
}

}  // namespace rivulet::commands
