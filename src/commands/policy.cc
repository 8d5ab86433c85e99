#include "commands/policy.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <array>
#include <span>

#include "commands/text.h"
#include "common/error.h"
#include "types/text.h"

namespace rivulet::commands {
namespace {

rapidjson::Document parse_policy(std::string_view json) {
  rapidjson::Document document;
  // What .NET's reader takes too.
  constexpr unsigned kFlags = rapidjson::kParseTrailingCommasFlag | rapidjson::kParseCommentsFlag |
                              rapidjson::kParseFullPrecisionFlag;
  document.Parse<kFlags>(json.data(), json.size());
  if (document.HasParseError()) {
    throw bad_request("The policy is not valid JSON: " +
                      std::string(rapidjson::GetParseError_En(document.GetParseError())) +
                      " At byte " + std::to_string(document.GetErrorOffset()) +
                      " of: " + std::string(json));
  }
  return document;
}

std::string write_json(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

std::string_view text_of(const rapidjson::Value& value) {
  return {value.GetString(), value.GetStringLength()};
}

// A member of a policy's JSON object. Limits are of the number, or of the timespan's ticks.
struct Member {
  enum class Kind { kBool, kNumber, kTimeSpan, kDateTime, kEnabledOrDisabled, kTagPrefix };
  std::string_view name;
  Kind kind;
  std::string_view otherwise;  // JSON where the member is not given; empty: it must be
  double min = 0;
  double max = 1e300;
};

// The JSON text of the member's value; throws bad_request.
std::string member_json(const Member& member, const rapidjson::Value& value) {
  std::string json;
  auto fail = [&](std::string_view what) {
    throw bad_request("Policy member '" + std::string(member.name) + "' must be " +
                      std::string(what) + ", and is " + write_json(value));
  };
  switch (member.kind) {
    case Member::Kind::kBool:
      if (!value.IsBool()) fail("true or false");
      return value.GetBool() ? "true" : "false";
    case Member::Kind::kNumber:
      if (value.IsNull() && member.otherwise == "null") return "null";
      if (!value.IsNumber()) fail("a number");
      if (value.GetDouble() < member.min || value.GetDouble() > member.max) {
        fail("between " + std::to_string(static_cast<int64_t>(member.min)) + " and " +
             std::to_string(static_cast<int64_t>(member.max)));
      }
      return write_json(value);
    case Member::Kind::kTimeSpan: {
      auto ticks = value.IsString() ? parse_timespan(text_of(value)) : std::nullopt;
      if (!ticks) fail("a timespan, such as \"7.00:00:00\"");
      auto seconds = static_cast<double>(*ticks) / kTicksPerSecond;
      if (seconds < member.min || seconds > member.max) {
        std::string least;
        std::string most;
        append_timespan(least, static_cast<int64_t>(member.min * kTicksPerSecond));
        append_timespan(most, static_cast<int64_t>(member.max * kTicksPerSecond));
        fail("between " + least + " and " + most);
      }
      json = "\"";
      append_timespan(json, *ticks);
      return json + "\"";
    }
    case Member::Kind::kDateTime: {
      auto ticks = value.IsString() ? parse_datetime(text_of(value)) : std::nullopt;
      if (!ticks) fail("a datetime");
      json = "\"";
      append_datetime(json, *ticks);
      return json + "\"";
    }
    case Member::Kind::kEnabledOrDisabled:
      if (value.IsString() && equals_ignoring_case(text_of(value), "enabled")) return "\"Enabled\"";
      if (value.IsString() && equals_ignoring_case(text_of(value), "disabled"))
        return "\"Disabled\"";
      fail("\"Enabled\" or \"Disabled\"");
      break;
    case Member::Kind::kTagPrefix:
      // As Kusto has it: a colon at the end, and no other.
      if (!value.IsString() || text_of(value).size() < 2 ||
          text_of(value).find(':') != text_of(value).size() - 1) {
        fail("a text that ends in its only colon, such as \"drop-by:\"");
      }
      return write_json(value);
  }
  return json;
}

std::string normalize_members(const rapidjson::Value& document, std::span<const Member> members) {
  if (!document.IsObject())
    throw bad_request("The policy must be a JSON object, and is " + write_json(document));
  for (const auto& given : document.GetObject()) {
    bool is_known = std::ranges::any_of(members, [&](const Member& member) {
      return equals_ignoring_case(member.name, text_of(given.name));
    });
    if (!is_known) {
      std::string names;
      for (const Member& member : members) {
        names += (names.empty() ? "" : ", ") + std::string(member.name);
      }
      throw bad_request("The policy has no member '" + std::string(text_of(given.name)) +
                        "'; it has: " + names);
    }
  }
  std::string normal = "{";
  for (const Member& member : members) {
    std::string value(member.otherwise);
    for (const auto& given : document.GetObject()) {
      if (equals_ignoring_case(member.name, text_of(given.name)))
        value = member_json(member, given.value);
    }
    if (value.empty()) {
      throw bad_request("Policy member '" + std::string(member.name) + "' must be given");
    }
    if (normal.size() > 1) normal += ',';
    append_json_string(normal, member.name);
    normal += ':';
    normal += value;
  }
  return normal + "}";
}

std::string normalize_members(std::string_view json, std::span<const Member> members) {
  return normalize_members(parse_policy(json), members);
}

std::string normalize_streaming(std::string_view json) {
  static constexpr Member kMembers[] = {{"IsEnabled", Member::Kind::kBool, ""},
                                        {"HintAllocatedRate", Member::Kind::kNumber, "null"}};
  return normalize_members(json, kMembers);
}

std::string normalize_retention(std::string_view json) {
  // A period of zero means that nothing is kept, which would have to act while ingesting.
  constexpr double kYears100 = 36500.0 * 24 * 3600;
  static constexpr Member kMembers[] = {
      {"SoftDeletePeriod", Member::Kind::kTimeSpan, "\"36500.00:00:00\"", 1, kYears100 * 1000},
      {"Recoverability", Member::Kind::kEnabledOrDisabled, "\"Enabled\""}};
  return normalize_members(json, kMembers);
}

std::string normalize_batching(std::string_view json) {
  static constexpr Member kMembers[] = {
      {"MaximumBatchingTimeSpan", Member::Kind::kTimeSpan, "\"00:05:00\"", 10, 1800},
      {"MaximumNumberOfItems", Member::Kind::kNumber, "500", 1, 25000},
      {"MaximumRawDataSizeMB", Member::Kind::kNumber, "1024", 100, 4096}};
  return normalize_members(json, kMembers);
}

std::string normalize_auto_delete(std::string_view json) {
  static constexpr Member kMembers[] = {{"ExpiryDate", Member::Kind::kDateTime, ""},
                                        {"DeleteIfNotEmpty", Member::Kind::kBool, "false"}};
  return normalize_members(json, kMembers);
}

std::string normalize_sharding(std::string_view json) {
  // An extent is made of chunks of 2,048 rows.
  static constexpr Member kMembers[] = {
      {"ShardEngineMaxRowCount", Member::Kind::kNumber, "1048576", 2048, 1e9},
      {"ShardEngineMaxExtentSizeInMb", Member::Kind::kNumber, "8192", 1, 1e9},
      {"ShardEngineMaxOriginalSizeInMb", Member::Kind::kNumber, "3072", 1, 1e9}};
  return normalize_members(json, kMembers);
}

// [{"TagPrefix":"drop-by:","RetentionPeriod":"3.00:00:00"}, …]
std::string normalize_tag_retention(std::string_view json) {
  static constexpr Member kMembers[] = {
      {"TagPrefix", Member::Kind::kTagPrefix, ""},
      {"RetentionPeriod", Member::Kind::kTimeSpan, "", 0, 3650.0 * 24 * 3600 * 1000}};
  rapidjson::Document document = parse_policy(json);
  if (!document.IsArray()) {
    throw bad_request("The policy must be a JSON array of objects: " + std::string(json));
  }
  std::string normal = "[";
  for (const auto& rule : document.GetArray()) {
    if (normal.size() > 1) normal += ',';
    normal += normalize_members(rule, kMembers);
  }
  return normal + "]";
}

std::string normalize_ingestion_time(std::string_view json) {
  static constexpr Member kMembers[] = {{"IsEnabled", Member::Kind::kBool, ""}};
  std::string normal = normalize_members(json, kMembers);
  if (normal != "{\"IsEnabled\":true}") {
    throw not_supported("turning the ingestiontime policy off");
  }
  return normal;
}

std::string normalize_any(std::string_view json) {
  rapidjson::Document document = parse_policy(json);
  if (!document.IsObject() && !document.IsArray()) {
    throw bad_request("The policy must be a JSON object or array: " + std::string(json));
  }
  return write_json(document);
}

// {"RowOrder":["a asc","b desc"]}.
std::string normalize_row_order(std::string_view json) {
  rapidjson::Document document = parse_policy(json);
  auto order = document.IsObject() ? document.FindMember("RowOrder") : document.MemberEnd();
  bool is_order = document.IsObject() && order != document.MemberEnd() && order->value.IsArray();
  for (size_t i = 0; is_order && i < order->value.Size(); ++i) {
    const auto& item = order->value[static_cast<unsigned>(i)];
    is_order =
        item.IsString() && (text_of(item).ends_with(" asc") || text_of(item).ends_with(" desc"));
  }
  if (!is_order)
    throw bad_request("The row order policy must be {\"RowOrder\":[\"column asc\", …]}");
  return write_json(document);
}

// Kept and shown: streamingingestion, which acts; and those that in Kusto only guide when work is done and
// at what cost. Refused: those that decide what a query sees or who may see it.
constexpr std::array kKinds{
    PolicyKind{"streamingingestion", "StreamingIngestionPolicy", true, true, true,
               normalize_streaming},
    PolicyKind{"ingestionbatching", "IngestionBatchingPolicy", true, true, true,
               normalize_batching},
    PolicyKind{"retention", "RetentionPolicy", true, true, false, normalize_retention},
    PolicyKind{"caching", "CachingPolicy", true, true, true, normalize_any},
    PolicyKind{"merge", "ExtentsMergePolicy", true, true, false, normalize_any},
    PolicyKind{"sharding", "ExtentsShardingPolicy", true, true, true, normalize_sharding},
    PolicyKind{"partitioning", "PartitioningPolicy", true, false, false, normalize_any},
    PolicyKind{"encoding", "EncodingPolicy", true, true, false, normalize_any},
    PolicyKind{"extent_tags_retention", "ExtentTagsRetentionPolicy", true, true, false,
               normalize_tag_retention},
    PolicyKind{"auto_delete", "AutoDeletePolicy", true, false, false, normalize_auto_delete},
    PolicyKind{"ingestiontime", "IngestionTimePolicy", true, false, false,
               normalize_ingestion_time},
    PolicyKind{"update", "UpdatePolicy", true, false, false},
    PolicyKind{"row_level_security", "RowLevelSecurityPolicy", true, false, false},
    PolicyKind{"restricted_view_access", "RestrictedViewAccessPolicy", true, false, false},
    PolicyKind{"roworder", "RowOrderPolicy", true, false, false, normalize_row_order},
    PolicyKind{"mirroring", "MirroringPolicy", true, false, false},
    PolicyKind{"managed_identity", "ManagedIdentityPolicy", false, true, true},
    PolicyKind{"diagnostics", "DiagnosticsPolicy", false, true, true},
    PolicyKind{"callout", "CalloutPolicy", false, false, true},
    PolicyKind{"capacity", "CapacityPolicy", false, false, true},
    PolicyKind{"request_classification", "RequestClassificationPolicy", false, false, true},
    PolicyKind{"multidatabaseadmins", "MultiDatabaseAdminsPolicy", false, false, true},
    PolicyKind{"query_weak_consistency", "QueryWeakConsistencyPolicy", false, false, true},
    PolicyKind{"rowstore", "RowStorePolicy", false, false, true},
    PolicyKind{"sandbox", "SandboxPolicy", false, false, true},
};

}  // namespace

bool PolicyKind::allows(PolicyLevel level) const {
  switch (level) {
    case PolicyLevel::kTable:
      return on_table;
    case PolicyLevel::kDatabase:
      return on_database;
    case PolicyLevel::kCluster:
      return on_cluster;
  }
  return false;
}

const PolicyKind* find_policy_kind(std::string_view name) {
  auto found = std::ranges::find(kKinds, name, &PolicyKind::name);
  return found == kKinds.end() ? nullptr : &*found;
}

std::string policy_names() {
  std::string names;
  for (const PolicyKind& kind : kKinds)
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  return names;
}

std::string merge_json(std::string_view base, std::string_view changes) {
  rapidjson::Document changed = parse_policy(changes);
  if (base.empty() || !changed.IsObject()) return write_json(changed);
  rapidjson::Document document = parse_policy(base);
  if (!document.IsObject()) return write_json(changed);
  for (auto& change : changed.GetObject()) {
    bool is_new = true;
    for (auto& member : document.GetObject()) {
      if (!equals_ignoring_case(text_of(member.name), text_of(change.name))) continue;
      member.value.CopyFrom(change.value, document.GetAllocator());
      is_new = false;
    }
    if (!is_new) continue;
    rapidjson::Value name(change.name, document.GetAllocator());
    rapidjson::Value value(change.value, document.GetAllocator());
    document.AddMember(name, value, document.GetAllocator());
  }
  return write_json(document);
}

std::string effective_policy(const catalog::Catalog& catalog, const catalog::Database& database,
                             const catalog::Table& table, std::string_view name) {
  for (const catalog::Policies* policies :
       {&table.policies, &database.policies, &catalog.cluster_policies()}) {
    auto found = policies->find(name);
    if (found != policies->end()) return found->second;
  }
  return "";
}

}  // namespace rivulet::commands
