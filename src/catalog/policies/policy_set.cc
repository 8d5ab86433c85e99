#include "catalog/policies/policy_set.h"

namespace rivulet::catalog {

namespace {

template <typename Policy>
void read(const Policies::Texts& texts, const PolicyKind& kind, std::optional<Policy>& value) {
  if (auto found = texts.find(kind.name); found != texts.end())
    value = Policy::parse(found->second);
}

PolicyValues values_of(const Policies::Texts& texts) {
  PolicyValues values;
  read(texts, kStreamingIngestionPolicy, values.streaming_ingestion);
  read(texts, kRetentionPolicy, values.retention);
  read(texts, kAutoDeletePolicy, values.auto_delete);
  read(texts, kMergePolicy, values.merge);
  read(texts, kShardingPolicy, values.sharding);
  read(texts, kExtentTagsRetentionPolicy, values.extent_tags_retention);
  read(texts, kRowOrderPolicy, values.row_order);
  return values;
}

}  // namespace

Policies::Policies(Texts texts) {
  if (texts.empty()) return;
  auto set = std::make_shared<Set>();
  set->values = values_of(texts);
  set->texts = std::move(texts);
  set_ = std::move(set);
}

const std::shared_ptr<const Policies::Set>& Policies::none() {
  static const auto empty = std::make_shared<const Set>();
  return empty;
}

void Policies::set(std::string_view name, std::string text) {
  Texts texts = set_->texts;
  texts.insert_or_assign(std::string(name), std::move(text));
  *this = Policies(std::move(texts));
}

void Policies::erase(std::string_view name) {
  Texts texts = set_->texts;
  if (auto found = texts.find(name); found != texts.end()) texts.erase(found);
  *this = Policies(std::move(texts));
}

}  // namespace rivulet::catalog
