#pragma once

#include <string>
#include <string_view>

// What is known of each policy: where it may stand, what its JSON holds, and how it is taken. A policy has a file of its own
// in this folder, and a line in policy_kind.cc; one that is obeyed has a typed value too (PolicyValues).
namespace rivulet::catalog {

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

}  // namespace rivulet::catalog
