#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/catalog.h"
#include "common/error.h"
#include "store/store.h"

// The one way from batches of rows to a transaction: streaming over HTTP, data connections, .ingest inline, and .set
// and .append take it. It promises:
//
// - A batch is stored whole or not at all, with whatever else its ingestion does (P2).
// - Its rows are as the table, the mapping and the policies say that hold at its turn in the order of commits (P3). The
//   transaction names the catalog that it was made under; when what decides on its rows is another by then, the
//   committer refuses it with store::CatalogOutdated, and whoever has the source of the rows makes it again.
//
// Update policies have their place in Ingestion::add(), and nowhere else: it is there that the rows of a table are known,
// parsed and not yet on their way, with the catalog that they are made under, and what it adds, to as many tables as it
// likes, is in the same log record. It runs on the thread that makes the batch, never on the committer's. The functions that
// such a policy calls are then among what store::check_made_under() compares.
//
// What only moves rows that are stored (soft delete, moves of extents, sealing, merging) makes no rows, and does not come
// by here.
namespace rivulet::ingest {

// How a batch is to lie in extents.
struct ExtentProperties {
  std::vector<std::string> tags;
  // Nothing is stored where an extent of the table has one of these (ingestIfNotExists): "ingest-by:…".
  std::vector<std::string> unless_tags;
  std::optional<Ticks> created;  // creationTime
  // From kExtentBytes on, the rows go into extents at once.
  bool is_bulk = false;

  // Whether the rows need extents of their own, however few they are.
  bool need_extents() const { return !tags.empty() || !unless_tags.empty() || created; }
};

// Rows of this size are worth extents, and the log would carry them in vain.
constexpr size_t kExtentBytes = 32 << 20;

using Extents = std::vector<std::shared_ptr<store::ExtentView>>;

// What is stored together, while it is made. Used by one thread.
class Ingestion {
 public:
  // `catalog`: what its rows are made under, as of Store::catalog().
  Ingestion(store::Store& store, std::shared_ptr<const catalog::Catalog> catalog);

  const catalog::Catalog& catalog() const { return *transaction_.made_under; }

  // Rows for a table's tail.
  void add(store::Append rows);
  // Rows for a table, as they are to lie there; `table` is the table as it will be then. Gives the extents that were
  // written; none when the rows go into the tail, or there are none. Throws what Store::write_extents() throws; the commit
  // is refused with store::TagExists where an extent has one of `unless_tags`.
  Extents add(const catalog::Table& table, store::Append rows, const ExtentProperties& properties);

  // What else it does: retry key, offsets, `alter`, `clear`.
  store::Transaction& transaction() { return transaction_; }

  // Queues it, as Store::commit() does. With is_outdated() it is to be made again.
  void commit(store::CommitCallback done) &&;

 private:
  store::Store& store_;
  store::Transaction transaction_;
};

// How often an ingestion is made, at most, before it fails with keeps_changing().
constexpr int kMostAttempts = 100;
bool is_outdated(const std::exception_ptr& error);
Error keeps_changing(std::string_view table);

// Has `make` fill an ingestion made under the newest catalog, and commits it, waiting; again while it is outdated.
// `table` is for the error. Throws what `make` and the commit throw.
store::CommitResult ingest(store::Store& store, std::string_view table,
                           const std::function<void(Ingestion&)>& make);

}  // namespace rivulet::ingest
