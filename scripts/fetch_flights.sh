#!/usr/bin/env bash
# Provides flights-3m.parquet, three million real flights that a benchmark compresses, and prints its path.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/npm_files.sh

package=vega-datasets@3.2.1
sha512=lTSwZA6yq6qSU2YZm+6bqILiIvTPPxn4itir7jPGFmHIdPvUfQ9pCzzcrklYywMJgLUbaIeSkZQdiJd6wBxPug==

cache=$(cache_folder)
file=$cache/flights-3m-3.2.1.parquet
if [ ! -e "$file" ]; then
  work=$(mktemp -d "$cache/.flights.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  fetch "$package" "$sha512" "$work" package/data/flights-3m.parquet
  mv "$work/data/flights-3m.parquet" "$file"
fi
echo "$file"
