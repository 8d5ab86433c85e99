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
constexpr Epoch kEpoch = 1;
constexpr uint64_t kPlaceBytes = 1 << 20;

[[noreturn]] void throw_damaged(const std::string& what) {
  throw internal_error(fmt::format(
      "The log is damaged: {}. Nothing was changed; restore the file, or the whole data "
      "directory, from a backup.",
      what));
}

[[noreturn]] void throw_damaged(const std::filesystem::path& path, uint64_t offset,
                                const std::string& what) {
  throw_damaged(fmt::format("{} at offset {} of {}", what, offset, path.string()));
}

uint64_t whole_pages(uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

uint64_t group_bytes_of(std::span<const Record> records) {
  uint64_t bytes = 0;
  for (Record record : records) {
    uint64_t length = 0;
    for (std::string_view piece : record) length += piece.size();
    bytes += record_bytes(length);
  }
  return bytes;
}

}  // namespace

LocalLog::LocalLog(const LocalLogOptions& options, FileSystem& files, const Clock& clock)
    : options_(options), files_(files), clock_(clock) {
  options_.segment_bytes = std::max<uint64_t>(options.segment_bytes / kPageBytes, 2) * kPageBytes;
  files_.create_directories(options_.directory);
}

LocalLog::~LocalLog() = default;

void LocalLog::Segment::note_place(Position position, uint64_t offset) {
  uint64_t last = places.empty() ? kPageBytes : places.back().offset;
  if (offset - last >= kPlaceBytes) places.push_back({position, offset});
}

TailResult LocalLog::tail(Position from, const Visitor& visitor) {
  if (is_recovered_) return read(from, visitor);
  TailResult result = recover(from, visitor);
  is_recovered_ = true;
  return result;
}

TailResult LocalLog::recover(Position from, const Visitor& visitor) {
  std::map<uint64_t, std::unique_ptr<SegmentReader>> chain, aside;
  for (const std::string& name : files_.list(options_.directory)) {
    if (name.ends_with(kSpareSuffix)) unneeded_.push_back(name);
    if (std::optional<uint64_t> marked = parse_mark_name(name)) {
      // They are sorted.
      if (mark_) unneeded_.push_back(mark_name(*mark_));
      mark_ = marked;
      is_mark_durable_ = true;
    }
    std::optional<uint64_t> number = parse_segment_name(name);
    if (!number) continue;
    auto reader = std::make_unique<SegmentReader>(files_, options_.directory / name, *number);
    (reader->header() ? chain : aside).emplace(*number, std::move(reader));
    next_segment_ = *number + 1;
  }

  uint64_t newest = chain.empty() ? 0 : chain.rbegin()->first;
  if (mark_.value_or(0) > newest) {
    std::filesystem::path path = options_.directory / segment_name(*mark_);
    auto found = aside.find(*mark_);
    throw_damaged(fmt::format(
        "its newest segment {} {} (the file {} names it)", path.string(),
        found == aside.end()
            ? "is missing"
            : fmt::format("has no valid header, and {} bytes", found->second->file_bytes()),
        mark_name(*mark_)));
  }

  TailResult result;
  if (chain.empty()) {
    for (auto& [number, reader] : aside) {
      if (!reader->is_of_later_segment() && reader->has_content()) {
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
    // A gap is told by the segment that should fill it, if it is there.
    auto check_headers = [&](uint64_t after, uint64_t before) {
      for (auto& [number, reader] : aside) {
        if (number <= after || number >= before || reader->is_of_later_segment()) continue;
        throw_damaged(fmt::format("{} has no valid header, and {} bytes", reader->path().string(),
                                  reader->file_bytes()));
      }
    };
    if (first->second->header()->first_position > from) {
      check_headers(0, first->first);
      throw_damaged(first->second->path(), 0,
                    fmt::format("records {} to {} are missing before the segment that begins", from,
                                first->second->header()->first_position - 1));
    }
    for (auto segment = first; segment != chain.end(); ++segment) {
      SegmentReader& reader = *segment->second;
      auto next = std::next(segment);
      bool is_last = next == chain.end();
      if (reader.file_bytes() < reader.header()->file_bytes) {
        throw_damaged(fmt::format("{} has {} bytes, but was made with {}", reader.path().string(),
                                  reader.file_bytes(), reader.header()->file_bytes));
      }
      Position position = reader.header()->first_position;
      Position end_position = is_last ? ~Position{0} : next->second->header()->first_position;
      Segment& live = live_.emplace_back(Segment{segment->first, position, kPageBytes});
      uint64_t& offset = live.bytes;
      while (position < end_position) {
        auto found = reader.read(offset, position, log_id_);
        if (!found) break;
        live.note_place(position, offset);
        if (position >= from) {
          visitor({position, kEpoch, found->payload});
          ++result.records;
          result.bytes += found->payload.size();
        }
        ++position;
        offset = found->end;
      }
      next_position_ = position;
      if (!is_last) {
        // A position before `from` is in the checkpoint: what is missing there is not missed.
        if (position < end_position && end_position > from) {
          check_headers(segment->first, next->first);
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
            "The log ended in a record that was not written whole, as when the power goes during a "
            "write: cut at offset {} of {}",
            offset, reader.path().string());
      }
      // So that the next start can tell a torn end from a file that was cut.
      if (reader.header()->file_bytes == 0) must_roll_ = true;
    }
    if (next_position_ < from) {
      next_position_ = from;
      must_roll_ = true;
    }
  }

  for (auto& [number, reader] : aside) {
    if (reader->is_of_later_segment()) continue;
    auto later = reader->find_later(kPageBytes, log_id_);
    if (later && later->header.position >= next_position_) {
      throw_damaged(reader->path(), 0, "a header is not valid, but the segment holds records");
    }
  }

  for (auto& [number, reader] : aside) free_.push_back(segment_name(number));
  for (auto& [number, reader] : chain) {
    if (live_.empty() || number < live_.front().number) free_.push_back(segment_name(number));
  }
  result.next = next_position_;
  return result;
}

TailResult LocalLog::read(Position from, const Visitor& visitor) {
  TailResult result;
  result.next = from;
  std::deque<Segment> segments;
  Segment::Place start{.offset = kPageBytes};
  std::multiset<uint64_t>::iterator reading;
  {
    std::lock_guard lock(mutex_);
    auto first = std::partition_point(live_.begin(), live_.end(), [from](const Segment& segment) {
      return segment.first_position <= from;
    });
    if (first == live_.begin() && !live_.empty()) {
      throw internal_error(fmt::format("Records {} to {} are not in the log {} any more", from,
                                       live_.front().first_position - 1,
                                       options_.directory.string()));
    }
    if (live_.empty()) return result;
    --first;
    start.position = first->first_position;
    for (const Segment::Place& place : first->places) {
      if (place.position <= from) start = place;
    }
    for (auto segment = first; segment != live_.end(); ++segment) {
      segments.push_back({segment->number, segment->first_position, segment->bytes, {}});
    }
    reading = read_.insert(first->number);
  }
  std::shared_ptr<void> release(nullptr, [&](void*) {
    std::lock_guard lock(mutex_);
    read_.erase(reading);
    free_segments();
  });
  for (const Segment& segment : segments) {
    if (segment.number != segments.front().number) {
      start = {segment.first_position, kPageBytes};
    }
    // One without records may be taken away by who writes.
    if (start.offset >= segment.bytes) continue;
    std::filesystem::path path = options_.directory / segment_name(segment.number);
    SegmentReader reader(files_, path, segment.number);
    while (start.offset < segment.bytes) {
      auto found = reader.read(start.offset, start.position, log_id_);
      if (!found) {
        throw_damaged(path, start.offset, fmt::format("record {} is not valid", start.position));
      }
      if (start.position >= from) {
        visitor({start.position, kEpoch, found->payload});
        ++result.records;
        result.bytes += found->payload.size();
        result.next = start.position + 1;
      }
      start = {start.position + 1, found->end};
    }
  }
  return result;
}

void LocalLog::open() {
  if (preparer_.joinable()) {
    if (is_failed_) reestablish();
    return;
  }
  if (!must_roll_) {
    const Segment& last = live_.back();
    std::filesystem::path path = options_.directory / segment_name(last.number);
    std::vector<std::byte> page(last.bytes % kPageBytes);
    files_.open(path, FileSystem::Mode::kRead)->read(last.bytes - page.size(), page);
    writer_ = std::make_unique<SegmentWriter>(files_.open(path, FileSystem::Mode::kDirect),
                                              *SegmentReader(files_, path, last.number).header(),
                                              last.bytes, page);
  }
  for (const std::string& name : unneeded_) files_.remove(options_.directory / name);
  unneeded_.clear();
  remove_surplus_files();
  preparer_ = std::jthread([this](const std::stop_token& stop) { prepare_segments(stop); });
}

void LocalLog::submit(std::span<const Record> records, Done done) {
  done(append(records));
}

Outcome LocalLog::append(std::span<const Record> records) {
  auto refused = [this] {
    return Outcome{.error = std::make_exception_ptr(unavailable(failure_))};
  };
  if (is_failed_) return refused();
  uint64_t bytes = group_bytes_of(records);

  // A group larger than a segment gets a larger one of its own.
  uint64_t end = must_roll_ ? 0 : writer_->end() + bytes;
  if (must_roll_ || end > writer_->header().file_bytes ||
      (end > options_.segment_bytes && writer_->end() > kPageBytes)) {
    if (clock_.steady_now() < next_attempt_) return refused();
    try {
      open_segment(bytes);
    } catch (const std::exception& error) {
      next_attempt_ = clock_.steady_now() + kRetryInterval;
      failure_ = fmt::format("The log cannot grow: {}. Retry later.", error.what());
      return refused();
    }
  }

  uint64_t offset = writer_->end();
  try {
    writer_->write_group(next_position_, records);
  } catch (const std::exception& error) {
    is_failed_ = true;
    failure_ = fmt::format("The log could not be written: {}. Retry later.", error.what());
    next_attempt_ = clock_.steady_now();
    spdlog::error("{} Commits are refused until the log is established again.", failure_);
    return {.kind = Outcome::Kind::kUnknown,
            .error = std::make_exception_ptr(unavailable(
                fmt::format("The log could not be written: {}. Whether the request is stored is "
                            "not known: retry it later, with its Idempotency-Key if it has one.",
                            error.what())))};
  }
  Outcome outcome{.kind = Outcome::Kind::kStored, .first = next_position_};
  next_position_ += records.size();

  std::lock_guard lock(mutex_);
  live_.back().note_place(outcome.first, offset);
  live_.back().bytes = writer_->end();
  statistics_.records += records.size();
  ++statistics_.syncs;
  if (!wants_spare_ && free_.empty() && writer_->end() > options_.segment_bytes / 2) {
    wants_spare_ = true;
    wake_.notify_one();
  }
  return outcome;
}

void LocalLog::reestablish() {
  if (clock_.steady_now() < next_attempt_) throw unavailable(failure_);
  // A segment without a single acknowledged record may be used again at once; under a new number its
  // content means nothing. It matters when the disk is full. Not the only one: the log must not be without.
  if (writer_ && writer_->header().first_position == next_position_ && live_count() > 1) {
    std::string name = segment_name(writer_->header().segment);
    writer_.reset();
    {
      std::lock_guard lock(mutex_);
      live_.pop_back();
    }
    give_back_file(std::move(name));
  }
  try {
    open_segment(0);
  } catch (const std::exception& error) {
    next_attempt_ = clock_.steady_now() + kRetryInterval;
    failure_ =
        fmt::format("The log could not be established again: {}. Retry later.", error.what());
    throw unavailable(failure_);
  }
  is_failed_ = false;
  spdlog::info("The log is established again, in segment {}", writer_->header().segment);
}

void LocalLog::open_segment(uint64_t group_bytes) {
  uint64_t newest = 0;
  {
    std::lock_guard lock(mutex_);
    if (!live_.empty()) newest = live_.back().number;
  }
  // The mark may name a segment that came to nothing, and whose file is used for another one now.
  set_mark(newest);
  std::string name = take_free_file();
  try {
    if (name.empty()) name = create_file(next_segment_ == 1 ? Filling::kZeros : Filling::kHoles);
    SegmentHeader header{next_segment_, next_position_, log_id_,
                         std::max(options_.segment_bytes, whole_pages(kPageBytes + group_bytes))};
    write_header(options_.directory / name, header);
    std::string new_name = segment_name(header.segment);
    // From here on the new segment may be on the disk, and voids whatever the current one would get.
    must_roll_ = true;
    files_.rename(options_.directory / name, options_.directory / new_name);
    name = new_name;
    ++next_segment_;
    set_mark(header.segment);
    auto writer = std::make_unique<SegmentWriter>(
        files_.open(options_.directory / name, FileSystem::Mode::kDirect), header, kPageBytes,
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

void LocalLog::write_header(const std::filesystem::path& path, const SegmentHeader& header) {
  std::unique_ptr<File> file = files_.open(path, FileSystem::Mode::kDirect);
  if (file->size() != header.file_bytes) {
    file->truncate(header.file_bytes);
    file->sync();  // before the header says so
  }
  Page page;
  encode_segment_header(header, page.bytes);
  file->write(0, page.bytes);
  file->sync();
}

size_t LocalLog::live_count() const {
  std::lock_guard lock(mutex_);
  return live_.size();
}

void LocalLog::set_mark(uint64_t segment) {
  if (mark_ == segment && is_mark_durable_) return;
  is_mark_durable_ = false;
  if (mark_ != segment) {
    std::filesystem::path path = options_.directory / mark_name(segment);
    std::filesystem::path before = options_.directory / mark_name(mark_.value_or(0));
    if (mark_ && files_.exists(before)) {
      files_.rename(before, path);
    } else {
      // There was none, or somebody removed it: the log must not stand still for that.
      files_.open(path, FileSystem::Mode::kCreate);
    }
  }
  mark_ = segment;
  files_.sync_directory(options_.directory);
  is_mark_durable_ = true;
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
    std::unique_ptr<File> file = files_.open(path, FileSystem::Mode::kDirect);
    if (filling == Filling::kHoles) file->truncate(options_.segment_bytes);
    constexpr uint64_t kZerosBytes = 1 << 20;
    std::vector<Page> pages(kZerosBytes / kPageBytes);
    std::span<const std::byte> zeros(pages.front().bytes, kZerosBytes);
    for (uint64_t offset = 0; filling == Filling::kZeros && offset < options_.segment_bytes;) {
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
  // The first to be used again, and the last to be removed: the mark may name it.
  free_.push_front(std::move(name));
}

void LocalLog::truncate(Position before) {
  {
    std::lock_guard lock(mutex_);
    needed_from_ = std::max(needed_from_, before);
    free_segments();
  }
  remove_surplus_files();
}

void LocalLog::free_segments() {
  while (live_.size() > 1 && live_[1].first_position <= needed_from_ &&
         (read_.empty() || live_.front().number < *read_.begin())) {
    free_.push_back(segment_name(live_.front().number));
    live_.pop_front();
  }
}

void LocalLog::remove_surplus_files() {
  std::vector<std::string> surplus;
  {
    std::lock_guard lock(mutex_);
    while (free_.size() > std::max<size_t>(options_.kept_segments, 1)) {
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
