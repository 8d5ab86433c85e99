#include "log/local_log.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "common/error.h"
#include "common/guid.h"
#include "log/segment_reader.h"

namespace rivulet::log {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetryInterval = 100ms;
constexpr std::string_view kSpareSuffix = ".tmp";

[[noreturn]] void throw_damaged(const std::filesystem::path& path, uint64_t offset,
                                const std::string& what) {
  throw internal_error(fmt::format(
      "The log is damaged: {} at offset {} of {}. Nothing was changed; restore the file, or the "
      "whole data directory, from a backup.",
      what, offset, path.string()));
}

}  // namespace

LocalLog::LocalLog(const LocalLogOptions& options, FileSystem& files, const Clock& clock)
    : options_(options), files_(files), clock_(clock) {
  options_.segment_bytes = std::max<uint64_t>(options.segment_bytes / kPageBytes, 2) * kPageBytes;
  files_.create_directories(options_.directory);
}

LocalLog::~LocalLog() = default;

ReplayResult LocalLog::replay(Position from, const Visitor& visitor) {
  std::map<uint64_t, std::unique_ptr<SegmentReader>> chain, aside;
  std::vector<std::string> spares;
  for (const std::string& name : files_.list(options_.directory)) {
    if (name.ends_with(kSpareSuffix)) spares.push_back(name);
    std::optional<uint64_t> number = parse_segment_name(name);
    if (!number) continue;
    auto reader = std::make_unique<SegmentReader>(files_, options_.directory / name, *number);
    (reader->header() ? chain : aside).emplace(*number, std::move(reader));
    next_segment_ = *number + 1;
  }

  ReplayResult result;
  if (chain.empty()) {
    for (auto& [number, reader] : aside) {
      if (reader->has_content()) {
        throw_damaged(reader->path(), 0, "the header of the only segment is not valid");
      }
    }
    if (from > 1) {
      throw internal_error(
          fmt::format("The log is missing: {} holds no segment, though there is a checkpoint up to "
                      "position {}. Nothing was changed.",
                      options_.directory.string(), from - 1));
    }
    Guid random = new_guid();
    log_id_ = random.hi ^ random.lo;
    next_position_ = 1;
    must_roll_ = true;
  } else {
    log_id_ = chain.begin()->second->header()->log_id;
    for (auto& [number, reader] : chain) {
      if (reader->header()->log_id != log_id_) {
        throw_damaged(reader->path(), 0, "a segment of another log");
      }
    }
    // Segments that end at or before `from` are not needed.
    auto first = chain.begin();
    for (auto next = std::next(first);
         next != chain.end() && next->second->header()->first_position <= from; ++next) {
      first = next;
    }
    if (first->second->header()->first_position > from) {
      throw_damaged(first->second->path(), 0,
                    fmt::format("records {} to {} are missing before the segment that begins", from,
                                first->second->header()->first_position - 1));
    }
    for (auto segment = first; segment != chain.end(); ++segment) {
      SegmentReader& reader = *segment->second;
      auto next = std::next(segment);
      bool is_last = next == chain.end();
      Position position = reader.header()->first_position;
      Position end_position = is_last ? ~Position{0} : next->second->header()->first_position;
      uint64_t offset = kPageBytes;
      while (position < end_position) {
        auto found = reader.read(offset, position, log_id_);
        if (!found) break;
        if (position >= from) {
          visitor(position, found->payload);
          ++result.records;
          result.bytes += found->payload.size();
        }
        ++position;
        offset = found->end;
      }
      live_.push_back({segment->first, reader.header()->first_position, offset});
      next_position_ = position;
      if (!is_last) {
        // A position before `from` is in the checkpoint: what is missing there is not missed.
        if (position < end_position && end_position > from) {
          throw_damaged(reader.path(), offset, fmt::format("record {} is not valid", position));
        }
        continue;
      }
      bool is_torn = reader.is_torn_record(offset);
      if (auto later = reader.find_later(offset, log_id_)) {
        if (later->header.group_offset > offset) {
          throw_damaged(reader.path(), offset,
                        fmt::format("record {} is not valid, but a later one, at offset {}, is",
                                    position, later->offset));
        }
        is_torn = true;
        must_roll_ = true;
      }
      if (is_torn) {
        result.was_cut = true;
        result.cut_message = fmt::format(
            "The log ended in a record that was not written whole (never acknowledged): "
            "cut at offset {} of {}",
            offset, reader.path().string());
      }
    }
    if (next_position_ < from) {
      next_position_ = from;
      must_roll_ = true;
    }
  }

  for (auto& [number, reader] : aside) {
    auto later = reader->find_later(kPageBytes, log_id_);
    if (later && later->header.position >= next_position_) {
      throw_damaged(reader->path(), 0, "a header is not valid, but the segment holds records");
    }
  }

  // From here on files may change.
  for (const std::string& name : spares) files_.remove(options_.directory / name);
  for (auto& [number, reader] : aside) free_.push_back(segment_name(number));
  for (auto& [number, reader] : chain) {
    if (live_.empty() || number < live_.front().number) free_.push_back(segment_name(number));
  }
  if (!must_roll_) {
    const Segment& last = live_.back();
    std::filesystem::path path = options_.directory / segment_name(last.number);
    std::vector<std::byte> page(last.bytes % kPageBytes);
    files_.open(path, FileSystem::Mode::kRead)->read(last.bytes - page.size(), page);
    writer_ = std::make_unique<SegmentWriter>(
        files_.open(path, FileSystem::Mode::kDirect),
        SegmentHeader{last.number, last.first_position, log_id_}, last.bytes, page);
  }
  remove_surplus_files();
  preparer_ = std::jthread([this](const std::stop_token& stop) { prepare_segments(stop); });
  return result;
}

void LocalLog::append(std::span<const Record> records) {
  if (records.empty()) return;
  if (is_failed_) reestablish();

  uint64_t bytes = 0;
  for (Record record : records) {
    uint64_t length = 0;
    for (std::string_view piece : record) length += piece.size();
    bytes += record_bytes(length);
  }
  // A group larger than a segment gets one of its own, which grows for it.
  if (must_roll_ ||
      (writer_->end() + bytes > options_.segment_bytes && writer_->end() > kPageBytes)) {
    if (clock_.steady_now() < next_attempt_) throw unavailable(failure_);
    try {
      open_segment();
    } catch (const std::exception& error) {
      next_attempt_ = clock_.steady_now() + kRetryInterval;
      failure_ = fmt::format("The log cannot grow: {}. Retry later.", error.what());
      throw unavailable(failure_);
    }
  }

  try {
    writer_->write_group(next_position_, records);
  } catch (const std::exception& error) {
    is_failed_ = true;
    failure_ = fmt::format("The log could not be written: {}. Retry later.", error.what());
    next_attempt_ = clock_.steady_now();
    spdlog::error("{} Commits are refused until the log is established again.", failure_);
    throw unavailable(failure_);
  }
  next_position_ += records.size();

  std::lock_guard lock(mutex_);
  live_.back().bytes = writer_->end();
  statistics_.records += records.size();
  ++statistics_.syncs;
  if (!wants_spare_ && free_.empty() && writer_->end() > options_.segment_bytes / 2) {
    wants_spare_ = true;
    wake_.notify_one();
  }
}

void LocalLog::reestablish() {
  if (clock_.steady_now() < next_attempt_) throw unavailable(failure_);
  // A segment without a single acknowledged record may be used again at once; under a new number its
  // content means nothing. It matters when the disk is full.
  if (writer_ && writer_->header().first_position == next_position_) {
    std::string name = segment_name(writer_->header().segment);
    writer_.reset();
    {
      std::lock_guard lock(mutex_);
      live_.pop_back();
    }
    give_back_file(std::move(name));
  }
  try {
    open_segment();
  } catch (const std::exception& error) {
    next_attempt_ = clock_.steady_now() + kRetryInterval;
    failure_ =
        fmt::format("The log could not be established again: {}. Retry later.", error.what());
    throw unavailable(failure_);
  }
  is_failed_ = false;
  spdlog::info("The log is established again, in segment {}", writer_->header().segment);
}

void LocalLog::open_segment() {
  std::string name = take_free_file();
  try {
    if (name.empty()) name = create_file(next_segment_ == 1 ? Filling::kZeros : Filling::kNone);
    SegmentHeader header{next_segment_, next_position_, log_id_};
    std::string new_name = segment_name(header.segment);
    // From here on the new header may be on the disk, and voids whatever the current segment would get.
    must_roll_ = true;
    files_.rename(options_.directory / name, options_.directory / new_name);
    name = new_name;
    ++next_segment_;
    std::unique_ptr<File> file = files_.open(options_.directory / name, FileSystem::Mode::kDirect);
    uint64_t size = file->size();
    if (size > options_.segment_bytes) file->truncate(options_.segment_bytes);
    Page page;
    encode_segment_header(header, page.bytes);
    file->write(0, page.bytes);
    file->sync();
    files_.sync_directory(options_.directory);
    auto writer = std::make_unique<SegmentWriter>(std::move(file), header, kPageBytes,
                                                  std::span<const std::byte>());
    std::lock_guard lock(mutex_);
    live_.push_back({header.segment, header.first_position, kPageBytes});
    writer_ = std::move(writer);
    must_roll_ = false;
  } catch (...) {
    if (!name.empty()) give_back_file(std::move(name));
    throw;
  }
}

std::string LocalLog::create_file(Filling filling) {
  std::string name;
  {
    std::lock_guard lock(mutex_);
    name = fmt::format("{}{}", next_spare_++, kSpareSuffix);
  }
  std::filesystem::path path = options_.directory / name;
  if (files_.free_bytes(options_.directory) < options_.segment_bytes) {
    throw IoError(path, "create", ENOSPC);
  }
  try {
    files_.open(path, FileSystem::Mode::kCreate);
    if (filling == Filling::kNone) return name;
    std::unique_ptr<File> file = files_.open(path, FileSystem::Mode::kDirect);
    constexpr uint64_t kZerosBytes = 1 << 20;
    std::vector<Page> pages(kZerosBytes / kPageBytes);
    std::span<const std::byte> zeros(pages.front().bytes, kZerosBytes);
    for (uint64_t offset = 0; offset < options_.segment_bytes;) {
      uint64_t size = std::min(kZerosBytes, options_.segment_bytes - offset);
      file->write(offset, zeros.first(size));
      offset += size;
    }
    file->sync();
  } catch (...) {
    try {
      files_.remove(path);
    } catch (const IoError&) {
      // Half a file of zeros: the next start removes it.
    }
    throw;
  }
  return name;
}

std::string LocalLog::take_free_file() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) return {};
  std::string name = std::move(free_.front());
  free_.pop_front();
  return name;
}

void LocalLog::give_back_file(std::string name) {
  std::lock_guard lock(mutex_);
  free_.push_back(std::move(name));
}

void LocalLog::truncate(Position before) {
  {
    std::lock_guard lock(mutex_);
    while (live_.size() > 1 && live_[1].first_position <= before) {
      free_.push_back(segment_name(live_.front().number));
      live_.pop_front();
    }
  }
  remove_surplus_files();
}

void LocalLog::remove_surplus_files() {
  std::vector<std::string> surplus;
  {
    std::lock_guard lock(mutex_);
    while (free_.size() > options_.kept_segments) {
      surplus.push_back(std::move(free_.back()));
      free_.pop_back();
    }
  }
  for (const std::string& name : surplus) files_.remove(options_.directory / name);
}

LogStatistics LocalLog::statistics() const {
  std::lock_guard lock(mutex_);
  LogStatistics result = statistics_;
  for (const Segment& segment : live_) result.bytes += segment.bytes;
  result.segments = live_.size() + free_.size();
  return result;
}

void LocalLog::prepare_segments(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return wants_spare_; })) {
    if (free_.empty()) {
      lock.unlock();
      std::string name;
      try {
        name = create_file(Filling::kZeros);
      } catch (const std::exception& error) {
        spdlog::warn("The next log segment could not be prepared: {}", error.what());
      }
      lock.lock();
      if (!name.empty()) {
        free_.push_back(std::move(name));
      } else {
        // The append that needs the segment tries again, and tells its caller.
        wake_.wait_for(lock, stop, 1s, [] { return false; });
      }
    }
    wants_spare_ = false;
  }
}

}  // namespace rivulet::log
