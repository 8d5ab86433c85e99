#include "client/query_command.h"

#include <cstdio>
#include <iostream>
#include <iterator>

#include <fmt/format.h>

#include "client/http_client.h"
#include "client/result_printer.h"
#include "commands/commands.h"
#include "types/text.h"

namespace rivulet::client {
namespace {

std::string request_body(const std::string& database, const std::string& text) {
  std::string body = "{\"db\":";
  append_json_string(body, database);
  body += ",\"csl\":";
  append_json_string(body, text);
  body += '}';
  return body;
}

}  // namespace

int run_query(const QueryArguments& arguments) {
  try {
    std::string text = arguments.text;
    if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
    HttpClient client(arguments.server, arguments.token);
    HttpAnswer answer =
        client.post(commands::is_command(text) ? "/v1/rest/mgmt" : "/v2/rest/query",
                    request_body(arguments.database, text), {{"Content-Type", "application/json"}});
    if (answer.status != 200) {
      fmt::print(stderr, "{}\n", error_text(answer));
      return 1;
    }
    Answer parsed(answer.body);
    bool is_first = true;
    for (const Answer::Table& table : parsed.results()) {
      if (!is_first) std::fputc('\n', stdout);
      is_first = false;
      std::string out = arguments.format == "json"  ? as_json_lines(table)
                        : arguments.format == "csv" ? as_csv(table)
                                                    : as_text_table(table);
      std::fwrite(out.data(), 1, out.size(), stdout);
    }
    if (!parsed.error().empty()) {
      std::fflush(stdout);
      fmt::print(stderr, "The result is not complete: {}\n", parsed.error());
      return 1;
    }
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rivulet query: {}\n", error.what());
    return 1;
  }
}

}  // namespace rivulet::client
