#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/guid.h"
#include "objects/object_store.h"

// Which terms the texts of an extent hold, as Bloom filters: docs/extents.md.
//
// A term is a maximal run of ASCII letters and digits, without regard to case. KQL's own terms are of any
// script; where one text holds another as whole terms of those, each run of the one is a run of the other.
namespace rivulet::extents {

// Gathers the terms of one column.
class TermGatherer {
 public:
  static constexpr size_t kMaxTerms = 100'000;

  void add(std::string_view text);
  // The bits of the filter; empty when there were too many terms.
  std::vector<uint64_t> finish() const;

 private:
  void insert(uint64_t hash);

  std::vector<uint64_t> slots_;  // open addressing; 0 is free
  size_t count_ = 0;
  bool is_full_ = false;
};

// The filters of an extent's columns.
class ExtentTerms {
 public:
  void add(uint32_t column_id, std::vector<uint64_t> bits) {
    columns_.emplace(column_id, std::move(bits));
  }
  bool empty() const { return columns_.empty(); }
  size_t memory_bytes() const;
  // False: no text of the column holds all terms of `text`.
  bool may_hold(uint32_t column_id, std::string_view text) const;

  std::string encode() const;
  // Null when the bytes are no filters.
  static std::shared_ptr<const ExtentTerms> decode(std::string_view bytes);

 private:
  std::map<uint32_t, std::vector<uint64_t>> columns_;
};

// Whether the text has a term at all.
bool has_terms(std::string_view text);

// The filters of extents that were asked for lately, read from their files. Thread-safe.
class TermCache {
 public:
  TermCache(const objects::ObjectStore& objects, size_t limit_bytes)
      : objects_(objects), limit_bytes_(limit_bytes) {}

  // Null when there are none, or the object cannot be read: they only save work.
  std::shared_ptr<const ExtentTerms> find(const Guid& extent);

 private:
  struct Entry {
    Guid extent;
    std::shared_ptr<const ExtentTerms> terms;
    size_t bytes = 0;
  };

  const objects::ObjectStore& objects_;
  const size_t limit_bytes_;
  std::mutex mutex_;
  std::list<Entry> entries_;  // the one asked for last comes first
  std::map<Guid, std::list<Entry>::iterator> by_extent_;
  size_t bytes_ = 0;
};

}  // namespace rivulet::extents
