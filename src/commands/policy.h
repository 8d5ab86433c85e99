#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"

// What is known of each policy: where it may stand, what its JSON holds, and how Rivulet takes it.
namespace rivulet::commands {

enum class PolicyLevel { kTable, kDatabase, kCluster };

struct PolicyKind {
  std::string_view name;          // as in commands, "streamingingestion"
  std::string_view display_name;  // "StreamingIngestionPolicy"
  bool on_table = false;
  bool on_database = false;
  bool on_cluster = false;
  // Null: the policy is refused, since leaving it undone would change results or access in silence.
  // Otherwise checks the JSON text and gives it as it is stored; throws bad_request.
  std::string (*normalize)(std::string_view json) = nullptr;

  bool allows(PolicyLevel level) const;
};

// Null when there is no policy of this name.
const PolicyKind* find_policy_kind(std::string_view name);
// The names of all policies, for error texts.
std::string policy_names();

// The JSON object with the members of `changes` put over those of `base`; `base` may be empty.
std::string merge_json(std::string_view base, std::string_view changes);

// The policy that holds for a table: its own, or the database's, or the cluster's; empty when none is set.
std::string effective_policy(const catalog::Catalog& catalog, const catalog::Database& database,
                             const catalog::Table& table, std::string_view name);

}  // namespace rivulet::commands
