# For test suites; source it from bash in the root of the source tree.
#
#   use_python_packages NAME REQUIREMENTS   sets `environment` to a Python environment with the packages of that
#                                           file, made at first use and kept in .cache/, or where RIVULET_CACHE_DIR
#                                           says; ends the suite as failed when they cannot be installed
use_python_packages() {
  # One environment for each list of packages.
  environment=${RIVULET_CACHE_DIR:-$PWD/.cache}/$1-$(sha256sum "$2" | cut -c 1-12)
  [ ! -e "$environment/ready" ] || return 0
  rm -rf "$environment"
  if ! python3 -m venv "$environment" >&2 ||
    ! "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$2" >&2; then
    echo "the packages of $2 could not be installed" >&2
    echo '0 passed, 1 failed'
    exit 1
  fi
  touch "$environment/ready"
}
