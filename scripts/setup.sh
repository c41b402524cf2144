#!/bin/sh
# Installs the Debian packages that running or testing needs, and nothing when they are there: sh scripts/setup.sh run|test
set -eu

# command:package. perf records; the others are only for tests: a real browser, and real programs to record and to
# compare with.
run='perf:linux-perf'
test="$run chromium:chromium gcc:gcc g++:g++ objdump:binutils xz:xz-utils python3:python3 go:golang-go rustc:rustc
  javac:default-jdk-headless"

case "${1:-}" in
  run) wanted=$run ;;
  test) wanted=$test ;;
  *) echo 'usage: scripts/setup.sh run|test' >&2; exit 2 ;;
esac

missing=
for pair in $wanted; do
  command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
  echo "Missing, and this is not Debian; install what corresponds to:$missing" >&2
  exit 2
fi
if [ "$(id -u)" != 0 ]; then
  echo "Missing Debian packages; as root run: apt-get install -y$missing" >&2
  exit 2
fi
echo "Installing Debian packages:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of packages
apt-get install -q -y --no-install-recommends $missing
