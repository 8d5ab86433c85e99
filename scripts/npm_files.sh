# Sourced: files out of npm packages that are pinned by version and checksum, kept in
# $RIVULET_CACHE_DIR (default ~/.cache/rivulet), so that a second clone downloads nothing.

say() { echo "${0##*/}: $*" >&2; }
die() { say "$*"; exit 1; }

# cache_folder: prints the folder, which exists then.
cache_folder() {
  local cache=$PWD/.cache
  if [ -n "${RIVULET_CACHE_DIR:-}" ]; then
    cache=$RIVULET_CACHE_DIR
  elif [ -n "${HOME:-}" ] && mkdir -p "${XDG_CACHE_HOME:-$HOME/.cache}/rivulet" 2>/dev/null; then
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/rivulet
  fi
  mkdir -p "$cache" || die "cannot write to $cache; set RIVULET_CACHE_DIR"
  echo "$cache"
}

# fetch PACKAGE SHA512 FOLDER FILE…: downloads, checks, and unpacks the files of one package.
fetch() {
  local package=$1 expected=$2 into=$3 archive actual
  command -v npm >/dev/null || die "npm is needed to download $package: run scripts/bootstrap.sh"
  say "downloading $package"
  mkdir -p "$into"
  (cd "$into" && npm pack --silent --ignore-scripts "$package" >/dev/null) ||
    die "npm pack $package failed: is the network there?"
  archive=("$into"/*.tgz)
  actual=$(openssl dgst -sha512 -binary "${archive[0]}" | base64 -w0)
  [ "$actual" = "$expected" ] ||
    die "checksum of $package is wrong: expected sha512 $expected, got $actual"
  tar -xzf "${archive[0]}" -C "$into" --strip-components=1 "${@:4}"
}
