#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/binary.h"
#include "store/store.h"

namespace rivulet::store {

// Positions by owner, stream and partition. Not thread-safe.
class ProgressMap {
 public:
  // What is there for a partition; `expected` and `position` are not looked at.
  std::optional<int64_t> find(const Progress& partition) const;
  // Makes it `position`.
  void set(const Progress& progress);
  void set_all(const ProgressMap& other);
  void drop(const Guid& owner);
  void clear();

  // In order, `expected` unset: those of one owner, or all.
  std::vector<Progress> of(const Guid& owner) const;
  std::vector<Progress> all() const;

 private:
  struct Partition {
    Guid owner;
    std::string stream;
    int32_t partition = 0;

    auto operator<=>(const Partition&) const = default;
  };
  using Iterator = std::map<Partition, int64_t>::const_iterator;

  std::pair<Iterator, Iterator> range(const Guid& owner) const;
  static std::vector<Progress> listed(Iterator first, Iterator end);

  std::map<Partition, int64_t> positions_;
};

// As bytes (docs/log-format.md): owner and stream, then the partitions of it that stand together, the count of
// which is returned. At least one.
size_t encode_progress(std::string& out, std::span<const Progress> list);
// What one call encoded. Throws std::runtime_error on damage.
std::vector<Progress> decode_progress(ByteReader& reader);

}  // namespace rivulet::store
