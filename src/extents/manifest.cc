#include "extents/manifest.h"

namespace rivulet::extents {

void Manifest::add(catalog::TableId table, std::shared_ptr<const ExtentView> extent) {
  edits_[table].added.push_back(std::move(extent));
}

void Manifest::clear(catalog::TableId table) {
  auto edit = edits_.find(table);
  if (edit == edits_.end() && !tables_.contains(table)) return;
  Edit& cleared = edits_[table];
  cleared.is_cleared = true;
  for (const auto& extent : cleared.added) ExtentFiles::set_obsolete(*extent);
  cleared.added.clear();
}

void Manifest::publish(std::vector<std::shared_ptr<const ExtentList>>& garbage) {
  for (auto& [table, edit] : edits_) {
    auto found = tables_.find(table);
    auto list = std::make_shared<ExtentList>();
    if (found != tables_.end()) {
      if (edit.is_cleared) {
        for (const auto& extent : *found->second) {
          ExtentFiles::set_obsolete(*extent);
          --extent_count_;
          row_count_ -= extent->row_count;
          size_bytes_ -= extent->size_bytes;
        }
      } else {
        *list = *found->second;
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
