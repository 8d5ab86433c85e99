#include "extents/manifest.h"

#include <algorithm>

namespace rivulet::extents {

void Manifest::add(catalog::TableId table, std::shared_ptr<const ExtentView> extent) {
  edits_[table].added.push_back(std::move(extent));
}

bool Manifest::remove(catalog::TableId table, std::span<const Guid> extents) {
  std::set<Guid> missing(extents.begin(), extents.end());
  ExtentList kept;
  auto found = edits_.find(table);
  if (found != edits_.end()) {
    for (const auto& extent : found->second.added) {
      if (missing.erase(extent->id) == 0) kept.push_back(extent);
    }
    for (const Guid& extent : missing) {
      if (found->second.is_cleared || found->second.removed.contains(extent)) return false;
    }
  }
  std::vector<Guid> published(missing.begin(), missing.end());
  if (!contains(table, published)) return false;
  Edit& edit = edits_[table];
  for (const auto& extent : edit.added) {
    if (std::ranges::count(extents, extent->id) > 0) ExtentFiles::drop(*extent);
  }
  edit.added = std::move(kept);
  edit.removed.insert(published.begin(), published.end());
  return true;
}

void Manifest::clear(catalog::TableId table) {
  auto edit = edits_.find(table);
  if (edit == edits_.end() && !tables_.contains(table)) return;
  Edit& cleared = edits_[table];
  cleared.is_cleared = true;
  for (const auto& extent : cleared.added) ExtentFiles::drop(*extent);
  cleared.added.clear();
}

void Manifest::publish(std::vector<std::shared_ptr<const ExtentList>>& garbage) {
  for (auto& [table, edit] : edits_) {
    auto found = tables_.find(table);
    auto list = std::make_shared<ExtentList>();
    if (found != tables_.end()) {
      for (const auto& extent : *found->second) {
        if (!edit.is_cleared && !edit.removed.contains(extent->id)) {
          list->push_back(extent);
          continue;
        }
        ExtentFiles::drop(*extent);
        --extent_count_;
        row_count_ -= extent->row_count;
        size_bytes_ -= extent->size_bytes;
      }
      garbage.push_back(std::move(found->second));
      tables_.erase(found);
    }
    for (auto& extent : edit.added) {
      ++extent_count_;
      row_count_ += extent->row_count;
      size_bytes_ += extent->size_bytes;
      list->push_back(std::move(extent));
    }
    if (!list->empty()) tables_.emplace(table, std::move(list));
  }
  edits_.clear();
}

bool Manifest::contains(catalog::TableId table, std::span<const Guid> extents) const {
  std::set<Guid> missing(extents.begin(), extents.end());
  if (auto found = tables_.find(table); found != tables_.end()) {
    for (const auto& extent : *found->second) missing.erase(extent->id);
  }
  return missing.empty();
}

std::shared_ptr<const ExtentList> Manifest::view(catalog::TableId table) const {
  auto found = tables_.find(table);
  return found == tables_.end() ? nullptr : found->second;
}

void Manifest::for_each(
    const std::function<void(catalog::TableId, const std::shared_ptr<const ExtentList>&)>& visit)
    const {
  for (const auto& [table, list] : tables_) visit(table, list);
}

}  // namespace rivulet::extents
