#!/usr/bin/env bash
# Installs what is missing to build, run or test Rivulet on Debian 12 or later, and nothing else.
#
#   scripts/bootstrap.sh [build|run|test|dev|fuzz]
#
# build: compiler, libraries, npm (for DuckDB). run: and curl. test: and Python's venv, Chromium, and Java and Maven
# (for a Kafka broker), which the benchmarks need too.
# dev: and clang-format and clang-tidy. fuzz: and clang with its sanitizers and libFuzzer.
# Says nothing and takes no time when nothing is missing.
set -euo pipefail

say() { echo "bootstrap: $*" >&2; }
die() { say "$*"; exit 1; }

packages=(
  g++ cmake ninja-build ccache make git ca-certificates openssl
  libboost-dev libsimdjson-dev libdeflate-dev librdkafka-dev libspdlog-dev libfmt-dev libcli11-dev
  libtomlplusplus-dev prometheus-cpp-dev libxxhash-dev libgtest-dev libgmock-dev libbenchmark-dev
  libgeographiclib-dev libpugixml-dev libs2-dev libicu-dev libre2-dev libssl-dev libfast-float-dev libcurl4-openssl-dev zlib1g-dev
)
case "${1:-build}" in
  build) ;;
  run) packages+=(curl) ;;
  test) packages+=(curl python3 python3-venv chromium) ;;
  dev) packages+=(curl python3 python3-venv clang-format clang-tidy) ;;
  # The package `clang` brings the compiler of a version, but not its sanitizers: those of Debian 12's.
  fuzz) packages+=(clang libclang-rt-14-dev) ;;
  *) die "unknown set '$1': build, run, test, dev or fuzz" ;;
esac

command -v dpkg-query >/dev/null ||
  die "this is not Debian: install the counterparts of these packages yourself: ${packages[*]} nodejs npm"

# `ii` is the state "installed"; a package that dpkg never heard of is simply not in the answer.
installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' "${packages[@]}" 2>/dev/null || true)
missing=()
for package in "${packages[@]}"; do
  [[ $'\n'$installed$'\n' == *$'\n'"ii  $package"$'\n'* ]] || missing+=("$package")
done
# Node and Java are often installed in another way than by Debian's package; the command is what counts.
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if [ "${1:-build}" = test ]; then
  command -v java >/dev/null || missing+=(default-jre-headless)
  command -v mvn >/dev/null || missing+=(maven)
fi
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null || die "apt-get is not here; these packages are missing: ${missing[*]}"
privileged=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    die "neither root nor sudo; ask an administrator to run: apt-get install ${missing[*]}"
  privileged=(sudo)
fi

say "installing ${missing[*]}"
"${privileged[@]}" apt-get update -qq >&2 || say "apt-get update failed; trying with what is known"
"${privileged[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 ||
  die "apt-get could not install: ${missing[*]}"
