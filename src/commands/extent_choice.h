#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "commands/catalog_access.h"
#include "commands/source_rows.h"

// Which extents a command means.
namespace rivulet::commands {

using ExtentPtr = std::shared_ptr<const store::ExtentView>;
using TablePtr = std::shared_ptr<const catalog::Table>;

// The bytes of its files.
uint64_t extent_bytes(const store::ExtentView& extent);
// The bytes of its rows before compression.
uint64_t data_bytes(const store::ExtentView& extent);

// trim by: only as many as it takes until all extents of the tables are of no more than this size.
struct Trim {
  uint64_t (*size_of)(const store::ExtentView&) = extent_bytes;
  uint64_t bytes = 0;
};

// Which extents are meant. What is not set does not choose.
struct Choice {
  std::vector<TableName> tables;  // none: all of the database
  std::optional<std::set<Guid>> ids;
  std::optional<Ticks> created_before;
  Ticks created_from = INT64_MIN, created_to = INT64_MAX;
  std::optional<Trim> trim;
  size_t limit = SIZE_MAX;

  bool holds(const store::ExtentView& extent) const {
    return (!ids || ids->contains(extent.id)) &&
           (!created_before || extent.max_created < *created_before) &&
           extent.max_created >= created_from && extent.min_created <= created_to;
  }
};

struct Chosen {
  TablePtr table;
  ExtentPtr extent;
};

// The extents chosen, oldest first, of the tables that the choice names or of all in the database.
std::vector<Chosen> choose(const Services& services, const std::string& database,
                           const Choice& choice);

// Throws entity_not_found for an id of the choice that is not among the chosen.
void need_all(const Choice& choice, const std::vector<Chosen>& chosen);

// Runs `attempt` until none of the extents that it replaces was gone already.
void until_current(const std::function<void()>& attempt);

// What a query gives in its column ExtentId. Throws bad_request for what is no guid.
Guid guid_cell(const Rows& rows, size_t column, size_t row);
std::set<Guid> extent_ids(const Rows& rows);

// "with (extentCreatedOnFrom = …, extentCreatedOnTo = …)", and `others`; gives what stands there.
Properties read_range(CommandReader& reader, Choice& choice,
                      std::initializer_list<std::string_view> others = {});

}  // namespace rivulet::commands
