#!/usr/bin/env bash
# Data connections against a real Kafka broker (tests/kafka); arguments choose tests by a part of their name.
# RIVULET_KAFKA_KILLS (20) is how often the server is killed in mid-stream.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

requirements=tests/kafka/requirements.txt
# One environment for each list of packages.
environment=${RIVULET_CACHE_DIR:-$PWD/.cache}/kafka-client-$(sha256sum "$requirements" | cut -c 1-12)
if [ ! -e "$environment/ready" ]; then
  rm -rf "$environment"
  if ! python3 -m venv "$environment" >&2 ||
    ! "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2; then
    echo 'the Kafka client of the tests could not be installed' >&2
    echo '0 passed, 1 failed'
    exit 1
  fi
  touch "$environment/ready"
fi
PYTHONDONTWRITEBYTECODE=1 exec "$environment/bin/python" tests/kafka/run.py "$@"
