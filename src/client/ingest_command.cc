#include "client/ingest_command.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <fmt/format.h>
#include <simdjson.h>
#include <unistd.h>

#include "client/http_client.h"
#include "client/record_splitter.h"
#include "common/settings.h"

namespace rivulet::client {
namespace {

// One line on a terminal that is rewritten as the work goes on; silent elsewhere.
class ProgressBar {
 public:
  explicit ProgressBar(uint64_t total) : total_(total), is_shown_(isatty(STDERR_FILENO) != 0) {}
  ~ProgressBar() {
    if (is_shown_ && is_drawn_) std::fputs("\r\033[K", stderr);
  }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void show(uint64_t done, uint64_t rows) {
    auto now = std::chrono::steady_clock::now();
    if (!is_shown_ || (is_drawn_ && now - drawn_ < std::chrono::milliseconds(100))) return;
    drawn_ = now;
    is_drawn_ = true;
    if (total_ == 0) {
      fmt::print(stderr, "\r\033[K{} rows", rows);
    } else {
      constexpr size_t kWidth = 40;
      size_t filled =
          static_cast<size_t>(static_cast<double>(done) / static_cast<double>(total_) * kWidth);
      fmt::print(stderr, "\r\033[K[{:#<{}}{:.<{}}] {:3}%  {} rows", "", filled, "", kWidth - filled,
                 done * 100 / total_, rows);
    }
    std::fflush(stderr);
  }

 private:
  uint64_t total_;  // 0: not known
  bool is_shown_;
  bool is_drawn_ = false;
  std::chrono::steady_clock::time_point drawn_;
};

class Ingestion {
 public:
  explicit Ingestion(const IngestArguments& arguments)
      : arguments_(arguments), client_(arguments.server, arguments.token) {
    target_ =
        fmt::format("/v1/rest/ingest/{}/{}?streamFormat={}", percent_encode(arguments.database),
                    percent_encode(arguments.table), percent_encode(arguments.format));
    if (!arguments.mapping.empty()) target_ += "&mappingName=" + percent_encode(arguments.mapping);
  }

  void send_file(const std::string& name) {
    std::ifstream file;
    uint64_t size = 0;
    if (name != "-") {
      file.open(name, std::ios::binary);
      if (!file) throw ClientError(fmt::format("{} cannot be read", name));
      std::error_code ignored;
      size = std::filesystem::file_size(name, ignored);
      if (ignored) size = 0;
    }
    std::istream& in = name == "-" ? std::cin : file;
    RecordSplitter::Shape shape = RecordSplitter::shape_of(arguments_.format);
    RecordSplitter splitter(shape);
    ProgressBar progress(size);
    std::string buffer;
    uint64_t offset = 0;
    bool is_end = false;
    while (!is_end) {
      size_t kept = buffer.size();
      buffer.resize(arguments_.request_size);
      in.read(buffer.data() + kept, static_cast<std::streamsize>(buffer.size() - kept));
      buffer.resize(kept + static_cast<size_t>(in.gcount()));
      is_end = in.eof() || in.peek() == std::istream::traits_type::eof();
      if (in.bad()) throw ClientError(fmt::format("{} cannot be read to its end", name));
      if (offset == 0 && shape == RecordSplitter::Shape::kJson) offset += open_array(buffer);
      size_t cut = splitter.last_cut(buffer, is_end);
      if (cut == 0 && !is_end) {
        throw ClientError(
            fmt::format("{}: no record ends within {} bytes after byte {}; see --request-size",
                        name, arguments_.request_size, offset));
      }
      send(name, offset, records_of(std::string_view(buffer).substr(0, cut), is_end));
      buffer.erase(0, cut);
      offset += cut;
      progress.show(offset, rows_);
    }
  }

  uint64_t rows() const { return rows_; }
  uint64_t requests() const { return requests_; }

 private:
  static constexpr const char* kBlanks = " \t\r\n";

  // A file that is one JSON array is sent as several: takes its opening bracket away.
  size_t open_array(std::string& text) {
    size_t first = text.find_first_not_of(kBlanks);
    is_array_ = first != std::string::npos && text[first] == '[';
    if (!is_array_) return 0;
    text.erase(0, first + 1);
    return first + 1;
  }

  std::string_view records_of(std::string_view text, bool is_end) {
    text.remove_prefix(
        std::min(text.find_first_not_of(is_array_ ? " \t\r\n," : kBlanks), text.size()));
    if (text.empty() || !is_array_) return text;
    text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
    if (is_end && text.ends_with(']')) text.remove_suffix(1);
    if (text.empty()) return text;
    array_ = fmt::format("[{}]", text);
    return array_;
  }

  void send(const std::string& name, uint64_t offset, std::string_view records) {
    if (records.empty()) return;
    HttpAnswer answer = client_.post(target_, records);
    if (answer.status != 200) {
      throw ClientError(fmt::format("{}: bytes {} to {}: {}", name, offset, offset + records.size(),
                                    error_text(answer)));
    }
    ++requests_;
    simdjson::dom::parser parser;
    int64_t count = 0;
    if (parser.parse(answer.body)["Tables"].at(0)["Rows"].at(0).at(0).get(count) ==
        simdjson::SUCCESS) {
      rows_ += static_cast<uint64_t>(count);
    }
  }

  const IngestArguments& arguments_;
  HttpClient client_;
  std::string target_;
  bool is_array_ = false;
  std::string array_;
  uint64_t rows_ = 0;
  uint64_t requests_ = 0;
};

}  // namespace

int run_ingest(const IngestArguments& arguments) {
  auto begin = std::chrono::steady_clock::now();
  try {
    Ingestion ingestion(arguments);
    for (const std::string& file : arguments.files) ingestion.send_file(file);
    std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    fmt::print("{} rows in {} requests, {:.1f} s, durable\n", ingestion.rows(),
               ingestion.requests(), seconds.count());
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "rivulet ingest: {}\n", error.what());
    return 1;
  }
}

}  // namespace rivulet::client
