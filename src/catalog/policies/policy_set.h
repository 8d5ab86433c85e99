#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "catalog/policies/auto_delete.h"
#include "catalog/policies/extent_tags_retention.h"
#include "catalog/policies/merge.h"
#include "catalog/policies/retention.h"
#include "catalog/policies/row_order.h"
#include "catalog/policies/sharding.h"
#include "catalog/policies/streaming_ingestion.h"

namespace rivulet::catalog {

// What the policies of a set say, of those that are obeyed. Nothing where the policy is not there.
struct PolicyValues {
  std::optional<StreamingIngestionPolicy> streaming_ingestion;
  std::optional<RetentionPolicy> retention;
  std::optional<AutoDeletePolicy> auto_delete;
  std::optional<MergePolicy> merge;
  std::optional<ShardingPolicy> sharding;
  std::optional<ExtentTagsRetentionPolicy> extent_tags_retention;
  std::optional<RowOrderPolicy> row_order;
};

// The policies of a table, a database or the cluster: the name of each, in lower case without blanks
// ("streamingingestion"), and its JSON text, and beside them what they say, parsed when they were put in. Immutable memory
// that copies share. Reads like a map that is const.
class Policies {
 public:
  using Texts = std::map<std::string, std::string, std::less<>>;

  Policies() = default;
  Policies(Texts texts);
  Policies(std::initializer_list<Texts::value_type> texts) : Policies(Texts(texts)) {}

  auto begin() const { return set_->texts.begin(); }
  auto end() const { return set_->texts.end(); }
  bool empty() const { return set_->texts.empty(); }
  auto find(std::string_view name) const { return set_->texts.find(name); }
  const std::string& at(const std::string& name) const { return set_->texts.at(name); }
  const PolicyValues& values() const { return set_->values; }

  void set(std::string_view name, std::string text);
  void erase(std::string_view name);

  bool operator==(const Policies& other) const {
    return set_ == other.set_ || set_->texts == other.set_->texts;
  }

 private:
  struct Set {
    Texts texts;
    PolicyValues values;
  };
  static const std::shared_ptr<const Set>& none();

  std::shared_ptr<const Set> set_ = none();
};

}  // namespace rivulet::catalog
