#include "common/error.h"
#include "kql/binder.h"

namespace rivulet::kql {

Relation Binder::apply(const ScanOperator&, Relation, const Environment*) {
  throw not_supported("scan operator");
}

Relation Binder::apply(const ReduceOperator&, Relation, const Environment*) {
  throw not_supported("reduce operator");
}

Relation Binder::apply(const MakeGraphOperator&, Relation, const Environment*) {
  throw not_supported("make-graph operator");
}

Relation Binder::apply(const GraphMatchOperator&, Relation, const Environment*) {
  throw not_supported("graph-match operator");
}

Relation Binder::apply(const GraphToTableOperator&, Relation, const Environment*) {
  throw not_supported("graph-to-table operator");
}

Relation Binder::apply(const GraphMarkComponentsOperator&, Relation, const Environment*) {
  throw not_supported("graph-mark-components operator");
}

}  // namespace rivulet::kql
