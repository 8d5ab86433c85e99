#include "common/error.h"
#include "kql/binder.h"

namespace rivulet::kql {

Relation Binder::apply(const ScanOperator&, Relation, const Environment*) {
  throw not_supported("scan operator");
}

Relation Binder::apply(const ReduceOperator&, Relation, const Environment*) {
  throw not_supported("reduce operator");
}

}  // namespace rivulet::kql
