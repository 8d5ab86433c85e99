#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "types/scalar_type.h"

namespace rivulet::catalog {

struct ColumnDef {
  // Unique in its table for ever: a renamed column keeps it; a column whose type is changed, or that is
  // dropped and added again, gets a new one (its old values are then no longer seen).
  uint32_t id = 0;
  std::string name;
  ScalarType type = ScalarType::kString;
  std::string docstring;

  bool operator==(const ColumnDef&) const = default;
};

// The columns of a table, in their order: a vector that its copies share, so that very many tables that were
// made alike hold one (ColumnListPool). Reads like a vector that is const.
class ColumnList {
 public:
  ColumnList() = default;
  ColumnList(std::vector<ColumnDef> columns)
      : columns_(std::make_shared<const std::vector<ColumnDef>>(std::move(columns))) {}
  ColumnList(std::initializer_list<ColumnDef> columns)
      : ColumnList(std::vector<ColumnDef>(columns)) {}

  auto begin() const { return columns_->begin(); }
  auto end() const { return columns_->end(); }
  size_t size() const { return columns_->size(); }
  bool empty() const { return columns_->empty(); }
  const ColumnDef& operator[](size_t i) const { return (*columns_)[i]; }
  const ColumnDef& front() const { return columns_->front(); }
  const ColumnDef& back() const { return columns_->back(); }
  // The columns in memory of their own, to be changed until this list is copied.
  std::vector<ColumnDef>& edit();

  bool operator==(const ColumnList& other) const {
    return columns_ == other.columns_ || *columns_ == *other.columns_;
  }

 private:
  friend class ColumnListPool;
  static const std::shared_ptr<const std::vector<ColumnDef>>& none();

  std::shared_ptr<const std::vector<ColumnDef>> columns_ = none();
};

// Gives equal lists the same memory. Thread-safe.
class ColumnListPool {
 public:
  ColumnList share(const ColumnList& list);
  size_t size();

 private:
  struct Hash {
    size_t operator()(const ColumnList& list) const;
  };

  std::mutex mutex_;
  std::unordered_set<ColumnList, Hash> lists_;  // guarded by mutex_
  size_t purge_size_ =
      64;  // of lists_, when those that no table has any more go; guarded by mutex_
};

}  // namespace rivulet::catalog
