#include "catalog/column_list.h"

#include <algorithm>
#include <functional>

namespace rivulet::catalog {

const std::shared_ptr<const std::vector<ColumnDef>>& ColumnList::none() {
  static const auto empty = std::make_shared<const std::vector<ColumnDef>>();
  return empty;
}

std::vector<ColumnDef>& ColumnList::edit() {
  auto own = std::make_shared<std::vector<ColumnDef>>(*columns_);
  columns_ = own;
  return *own;
}

size_t ColumnListPool::Hash::operator()(const ColumnList& list) const {
  size_t hash = list.size();
  for (const ColumnDef& column : list) {
    hash = hash * 31 + std::hash<std::string>()(column.name) + static_cast<size_t>(column.type);
  }
  return hash;
}

ColumnList ColumnListPool::share(const ColumnList& list) {
  std::lock_guard lock(mutex_);
  auto [found, is_new] = lists_.insert(list);
  ColumnList shared = *found;
  if (is_new && lists_.size() > purge_size_) {
    std::erase_if(lists_, [](const ColumnList& held) { return held.columns_.use_count() == 1; });
    purge_size_ = std::max<size_t>(64, 2 * lists_.size());
  }
  return shared;
}

size_t ColumnListPool::size() {
  std::lock_guard lock(mutex_);
  return lists_.size();
}

}  // namespace rivulet::catalog
