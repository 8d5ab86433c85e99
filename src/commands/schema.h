#pragma once

#include <string>
#include <vector>

#include "catalog/catalog.h"
#include "commands/reader.h"
#include "types/column_batch.h"

// Schemas of tables: as text, as the rows that commands answer with, and changed by column lists.
namespace rivulet::commands {

// The version that every schema carries: Rivulet does not count versions.
constexpr std::string_view kSchemaVersion = "v1.1";

// {"Name":"T","OrderedColumns":[{"Name":"a","Type":"System.Int32","CslType":"int"}]}
std::string schema_json(const catalog::Table& table);
// "a:int, ['b c']:string"
std::string schema_csl(const catalog::Table& table);

// TableName, Schema, DatabaseName, Folder, DocString.
ResultTable schema_answer();
void append_schema_row(ResultTable& answer, const catalog::Table& table,
                       const std::string& database, std::string schema);
// The answer of `.create table` and of whatever else changes one table: its schema as JSON.
ResultTable schema_json_answer(const catalog::Table& table, const std::string& database);

// TableName, DatabaseName, Folder, DocString.
ResultTable tables_answer();
void append_tables_row(ResultTable& answer, const catalog::Table& table,
                       const std::string& database);

// A table that is not in the catalog yet. Throws for names that are not valid.
catalog::Table new_table(const catalog::Catalog& catalog, const catalog::Database& database,
                         const std::string& name, const std::vector<ColumnSpec>& columns);
// Adds the columns that the table has not got; throws for one of another type.
void merge_columns(catalog::Table& table, const std::vector<ColumnSpec>& columns);
// Makes the table's columns these, in this order; a column that stays keeps its data. Throws for a
// column of another type.
void set_columns(catalog::Table& table, const std::vector<ColumnSpec>& columns);
// Folder and docstring, where the properties name them.
void set_documentation(catalog::Table& table, const Properties& properties);

}  // namespace rivulet::commands
