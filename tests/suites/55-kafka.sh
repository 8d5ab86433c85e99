#!/usr/bin/env bash
# Data connections against a real Kafka broker (tests/kafka); arguments choose tests by a part of their name.
# RIVULET_KAFKA_KILLS (20) is how often the server is killed in mid-stream.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

source scripts/python_environment.sh
use_python_packages kafka-client tests/kafka/requirements.txt
PYTHONDONTWRITEBYTECODE=1 exec "$environment/bin/python" tests/kafka/run.py "$@"
