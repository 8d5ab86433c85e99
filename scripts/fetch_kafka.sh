#!/usr/bin/env bash
# Provides the jars of Apache Kafka, for a broker in tests and benchmarks, and prints their folder.
# Maven brings what tests/kafka/pom.xml names, and what that needs; tests/kafka/jars.sha256 has the checksums.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/npm_files.sh

checksums=$PWD/tests/kafka/jars.sha256
cache=$(cache_folder)
# One folder for each list; it appears by one rename, after everything in it was checked.
folder=$cache/kafka-$(sha256sum "$checksums" | cut -c 1-12)
if [ ! -d "$folder" ]; then
  command -v mvn >/dev/null || die "Maven is needed to download Apache Kafka: run scripts/bootstrap.sh test"
  work=$(mktemp -d "$cache/.kafka.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  say 'downloading Apache Kafka'
  mvn --quiet --batch-mode --file tests/kafka/pom.xml dependency:copy-dependencies -DoutputDirectory="$work/jars" >&2 ||
    die 'Maven could not bring Apache Kafka: is the network there?'
  (cd "$work/jars" && sha256sum --quiet --strict --check "$checksums") >&2 || die 'a checksum of Apache Kafka is wrong'
  # A jar that the list does not name must not be run.
  for jar in "$work/jars"/*; do
    grep -qF "  ${jar##*/}" "$checksums" || die "${jar##*/} is not in tests/kafka/jars.sha256"
  done
  # Another clone may have finished meanwhile: its copy is as good.
  mv -T "$work/jars" "$folder" 2>/dev/null || [ -d "$folder" ] || die "cannot write $folder"
fi
echo "$folder"
