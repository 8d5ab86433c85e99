#include "server/http/response.h"

#include <charconv>
#include <chrono>

#include <fmt/format.h>
#include <unistd.h>

#include "kusto/kusto_error.h"
#include "types/text.h"

namespace rivulet::server {
namespace {

void append_number(std::string& out, size_t value) {
  char digits[20];
  auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out.append(digits, end);
}

// "SEM0100" of "Semantic error: SEM0100: …", or empty.
std::string_view inner_code(std::string_view message) {
  for (std::string_view prefix : {"Semantic error: ", "Syntax error: "}) {
    if (!message.starts_with(prefix)) continue;
    std::string_view code = message.substr(prefix.size());
    code = code.substr(0, code.find(':'));
    if (code.size() == 7 && (code.starts_with("SEM") || code.starts_with("SYN"))) return code;
  }
  return {};
}

std::string_view general_message(int status) {
  switch (status) {
    case 400:
      return "Request is invalid and cannot be executed.";
    case 401:
      return "Request is not authenticated.";
    case 403:
      return "Principal is not authorized for this request.";
    case 404:
      return "The requested resource was not found.";
    case 405:
      return "The method is not allowed for this resource.";
    case 413:
      return "Request payload is too large.";
    case 415:
      return "The content type of the request is not supported.";
    case 429:
      return "Request was throttled; retry later.";
    case 501:
      return "The request asks for what is not implemented.";
    case 503:
      return "Service is not available at this time; retry later.";
    case 504:
      return "Request timed out.";
    default:
      return "An unexpected error occurred.";
  }
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += '"';
  out += name;
  out += "\":";
  append_json_string(out, text);
}

const std::string& host_name() {
  static const std::string name = [] {
    char buffer[256] = "rivulet";
    gethostname(buffer, sizeof(buffer) - 1);
    return std::string(buffer);
  }();
  return name;
}

}  // namespace

void append_unspecified_id(std::string& out) {
  out += "unspecified;";
  out += to_string(new_guid());
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Other";
  }
}

std::string http_date(Ticks now) {
  using namespace std::chrono;
  constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  sys_seconds time{seconds{(now - kUnixEpochTicks) / kTicksPerSecond}};
  sys_days day = floor<days>(time);
  year_month_day date{day};
  hh_mm_ss clock{time - day};
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[weekday{day}.c_encoding()],
                     static_cast<unsigned>(date.day()),
                     kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

const std::string& cached_http_date(Ticks now) {
  thread_local int64_t second = 0;
  thread_local std::string date;
  if (now / kTicksPerSecond != second) {
    second = now / kTicksPerSecond;
    date = http_date(now);
  }
  return date;
}

void append_head(std::string& out, const HeadOptions& options, const RequestIdentity& identity,
                 std::string_view date) {
  out += "HTTP/1.1 ";
  append_number(out, static_cast<size_t>(options.status));
  out += ' ';
  out += reason_phrase(options.status);
  if (!options.content_type.empty()) {
    out += "\r\nContent-Type: ";
    out += options.content_type;
  }
  if (options.is_gzip) out += "\r\nContent-Encoding: gzip\r\nVary: Accept-Encoding";
  if (options.is_chunked) {
    out += "\r\nTransfer-Encoding: chunked";
  } else if (!options.is_until_close && options.status != 204) {
    out += "\r\nContent-Length: ";
    append_number(out, options.content_length);
  }
  out += "\r\nDate: ";
  out += date;
  out += "\r\nx-ms-client-request-id: ";
  out += identity.client_request_id;
  out += "\r\nx-ms-activity-id: ";
  out += to_string(identity.activity_id);
  if (!options.keep_alive) {
    out += "\r\nConnection: close";
  } else if (options.is_http_1_0) {
    out += "\r\nConnection: keep-alive";
  }
  if (!options.cors_origin.empty()) {
    out += "\r\nAccess-Control-Allow-Origin: ";
    out += options.cors_origin;
    out +=
        "\r\nAccess-Control-Expose-Headers: x-ms-client-request-id, x-ms-activity-id\r\nVary: "
        "Origin";
  }
  out += "\r\n";
  out += options.headers;
  out += "\r\n";
}

void append_error_object(std::string& out, const Error& error, const RequestIdentity& identity,
                         Ticks now) {
  const KustoError told = kusto_error(error.kind());
  out += '{';
  append_member(out, "code", told.code);
  out += ',';
  append_member(out, "message", general_message(told.http_status));
  out += ',';
  append_member(out, "@type", told.type);
  out += ',';
  append_member(out, "@message", error.message());
  out += ",\"@context\":{\"timestamp\":\"";
  append_datetime(out, now);
  out += "\",\"serviceAlias\":\"RIVULET\",";
  append_member(out, "machineName", host_name());
  std::string activity = to_string(identity.activity_id);
  fmt::format_to(std::back_inserter(out),
                 ",\"processName\":\"rivulet\",\"processId\":{},\"threadId\":{},", getpid(),
                 gettid());
  append_member(out, "clientRequestId", identity.client_request_id);
  fmt::format_to(
      std::back_inserter(out),
      ",\"activityId\":\"{0}\",\"subActivityId\":\"{0}\",\"activityType\":\"RivuletRequest\","
      "\"parentActivityId\":\"{0}\",\"activityStack\":\"\"}},\"@permanent\":{1}",
      activity, error.is_permanent());
  if (std::string_view code = inner_code(error.message()); !code.empty()) {
    out += ",\"innererror\":{";
    append_member(out, "code", code);
    out += ',';
    append_member(out, "message", error.message());
    out += ',';
    append_member(out, "@type", told.type);
    out += ',';
    append_member(out, "@message", error.message());
    out += ",\"@permanent\":";
    out += error.is_permanent() ? "true" : "false";
    out += '}';
  }
  out += '}';
}

std::string error_body(const Error& error, const RequestIdentity& identity, Ticks now) {
  std::string out = "{\"error\":";
  append_error_object(out, error, identity, now);
  out += '}';
  return out;
}

Response error_response(const Error& error, const RequestIdentity& identity, Ticks now) {
  Response response;
  response.status = kusto_error(error.kind()).http_status;
  if (response.status == 401) response.headers = "WWW-Authenticate: Bearer\r\n";
  if (response.status == 429 || response.status == 503) response.headers = "Retry-After: 1\r\n";
  response.body = error_body(error, identity, now);
  return response;
}

}  // namespace rivulet::server
