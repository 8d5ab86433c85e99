#!/usr/bin/env bash
# Runs clang-tidy over src/, or over the files named, with the flags they were compiled with.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(git ls-files 'src/*.cc')
# The flags are those of g++; clang knows fewer warnings.
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "${JOBS:-$(nproc)}" \
  clang-tidy --quiet -p build --extra-arg=-Wno-unknown-warning-option
