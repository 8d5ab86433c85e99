#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "catalog/column_list.h"
#include "catalog/persistent_map.h"
#include "catalog/policies/policy_set.h"
#include "common/clock.h"
#include "common/guid.h"
#include "types/scalar_type.h"

// What exists: databases, tables, columns, functions, ingestion mappings, policies. A Catalog is an
// immutable value; a Change makes a new one that shares all that did not change. The newest catalog is
// the fold of every Change in the log, in the log's order, and nothing else.
namespace rivulet::catalog {

using DatabaseId = uint64_t;  // ids are never used again after a drop
using TableId = uint64_t;

struct IngestionMapping {
  std::string kind;  // "csv", "json", … lower case
  std::string name;  // case-sensitive
  std::string text;  // the JSON array as the user gave it, string literals joined
  Ticks last_updated = 0;

  bool operator==(const IngestionMapping&) const = default;
};

struct Table {
  TableId id = 0;
  DatabaseId database_id = 0;
  Guid guid;
  std::string name;
  std::string folder;
  std::string docstring;
  ColumnList columns;
  uint32_t next_column_id = 1;
  Policies policies;
  std::vector<IngestionMapping> mappings;

  const ColumnDef* find_column(std::string_view column_name) const;
  const IngestionMapping* find_mapping(std::string_view kind, std::string_view mapping_name) const;
};

// A stored function: `parameters` is "(a:long, T:(x:string))" and `body` "{ … }", as KQL text.
struct Function {
  std::string name;
  std::string parameters;
  std::string body;
  std::string folder;
  std::string docstring;

  bool operator==(const Function&) const = default;
};

// A stream that is read into a database. `settings` is JSON that only src/sources understands.
struct DataConnection {
  Guid id;
  std::string name;
  std::string kind;  // "eventhub", "kafka"
  std::string settings;
  bool is_enabled = true;

  bool operator==(const DataConnection&) const = default;
};

class Database {
 public:
  DatabaseId id = 0;
  Guid guid;
  std::string name;
  std::string pretty_name;
  Policies policies;
  std::vector<IngestionMapping> mappings;

  // Null when there is none. Names are case-sensitive.
  std::shared_ptr<const Table> find_table(std::string_view table_name) const;
  // Sorted by name. O(n log n): for listings.
  std::vector<std::shared_ptr<const Table>> tables() const;
  size_t table_count() const { return tables_.size(); }
  const Function* find_function(std::string_view function_name) const;
  const std::map<std::string, Function, std::less<>>& functions() const { return *functions_; }
  const std::map<std::string, DataConnection, std::less<>>& data_connections() const {
    return *data_connections_;
  }

 private:
  friend class Catalog;
  struct TableByName {
    static std::string_view key(const std::shared_ptr<const Table>& table) { return table->name; }
  };
  PersistentMap<std::shared_ptr<const Table>, TableByName> tables_;
  std::shared_ptr<const std::map<std::string, Function, std::less<>>> functions_ =
      std::make_shared<const std::map<std::string, Function, std::less<>>>();
  std::shared_ptr<const std::map<std::string, DataConnection, std::less<>>> data_connections_ =
      std::make_shared<const std::map<std::string, DataConnection, std::less<>>>();
};

// One step of the fold. Each puts or removes a whole entity, so that applying is simple and exact; the
// commands that make them look at the newest catalog first (see Store::commit).
struct PutDatabase {  // creates, or replaces all but tables, functions and data connections
  DatabaseId id = 0;
  Guid guid;
  std::string name;
  std::string pretty_name;
  Policies policies;
  std::vector<IngestionMapping> mappings;
};
struct DropDatabase {
  DatabaseId id = 0;
};
struct PutTable {  // creates, or replaces the table of this id, under a new name too
  Table table;
};
struct DropTable {
  TableId id = 0;
};
struct PutFunction {
  DatabaseId database_id = 0;
  Function function;
};
struct DropFunction {
  DatabaseId database_id = 0;
  std::string name;
};
struct PutDataConnection {
  DatabaseId database_id = 0;
  DataConnection connection;
};
struct DropDataConnection {
  DatabaseId database_id = 0;
  std::string name;
};
struct PutClusterPolicies {
  Policies policies;
};
// Ids below these are not given again, though nothing may carry them any more. changes() needs it.
struct ReserveIds {
  DatabaseId next_database_id = 1;
  TableId next_table_id = 1;
};
using Change =
    std::variant<PutDatabase, DropDatabase, PutTable, DropTable, PutFunction, DropFunction,
                 PutDataConnection, DropDataConnection, PutClusterPolicies, ReserveIds>;

// Thread-safe to read, being immutable.
class Catalog {
 public:
  // Holds nothing; the first ids it gives are 1.
  Catalog() = default;

  // The catalog after `change`. The change must be possible (ids exist, names are free): an impossible
  // one in a log is damage, and throws std::runtime_error.
  std::shared_ptr<const Catalog> apply(const Change& change) const;

  std::shared_ptr<const Database> find_database(std::string_view name) const;
  std::shared_ptr<const Database> find_database(DatabaseId id) const;
  std::vector<std::shared_ptr<const Database>> databases() const;  // sorted by name
  std::shared_ptr<const Table> find_table(TableId id) const;
  const Policies& cluster_policies() const { return cluster_policies_; }
  // Ids for the next PutDatabase and PutTable that create; the fold raises them past every id seen.
  DatabaseId next_database_id() const { return next_database_id_; }
  TableId next_table_id() const { return next_table_id_; }
  size_t table_count() const { return tables_.size(); }

  // Every entity as changes that rebuild this catalog from an empty one, ids included: what a checkpoint
  // holds.
  std::vector<Change> changes() const;

 private:
  void put(const PutDatabase& change);
  void put(const DropDatabase& change);
  void put(const PutTable& change);
  void put(const DropTable& change);
  void put(const PutFunction& change);
  void put(const DropFunction& change);
  void put(const PutDataConnection& change);
  void put(const DropDataConnection& change);
  void put(const PutClusterPolicies& change);
  void put(const ReserveIds& change);
  // A copy of the database, to be changed and given to replace_database. Throws when there is none.
  std::shared_ptr<Database> copy_database(DatabaseId id) const;
  void replace_database(std::shared_ptr<const Database> database);

  struct DatabaseByName {
    static std::string_view key(const std::shared_ptr<const Database>& value) {
      return value->name;
    }
  };
  struct ById {
    template <typename T>
    static uint64_t key(const std::shared_ptr<const T>& value) {
      return value->id;
    }
  };
  PersistentMap<std::shared_ptr<const Database>, DatabaseByName> databases_by_name_;
  PersistentMap<std::shared_ptr<const Database>, ById> databases_;
  PersistentMap<std::shared_ptr<const Table>, ById> tables_;
  std::shared_ptr<ColumnListPool> column_lists_ = std::make_shared<ColumnListPool>();
  Policies cluster_policies_;
  DatabaseId next_database_id_ = 1;
  TableId next_table_id_ = 1;
};

// The bytes of a change in the log, and back. decode_change throws std::runtime_error on damage; it
// accepts what every older version wrote.
std::string encode_change(const Change& change);
Change decode_change(std::string_view bytes);

}  // namespace rivulet::catalog
