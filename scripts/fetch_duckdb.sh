#!/usr/bin/env bash
# Provides DuckDB's prebuilt library and its C header, and prints the folder that holds them.
# They come from two npm packages.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/npm_files.sh

library_package=@duckdb/node-bindings-linux-x64@1.5.6-r.1
library_sha512=IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q==
header_package=duckdb@1.4.4
header_sha512=hEJJ5hyVF0VLj3dmOLpsWrQR0b3d4Ykqtygm6iUXjHJDDnSqg/USKxcb5qvNrOhFYPgktayU6dXCtgPqcmmpog==

cache=$(cache_folder)
folder=$cache/duckdb-1.5.6-r.1

# The folder appears by one rename, after everything in it was checked.
if [ -e "$folder/libduckdb.so" ] && [ -e "$folder/duckdb.h" ]; then
  echo "$folder"
  exit 0
fi

[ "$(uname -sm)" = "Linux x86_64" ] || die "DuckDB is pinned for Linux on x86-64 only, not for $(uname -sm)"
work=$(mktemp -d "$cache/.duckdb.XXXXXX")
trap 'rm -rf "$work"' EXIT

fetch "$library_package" "$library_sha512" "$work/library" package/libduckdb.so package/LICENSE
fetch "$header_package" "$header_sha512" "$work/header" \
  package/src/duckdb/src/include/duckdb.h package/LICENSE

mkdir "$work/ready"
mv "$work/library/libduckdb.so" "$work/ready/"
mv "$work/library/LICENSE" "$work/ready/LICENSE.libduckdb"
mv "$work/header/src/duckdb/src/include/duckdb.h" "$work/ready/"
mv "$work/header/LICENSE" "$work/ready/LICENSE.duckdb.h"
chmod 755 "$work/ready" "$work/ready/libduckdb.so"
# Another clone may have finished meanwhile: its copy is as good.
mv -T "$work/ready" "$folder" 2>/dev/null || [ -e "$folder/duckdb.h" ] || die "cannot write $folder"
echo "$folder"
